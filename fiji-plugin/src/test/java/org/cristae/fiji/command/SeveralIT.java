package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.choose;
import static org.cristae.fiji.command.Windows.chosen;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.clickNamed;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.text;
import static org.cristae.fiji.command.Windows.type;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.frame.Recorder;
import ij.process.ImageProcessor;
import java.awt.Window;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.LabelledVolume;
import org.cristae.v1.TrainingSpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Training on several stacks, and on the labels of several people. */
@Timeout(480)
class SeveralIT {
  /** Of another shape than the first stack, and with a comma and spaces in its title. */
  private static final String SECOND = "b, my stack";

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
    RealImageJ.forgetModels();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  /** Two stacks, the labels of the second one, and those of the first by two people. */
  @BeforeEach
  void open() {
    RealImageJ.stack("a.tif", 3, 31);
    RealImageJ.stack(SECOND + ".tif", 4, 32);
    draw(RealImageJ.labels("a-labels.tif", 3), new Roi(40, 0, 1, 1));
    draw(RealImageJ.labels(SECOND + "-labels.tif", 4), new Roi(41, 0, 1, 1));
    draw(RealImageJ.labels("other.tif", 3), new Roi(30, 20, 12, 12));
    IJ.selectWindow("a.tif");
  }

  /** Labels as no other test has them: the name under which they are sent first stays. */
  private static void draw(ImagePlus labels, Roi roi) {
    ImageProcessor first = labels.getStack().getProcessor(1);
    first.setValue(1);
    first.fill(roi);
  }

  @AfterEach
  void close() throws Exception {
    RealImageJ.tidy();
    RealImageJ.cancelJobs();
  }

  private static Client client() throws Exception {
    return Connection.open(Progress.NONE, new Cancellation());
  }

  /** The names of all volumes of the newest training. */
  private static List<String> sent() throws Exception {
    List<String> ids = new ArrayList<>();
    TrainingSpec spec = new org.cristae.fiji.client.Jobs(client()).list(1).get(0).getTraining();
    for (LabelledVolume volume : spec.getVolumesList()) {
      ids.add(volume.getImageVolumeId());
      ids.add(volume.getLabelsVolumeId());
      ids.addAll(volume.getFurtherLabelsVolumeIdsList());
    }
    List<String> names = new ArrayList<>();
    for (String id : ids) {
      names.add(Download.describe(client(), id).getSpec().getName());
    }
    return names;
  }

  @Test
  void aMacroTrainsOnTwoStacksAndOnTheLabelsOfTwoPeople() throws Exception {
    macro(
        "run(\"Cristae Train\", \"image=a.tif labels=a-labels.tif also=["
            + SECOND
            + ".tif,"
            + SECOND
            + "-labels.tif] annotators=other.tif name=both steps=2\");");
    assertEquals(
        Arrays.asList(
            "a.tif", "a-labels.tif", "other.tif", SECOND + ".tif", SECOND + "-labels.tif"),
        sent());
    List<String> plan = new org.cristae.fiji.client.Jobs(client()).model("both").getPlanList();
    // 145 of 3 x 40 x 48 voxels are drawn by one only
    assertEquals(
        "Image 1 of 2, a.tif: 2 annotators: they all agree on 97.5 % of the voxels that more than"
            + " one of them labelled; 2.5 % of all are ties or without a vote, and unknown.",
        plan.get(0));
    assertTrue(
        plan.contains("Image 2 of 2, " + SECOND + ".tif: All 4 sections carry labels."),
        plan.toString());
  }

  @Test
  void mistakesAreRefusedInWordsBeforeAnythingIsSent() throws Exception {
    int before = new org.cristae.fiji.client.Jobs(client()).list(50).size();
    String train = "run(\"Cristae Train\", \"image=a.tif labels=a-labels.tif name=x steps=2 %s\");";
    String second = "also=[" + SECOND + ".tif,%s]";
    String[][] mistakes = {
      {"also=other.tif", "images, each with its labels behind it"},
      {"also=a.tif,other.tif", "\"a.tif\" is chosen twice. Give each image once"},
      {"annotators=a-labels.tif", "\"a-labels.tif\" is chosen twice"},
      {"annotators=a.tif", "\"a.tif\" is both the image and its labels"},
      {"annotators=[" + SECOND + "-labels.tif]", "are 48 x 40 in 4 slices, the image \"a.tif\""},
      {String.format(second, SECOND + ".tif"), "is both the image and its labels"},
      {String.format(second, "other.tif"), "The labels lack slices"},
      {"annotators=nobody.tif", "No image named \"nobody.tif\" is open"},
      {"annotators=other.tif task=instances", "everyone numbers the same objects differently"}
    };
    for (String[] mistake : mistakes) {
      String told = failingMacro(String.format(train, mistake[0]));
      assertTrue(told.contains(mistake[1]), told);
    }
    String rois =
        failingMacro(String.format(train, "annotators=other.tif").replace("a-labels.tif", "ROIs"));
    assertTrue(rois.contains("empty with ROIs"), rois);
    assertEquals(before, new org.cristae.fiji.client.Jobs(client()).list(50).size());
  }

  @Test
  void ofTheOpenImagesThoseThatAreTickedAreLearnedFromAndRememberedWhileTheyAreOpen()
      throws Exception {
    Recorder recorder = new Recorder(false);
    try {
      menu("Cristae Train");
      Window train = await("the dialog", () -> dialog("Cristae: train a model"));
      assertEquals("a-labels.tif", chosen(train, "labels"));
      assertFalse(child(train, part -> "also".equals(part.getName())).isShowing());
      click(train, "More...");
      type(train, "also", "/typed/c.tif,/typed/c-labels.tif");
      clickNamed(train, "also-button");
      Window also = await("the images", () -> dialog("Cristae: also learn from"));
      assertEquals(SECOND + "-labels.tif", chosen(also, "labels of " + SECOND + ".tif"));
      clickNamed(also, "tick " + SECOND + ".tif");
      click(also, "OK");
      String pair = SECOND + ".tif," + SECOND + "-labels.tif";
      String withTyped = "/typed/c.tif,/typed/c-labels.tif," + pair;
      await("the titles", () -> text(train, "also").equals(withTyped) ? this : null);
      type(train, "also", pair);
      clickNamed(train, "annotators-button");
      Window others = await("the labels", () -> dialog("Cristae: other annotators"));
      clickNamed(others, "tick other.tif");
      click(others, "OK");
      await("the title", () -> text(train, "annotators").equals("other.tif") ? this : null);
      type(train, "name", "ticked");
      choose(train, "budget", "0.02");
      click(train, "Train");
      await("the model", () -> hasEnded("Cristae: Training ticked") ? this : null);
      String line =
          "labels=a-labels.tif also=[" + pair + "] annotators=other.tif task=semantic name=ticked";
      assertTrue(recorder.getText().contains(line), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    assertEquals(5, sent().size());
    assertRemembered(SECOND + ".tif," + SECOND + "-labels.tif");
    IJ.selectWindow(SECOND + ".tif");
    IJ.getImage().close();
    assertRemembered("");
  }

  /** What the dialog begins with for the labels of the other person. */
  private static void assertRemembered(String also) throws Exception {
    IJ.selectWindow("other.tif");
    menu("Cristae Train");
    Window again = await("the dialog", () -> dialog("Cristae: train a model"));
    assertEquals("a.tif", chosen(again, "image"));
    assertEquals(also, text(again, "also"));
    assertEquals("other.tif", text(again, "annotators"));
    click(again, "Cancel");
    await("the end of the dialog", () -> again.isShowing() ? null : again);
  }
}

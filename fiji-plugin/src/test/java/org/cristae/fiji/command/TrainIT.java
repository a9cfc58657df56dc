package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.choose;
import static org.cristae.fiji.command.Windows.chosen;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.says;
import static org.cristae.fiji.command.Windows.text;
import static org.cristae.fiji.command.Windows.type;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.Prefs;
import java.awt.Window;
import javax.swing.SwingUtilities;
import org.cristae.fiji.ui.Connection;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What Train proposes, and what it refuses before anything is sent. */
@Timeout(480)
class TrainIT {
  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  @AfterEach
  void close() throws Exception {
    RealImageJ.tidy();
    RealImageJ.cancelJobs();
  }

  @Test
  void theLabelsAreFoundByTheirValuesWhicheverImageIsActiveAndTheTaskFollowsThem()
      throws Exception {
    RealImageJ.dots("zzz.tif", 48, 3, false);
    RealImageJ.dots("neurons.tif", 48, 3, true);
    ImagePlus mask = RealImageJ.dots("inside.tif", 48, 3, true);
    for (int plane = 1; plane <= 3; plane++) {
      mask.getStack().getProcessor(plane).max(1); // active, and opened last
    }
    Prefs.set("cristae.train.task", "instances");
    try {
      menu("Cristae Train");
      Window train = await("the dialog", () -> dialog("Cristae: train a model"));
      assertEquals("zzz.tif", chosen(train, "image"));
      choose(train, "labels", "neurons.tif");
      assertEquals("instances", chosen(train, "task"));
      choose(train, "labels", "inside.tif");
      assertEquals("semantic", chosen(train, "task"));
      choose(train, "task", "masks");
      choose(train, "labels", "neurons.tif");
      assertEquals("masks", chosen(train, "task"), "chosen by the person");
      choose(train, "image", "neurons.tif");
      choose(train, "labels", "zzz.tif");
      String swapped = "labels \"zzz.tif\" are grey values: choose them the other way round";
      await("the words", () -> says(train, swapped));
      click(train, "Cancel");
      await("the end of the dialog", () -> train.isShowing() ? null : this);
    } finally {
      Prefs.set("cristae.train.task", "");
    }
  }

  @Test
  void anActiveImageWithoutLabelsGivesWayToOneWithAndTheDialogSaysSo() throws Exception {
    RealImageJ.stack("learned.tif", 3, 1);
    RealImageJ.labels("learned-labels.tif", 3);
    RealImageJ.stack("other.tif", 3, 2); // active, and opened last
    menu("Cristae Train");
    Window train = await("the dialog", () -> dialog("Cristae: train a model"));
    assertEquals("learned.tif", chosen(train, "image"));
    assertEquals("learned-labels.tif", chosen(train, "labels"));
    await("the reason", () -> says(train, "The active image \"other.tif\" has no ROIs"));
    choose(train, "image", "other.tif");
    assertEquals("ROIs", chosen(train, "labels"));
    await("the lack", () -> says(train, "No ROIs are drawn on \"other.tif\""));
    click(train, "Cancel");
    await("the end of the dialog", () -> train.isShowing() ? null : this);
  }

  @Test
  void anImageAndItsLabelsTheWrongWayRoundAreRefused() {
    RealImageJ.stack("stack.tif", 6, 1);
    RealImageJ.labels("six.tif", 6);
    String swapped =
        failingMacro("run(\"Cristae Train\", \"image=six.tif labels=stack.tif name=x steps=1\");");
    assertTrue(swapped.contains("choose them the other way round"), swapped);
  }

  @Test
  void noModelIsReplacedUnawaresAlsoWhereTheServerWasNotThereYet() throws Exception {
    RealImageJ.stack("once.tif", 3, 1);
    RealImageJ.labels("once-labels.tif", 3);
    String train =
        "run(\"Cristae Train\", \"image=once.tif labels=once-labels.tif name=once steps=2\");";
    macro(train);
    Connection.stopLocal();
    Prefs.set("cristae.train.name", "once");
    try {
      menu("Cristae Train");
      Window first = await("the dialog", () -> dialog("Cristae: train a model"));
      await("a free name", () -> text(first, "name").equals("once-2") ? this : null);
      type(first, "name", "once");
      choose(first, "budget", "abc");
      click(first, "Train"); // nothing is asked about what cannot be
      Window refusal = await("the refusal", Windows::message);
      assertNull(dialog("Cristae: replace a model?"));
      SwingUtilities.invokeLater(refusal::dispose);
      Window second =
          await(
              "the dialog after it",
              () -> first.isShowing() ? null : dialog("Cristae: train a model"));
      await("a free name", () -> text(second, "name").equals("once-2") ? this : null);
      type(second, "name", "once");
      choose(second, "budget", "quick");
      await("the words", () -> says(second, "There is a model"));
      click(second, "Train");
      Window question = await("the question", () -> dialog("Cristae: replace a model?"));
      click(question, "Another Name");
      Window again =
          await(
              "the dialog again",
              () -> second.isShowing() ? null : dialog("Cristae: train a model"));
      await("a free name", () -> text(again, "name").equals("once-2") ? this : null);
      click(again, "Cancel");
      await("the end of the dialog", () -> again.isShowing() ? null : this);
    } finally {
      Prefs.set("cristae.train.name", "");
    }
    IJ.log("\\Clear");
    macro(train);
    assertTrue(IJ.getLog().contains("There is a model \"once\" already"), IJ.getLog());
    IJ.log("\\Clear");
    IJ.createImage("none.tif", "8-bit black", 48, 40, 3).show();
    String refused = failingMacro(train.replace("once-labels.tif", "none.tif"));
    assertTrue(refused.contains("empty"), refused);
    assertFalse(String.valueOf(IJ.getLog()).contains("already"), IJ.getLog());
  }

  @Test
  void aServerThatIsThereOnlyWhenTrainIsPressedIsAskedThen() throws Exception {
    RealImageJ.stack("late.tif", 3, 1);
    RealImageJ.labels("late-labels.tif", 3);
    try {
      macro("run(\"Cristae Server\", \"address=127.0.0.1:1 token=x\");");
      menu("Cristae Train");
      Window train = await("the dialog", () -> dialog("Cristae: train a model"));
      await("the end of the first try", () -> isAsking() ? null : this);
      macro("run(\"Cristae Server\", \"address=local\");");
      type(train, "name", "late-" + System.nanoTime());
      choose(train, "budget", "0.02");
      click(train, "Train");
      await("the window of the job", () -> frame("Cristae: Training " + text(train, "name")));
      await("its end", () -> hasEnded("Cristae: Training " + text(train, "name")) ? this : null);
    } finally {
      macro("run(\"Cristae Server\", \"address=local\");");
    }
  }

  private static boolean isAsking() {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("Cristae asks for models"));
  }

  @Test
  void aNameThatTheServerRefusesIsRefusedBeforeAnythingIsSent() {
    String sentence = failingMacro("run(\"Cristae Train\", \"name=[Mito (1) {test}]\");");
    assertTrue(sentence.contains("Use letters from A to Z, digits, spaces"), sentence);
  }

  @Test
  void aMacroWithATitleThatSeveralImagesHaveIsRefusedUnlessTheyAreAnImageAndItsLabels() {
    RealImageJ.labels("labels.tif", 3);
    RealImageJ.stack("twin.tif", 3, 1);
    RealImageJ.stack("twin.tif", 3, 2); // active
    String train = "run(\"Cristae Train\", \"image=%s labels=%s name=x steps=1\");";
    String image = failingMacro(String.format(train, "twin.tif", "labels.tif"));
    assertTrue(image.contains("Several open images are named \"twin.tif\""), image);
    String segment = failingMacro("run(\"Cristae Segment\", \"image=twin.tif model=x\");");
    assertTrue(segment.contains("Several open images are named \"twin.tif\""), segment);
    RealImageJ.labels("labels.tif", 3); // active
    String labels = failingMacro(String.format(train, "twin.tif", "labels.tif"));
    assertTrue(labels.contains("Several open images are named"), labels);
    RealImageJ.closeAll();
    RealImageJ.labels("pair.tif", 3);
    String select = "selectImage(" + RealImageJ.stack("pair.tif", 3, 1).getID() + ");";
    macro(select + "run(\"Cristae Train\", \"image=pair.tif labels=pair.tif name=pair steps=1\");");
  }
}

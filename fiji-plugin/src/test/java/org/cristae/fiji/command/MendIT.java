package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.choose;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.image;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.says;
import static org.cristae.fiji.command.Windows.seen;
import static org.cristae.fiji.command.Windows.type;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.PointRoi;
import ij.plugin.frame.Recorder;
import ij.process.ImageProcessor;
import java.awt.Component;
import java.awt.Window;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.swing.JCheckBox;
import javax.swing.JSlider;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.fiji.ui.Connection;
import org.cristae.fiji.ui.JobListener;
import org.cristae.fiji.ui.MergeObjects;
import org.cristae.fiji.ui.SplitObject;
import org.cristae.fiji.ui.StatusBar;
import org.cristae.fiji.ui.Work;
import org.cristae.v1.Job;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Objects that are merged, split, cleaned and looked at, in real ImageJ with the real server. */
@Timeout(480)
class MendIT {
  private static final int WIDTH = 60;
  private static final int HEIGHT = 40;
  private static final int SECTIONS = 12;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static boolean inBall(int z, int y, int x, int centreX, int radius) {
    int dz = 2 * (z - 6); // sections are twice as far apart as pixels
    int dy = y - 20;
    int dx = x - centreX;
    return dz * dz + dy * dy + dx * dx <= radius * radius;
  }

  /** Two balls that overlap are one object, a small one with a hole another; ids as given. */
  static ImagePlus cells(String type, int large, int small) {
    ImagePlus image = IJ.createImage("cells.tif", type + " black", WIDTH, HEIGHT, SECTIONS);
    for (int z = 0; z < SECTIONS; z++) {
      ImageProcessor plane = image.getStack().getProcessor(z + 1);
      for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
          boolean isLarge = inBall(z, y, x, 14, 10) || inBall(z, y, x, 31, 9);
          boolean isSmall = inBall(z, y, x, 52, 6) && !inBall(z, y, x, 52, 2);
          plane.setf(x, y, isLarge ? large : isSmall ? small : 0);
        }
      }
    }
    image.getCalibration().setUnit("nm");
    image.getCalibration().pixelWidth = 10;
    image.getCalibration().pixelHeight = 10;
    image.getCalibration().pixelDepth = 20;
    image.show();
    return image;
  }

  private static List<float[]> voxels(ImagePlus image) {
    List<float[]> planes = new ArrayList<>();
    for (int number = 1; number <= image.getStackSize(); number++) {
      ImageProcessor plane = image.getStack().getProcessor(number);
      planes.add((float[]) plane.convertToFloatProcessor().getPixelsCopy());
    }
    return planes;
  }

  private static void assertSameVoxels(List<float[]> expected, ImagePlus image) {
    List<float[]> found = voxels(image);
    assertEquals(expected.size(), found.size());
    for (int z = 0; z < expected.size(); z++) {
      assertTrue(Arrays.equals(expected.get(z), found.get(z)), "section " + z + " differs");
    }
  }

  private static int at(ImagePlus image, int x, int y, int slice) {
    return (int) image.getStack().getVoxel(x, y, slice - 1);
  }

  /** Points of the multi-point tool: x, y, slice. */
  private static void pick(ImagePlus image, int[]... points) {
    PointRoi picked = new PointRoi();
    for (int[] point : points) {
      image.setSlice(point[2]);
      picked.addPoint(image, point[0] + 0.5, point[1] + 0.5);
    }
    image.setRoi(picked);
  }

  /** What `cristae clean` makes of an image. */
  private static ImagePlus cleaned(ImagePlus image, Path folder, String... arguments)
      throws Exception {
    File in = folder.resolve("in.tif").toFile();
    File out = folder.resolve("out.tif").toFile();
    ImagePlus copy = image.duplicate();
    copy.deleteRoi();
    IJ.saveAsTiff(copy, in.getPath());
    List<String> line =
        new ArrayList<>(
            Arrays.asList(RealImageJ.serverCommand(), "clean", in.getPath(), out.getPath()));
    line.addAll(Arrays.asList(arguments));
    File said = folder.resolve("said.txt").toFile();
    Process process =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(said).start();
    assertTrue(process.waitFor(100, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue(), new String(Files.readAllBytes(said.toPath()), "UTF-8"));
    return IJ.openImage(out.getPath());
  }

  private static String recorded(Recorder recorder, String command) throws Exception {
    return await(
        "the line of " + command,
        () -> {
          for (String line : recorder.getText().split("\n")) {
            if (line.startsWith("run(\"" + command + "\"")) {
              return line;
            }
          }
          return null;
        });
  }

  @Test
  void pickedObjectsBecomeOneAndTheRecordedLineAndUndoDoTheSame() throws Exception {
    ImagePlus image = cells("8-bit", 5, 3);
    final List<float[]> before = voxels(image);
    pick(image, new int[] {14, 20, 7}, new int[] {52, 24, 7});
    Recorder recorder = new Recorder(false);
    String line;
    try {
      menu("Cristae Merge Objects");
      await("the merge", () -> at(image, 14, 20, 7) == 3 ? image : null);
      line = recorded(recorder, "Cristae Merge Objects");
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    assertEquals("run(\"Cristae Merge Objects\", \"image=cells.tif ids=3,5\");", line);
    await("the end", () -> image.isLocked() || image.getRoi() != null ? null : image);
    assertTrue(image.changes);
    assertTrue(IJ.getLog().contains("merged 3, 5 into 3 in \"cells.tif\""), IJ.getLog());
    final List<float[]> merged = voxels(image);
    macro("run(\"Cristae Undo Edit\", \"image=cells.tif\");");
    assertSameVoxels(before, image);
    macro(line);
    assertSameVoxels(merged, image);
    assertEquals("nm", image.getCalibration().getUnit());
    macro("run(\"Cristae Undo Edit\");");
    String none = failingMacro("run(\"Cristae Undo Edit\");");
    assertTrue(none.contains("nothing to take back"), none);
  }

  @Test
  void objectsAreCorrectedInBatchModeWithoutAWindow() {
    macro(
        "setBatchMode(true);",
        "newImage(\"hidden.tif\", \"8-bit black\", 8, 4, 2);",
        "for (x = 0; x < 8; x++) setPixel(x, 1, 1 + floor(x / 2));",
        "run(\"Cristae Merge Objects\", \"ids=2,3\");",
        "if (getPixel(5, 1) != 2 || getPixel(6, 1) != 4) exit(\"not merged\");",
        "makePoint(2, 1); makeSelection(\"point\", newArray(2, 5), newArray(1, 1));",
        "run(\"Cristae Split Object\", \"image=hidden.tif\");",
        "if (getPixel(2, 1) != 2 || getPixel(5, 1) != 5) exit(\"not split\");",
        "run(\"Cristae Undo Edit\", \"image=hidden.tif\");",
        "if (getPixel(5, 1) != 2) exit(\"not taken back\");",
        "run(\"Cristae Clean Objects\", \"image=hidden.tif minimum-voxels=3\");",
        "if (getPixel(0, 1) != 0 || getPixel(3, 1) != 2) exit(\"not cleaned\");",
        "setBatchMode(false);");
  }

  @Test
  void whatCannotBeMergedIsToldInASentenceAndStays() {
    ImagePlus image = cells("16-bit", 500, 3);
    final List<float[]> before = voxels(image);
    String merge = "run(\"Cristae Merge Objects\", \"image=cells.tif %s\");";
    String none = failingMacro(String.format(merge, ""));
    assertTrue(none.contains("No object is picked in \"cells.tif\""), none);
    pick(image, new int[] {14, 20, 7}, new int[] {14, 21, 7}, new int[] {0, 0, 1});
    String one = failingMacro(String.format(merge, ""));
    assertTrue(one.contains("Only the object 500 is picked"), one);
    String lost = failingMacro(String.format(merge, "ids=3,7"));
    assertTrue(lost.contains("has no object 7. Nothing was changed."), lost);
    String words = failingMacro(String.format(merge, "ids=3,x"));
    assertTrue(words.contains("ids=3,x should be the numbers of two or more objects"), words);
    assertNotNull(image.getRoi());
    assertSameVoxels(before, image);
  }

  @Test
  void aSplitIsThatOfTheCommandLineAndTheRecordedLineDoesItAgain(@TempDir Path folder)
      throws Exception {
    ImagePlus image = cells("8-bit", 5, 255);
    ImagePlus expected = cleaned(image, folder, "--split", "5", "6,20,14", "6,20,31");
    final List<float[]> before = voxels(image);
    pick(image, new int[] {14, 20, 7}, new int[] {31, 20, 7});
    Recorder recorder = new Recorder(false);
    String line;
    try {
      menu("Cristae Split Object");
      await("the split", () -> at(image, 31, 20, 7) == 256 ? image : null);
      line = recorded(recorder, "Cristae Split Object");
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    await("the end", () -> image.isLocked() || image.getRoi() != null ? null : image);
    assertEquals(
        "run(\"Cristae Split Object\", \"image=cells.tif points=14,20,7;31,20,7\");", line);
    assertEquals(16, image.getBitDepth(), "256 does not fit into 8 bits");
    assertEquals(20, image.getCalibration().pixelDepth);
    assertEquals(7, image.getCurrentSlice());
    assertSameVoxels(voxels(expected), image);
    macro("run(\"Cristae Undo Edit\");");
    assertSameVoxels(before, image);
    macro(line);
    assertSameVoxels(voxels(expected), image);
    Client client = Connection.open(Progress.NONE, new Cancellation());
    for (Job job : new org.cristae.fiji.client.Jobs(client).list(20)) {
      assertEquals(0, job.getCleaning().getSplitsCount(), "the job of a split stayed");
    }
  }

  @Test
  void pointsThatAreNotInOneObjectAreToldInASentence() {
    ImagePlus image = cells("8-bit", 5, 3);
    String split = "run(\"Cristae Split Object\", \"image=cells.tif %s\");";
    String one = failingMacro(String.format(split, "points=14,20,7"));
    assertTrue(one.contains("One point is set"), one);
    String outside = failingMacro(String.format(split, "points=14,20,7;14,20,13"));
    assertTrue(outside.contains("in the slices 1-12"), outside);
    String background = failingMacro(String.format(split, "points=14,20,7;0,0,1"));
    assertTrue(background.contains("0,0,1 (x, y, slice) lies in the background"), background);
    String other = failingMacro(String.format(split, "points=14,20,7;52,24,7"));
    assertTrue(other.contains("lies in the object 3, one before in the object 5"), other);
    String same = failingMacro(String.format(split, "points=14,20,7;14,20,7"));
    assertTrue(same.contains("Two of the points are in the same voxel"), same);
    assertEquals(8, image.getBitDepth());
  }

  @Test
  void anObjectThatIsGoneWhenItIsToBeSplitIsToldInASentence() throws Exception {
    ImagePlus image = cells("8-bit", 5, 3);
    Work split = SplitObject.prepare(SplitObject.choices().put("points", "14,20,7;31,20,7"));
    macro("run(\"Cristae Merge Objects\", \"image=cells.tif ids=3,5\");");
    final List<float[]> merged = voxels(image);
    CristaeException refused =
        assertThrows(
            CristaeException.class,
            () -> split.run(new StatusBar(), new Cancellation(), new Cancellation()));
    assertTrue(
        refused.getMessage().contains("do not lie in object 5 of \"cells.tif\" any more"),
        refused.getMessage());
    assertSameVoxels(merged, image);
    assertFalse(image.isLocked());
  }

  /** Says where it is, and closes an image there. */
  private static JobListener closing(ImagePlus image, String stage) {
    return (now, fraction, detail) -> {
      if (now.equals(stage) && image.getWindow().isVisible()) {
        image.changes = false;
        image.getWindow().close();
      }
    };
  }

  @Test
  void anImageThatIsClosedMeanwhileIsNotSaidToBeChanged() throws Exception {
    String gone = "\"cells.tif\" was closed meanwhile; nothing was changed.";
    ImagePlus image = cells("8-bit", 5, 3);
    Work split = SplitObject.prepare(SplitObject.choices().put("points", "14,20,7;31,20,7"));
    IJ.log("\\Clear");
    CristaeException refused =
        assertThrows(
            CristaeException.class,
            () ->
                split.run(
                    closing(image, "Looking for object 5"),
                    new Cancellation(),
                    new Cancellation()));
    assertEquals(gone, refused.getMessage());
    ImagePlus other = cells("8-bit", 5, 3);
    Work merge = MergeObjects.prepare(MergeObjects.choices().put("ids", "3,5"));
    refused =
        assertThrows(
            CristaeException.class,
            () ->
                merge.run(
                    closing(other, "Merging objects"), new Cancellation(), new Cancellation()));
    assertEquals(gone, refused.getMessage());
    assertEquals("", String.valueOf(IJ.getLog()).trim());
    assertFalse(other.isLocked());
  }

  @Test
  void threeHundredThousandObjectsAreMergedAndSplitWithEveryIdExact() {
    ImagePlus image = IJ.createImage("many.tif", "32-bit black", 1000, 600, 1);
    float[] ids = (float[]) image.getProcessor().getPixels();
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 1 + i / 2; // of two voxels each
    }
    image.show();
    float[] expected = ids.clone();
    macro("run(\"Cristae Merge Objects\", \"image=many.tif ids=299999,70001\");");
    expected[2 * 299_998] = 70_001;
    expected[2 * 299_998 + 1] = 70_001;
    assertTrue(Arrays.equals(expected, (float[]) image.getProcessor().getPixels()));
    // The last object, in the last row.
    macro("run(\"Cristae Split Object\", \"image=many.tif points=998,599;999,599\");");
    expected[2 * 299_999 + 1] = 300_001;
    assertTrue(Arrays.equals(expected, (float[]) image.getProcessor().getPixels()));
    IJ.run("Undo"); // ImageJ's own
    expected[2 * 299_999 + 1] = 300_000;
    assertTrue(Arrays.equals(expected, (float[]) image.getProcessor().getPixels()));
  }

  @Test
  void cleanedObjectsAreThoseOfTheCommandLineInAWindowOfTheirOwn(@TempDir Path folder)
      throws Exception {
    ImagePlus image = cells("16-bit", 5, 300);
    image.setSlice(4);
    final List<float[]> before = voxels(image);
    final List<float[]> expected =
        voxels(cleaned(image, folder, "--fill-holes", "--smooth", "15", "--minimum-nm3", "1e5"));
    menu("Cristae Clean Objects");
    Window dialog = await("the dialog", () -> dialog("Cristae: clean objects"));
    JCheckBox fill = (JCheckBox) child(dialog, part -> "fill-holes".equals(part.getName()));
    SwingUtilities.invokeAndWait(() -> fill.setSelected(true));
    type(dialog, "smooth", "15");
    type(dialog, "minimum-nm3", "1e5");
    click(dialog, "Clean");
    String title = "Cristae: Cleaning cells.tif";
    await("the end", () -> hasEnded(title) ? this : null);
    ImagePlus clean = await("the window", () -> image("cells-clean.tif"));
    assertSameVoxels(expected, clean);
    assertSameVoxels(before, image);
    assertNotEquals(at(image, 52, 20, 7), at(clean, 52, 20, 7), "the hole");
    assertEquals(20, clean.getCalibration().pixelDepth);
    assertEquals(4, clean.getCurrentSlice());
    assertEquals("instances", clean.getProp("cristae.output"));
    clean.close();
    macro(
        "run(\"Cristae Clean Objects\", \"image=cells.tif fill-holes=true smooth=15"
            + " minimum-nm3=1e5\");");
    assertEquals("cells-clean.tif", IJ.getImage().getTitle());
    assertSameVoxels(expected, IJ.getImage());
  }

  @Test
  void nanometresAreOfferedByTheVoxelSizeOfTheImageThatIsChosen() throws Exception {
    cells("16-bit", 5, 300);
    ImagePlus plain = IJ.createImage("plain.tif", "8-bit black", WIDTH, HEIGHT, SECTIONS);
    plain.show(); // the active image, without a voxel size
    menu("Cristae Clean Objects");
    Window dialog = await("the dialog", () -> dialog("Cristae: clean objects"));
    Component smooth = child(dialog, part -> "smooth".equals(part.getName()));
    assertFalse(seen(smooth::isEnabled));
    await("the reason", () -> says(dialog, "This image has no voxel size"));
    choose(dialog, "image", "cells.tif");
    assertTrue(seen(smooth::isEnabled));
    choose(dialog, "image", "plain.tif");
    assertFalse(seen(smooth::isEnabled));
    click(dialog, "Cancel");
  }

  @Test
  void cleaningOfNothingOrWithoutAVoxelSizeIsToldInASentence() {
    ImagePlus image = cells("8-bit", 5, 3);
    String clean = "run(\"Cristae Clean Objects\", \"image=cells.tif %s\");";
    String nothing = failingMacro(String.format(clean, ""));
    assertTrue(nothing.contains("Nothing is to be done"), nothing);
    String both = failingMacro(String.format(clean, "minimum-nm3=5 minimum-voxels=5"));
    assertTrue(both.contains("left out where minimum-nm3 is given"), both);
    image.setCalibration(null);
    String size = failingMacro(String.format(clean, "smooth=20"));
    assertTrue(size.contains("does not tell how large a voxel is"), size);
    macro(String.format(clean, "minimum-voxels=1000000"));
    assertEquals(0, at(IJ.getImage(), 14, 20, 7));
  }

  @Test
  void objectsLieOverAnImageAsOneMovesAndGoWithTheSameCommand() throws Exception {
    ImagePlus image = cells("8-bit", 5, 3);
    ImagePlus raw = IJ.createImage("raw.tif", "8-bit black", WIDTH, HEIGHT, SECTIONS);
    raw.show();
    macro("run(\"Cristae Show Objects\", \"image=raw.tif labels=cells.tif opacity=100\");");
    assertEquals(1, raw.getOverlay().size());
    for (int slice : new int[] {7, 1, 5}) {
      raw.setSlice(slice);
      ImageProcessor flat = raw.flatten().getProcessor();
      for (int x = 0; x < WIDTH; x++) {
        int id = at(image, x, 20, slice);
        assertEquals(ClassColors.rgb(id), flat.get(x, 20) & 0xffffff, x + " in " + slice);
      }
    }
    macro("run(\"Cristae Show Objects\", \"image=raw.tif labels=none\");");
    IJ.createImage("half.tif", "32-bit ramp", WIDTH, HEIGHT, SECTIONS).show();
    String half = failingMacro("run(\"Cristae Show Objects\", \"image=raw.tif labels=half.tif\");");
    assertTrue(half.contains("in plane 1; labels are whole numbers"), half);
    image("half.tif").close();
    assertNull(raw.getOverlay());

    IJ.selectWindow("raw.tif");
    menu("Cristae Show Objects");
    Window dialog = await("the dialog", () -> dialog("Cristae: show objects"));
    click(dialog, "Show");
    Window window = await("the window", () -> frame("Cristae: objects over raw.tif"));
    JSlider opacity = (JSlider) child(window, part -> "opacity".equals(part.getName()));
    assertEquals(40, opacity.getValue());
    IJ.selectWindow("raw.tif");
    menu("Cristae Show Objects");
    await("the end", () -> window.isShowing() || raw.getOverlay() != null ? null : raw);
    String size =
        failingMacro(
            "newImage(\"other.tif\", \"8-bit black\", 10, 10, 1);"
                + "run(\"Cristae Show Objects\", \"image=other.tif labels=cells.tif\");");
    assertTrue(size.contains("60 x 40 in 12 slices, the image \"other.tif\" is 10 x 10"), size);
  }
}

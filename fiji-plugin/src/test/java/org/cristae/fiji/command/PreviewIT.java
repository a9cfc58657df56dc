package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.choose;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.says;
import static org.cristae.fiji.command.Windows.seen;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.ImageRoi;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.plugin.frame.Recorder;
import ij.process.ImageProcessor;
import java.awt.Window;
import javax.swing.JLabel;
import javax.swing.SwingUtilities;
import org.cristae.fiji.ui.Connection;
import org.cristae.fiji.ui.PreviewWindow;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Previews from a macro and over an image, against the segmentation of the whole stack. */
@Timeout(600)
class PreviewIT {
  private static final int SECTIONS = 9;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
    train("flat", 0.04);
    train("cube", 0.008);
  }

  /** Trains on sections that are so far apart: a network of sections, or of volumes. */
  private static void train(String model, double depth) {
    RealImageJ.stack("learn.tif", SECTIONS, 1).getCalibration().pixelDepth = depth;
    RealImageJ.labels("learn-labels.tif", SECTIONS);
    macro(
        "run(\"Cristae Train\", \"image=learn.tif labels=learn-labels.tif name="
            + model
            + " steps=30\");");
    RealImageJ.closeAll();
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static ImagePlus stack(String model) {
    ImagePlus stack = RealImageJ.stack("stack.tif", SECTIONS, 2);
    stack.getCalibration().pixelDepth = model.equals("flat") ? 0.04 : 0.008;
    return stack;
  }

  private static void run(String options) {
    macro("run(\"Cristae Preview\", \"" + options + "\");");
  }

  @Test
  void theBothModelsAreOneOfSectionsAndOneOfVolumes() {
    // Else the tests of the context between slices would say nothing.
    assertTrue(planOf("flat").contains("works on sections"), planOf("flat"));
    assertTrue(planOf("cube").contains("works in 3D"), planOf("cube"));
  }

  private static String planOf(String model) {
    try {
      return new org.cristae.fiji.client.Jobs(
              Connection.open(
                  org.cristae.fiji.client.Progress.NONE,
                  new org.cristae.fiji.client.Cancellation()))
          .model(model)
          .getPlanList()
          .toString();
    } catch (org.cristae.fiji.client.CristaeException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void thePreviewOfASliceIsWhatSegmentHasThereForSectionsAndForVolumes() {
    for (String model : new String[] {"flat", "cube"}) {
      ImagePlus source = stack(model);
      macro("run(\"Cristae Segment\", \"image=stack.tif model=" + model + "\");");
      ImagePlus whole = IJ.getImage();
      int different = 0;
      for (int slice : new int[] {1, 5, SECTIONS}) {
        source.setSlice(slice);
        run("image=stack.tif model=" + model);
        ImagePlus preview = IJ.getImage();
        assertEquals(1, preview.getStackSize());
        byte[] expected = (byte[]) whole.getStack().getPixels(slice);
        assertArrayEquals(expected, (byte[]) preview.getProcessor().getPixels(), model);
        for (byte label : expected) {
          different += label;
        }
        preview.close();
      }
      assertTrue(different > 100, "nothing was found: " + different);
      assertTrue(different < 3 * 48 * 40 - 100, "everything was found: " + different);
      RealImageJ.closeAll();
    }
  }

  @Test
  void aPreviewOfASelectionLiesInAWindowOfItsOwnAtTheSamePlace() {
    ImagePlus source = stack("cube");
    macro("run(\"Cristae Segment\", \"image=stack.tif model=cube\");");
    ImagePlus whole = IJ.getImage();
    source.setSlice(4);
    source.setRoi(new Roi(8, 7, 20, 16));
    run("image=stack.tif model=cube");
    ImagePlus part = IJ.getImage();
    assertEquals("stack-cube-preview.tif", part.getTitle());
    assertArrayEquals(new int[] {20, 16, 1, 1, 1}, part.getDimensions());
    assertEquals("micron", part.getCalibration().getUnit());
    assertEquals(8 * 0.008, part.getCalibration().getX(0), 1e-9);
    assertEquals(7 * 0.008, part.getCalibration().getY(0), 1e-9);
    assertEquals(3 * 0.008, part.getCalibration().getZ(0), 1e-9);
    assertEquals("cube", part.getProp("cristae.model"));
    assertEquals("1=class 1", part.getProp("cristae.classes"));
    ImageProcessor expected = whole.getStack().getProcessor(4);
    for (int y = 0; y < 16; y++) {
      for (int x = 0; x < 20; x++) {
        assertEquals(expected.get(x + 8, y + 7), part.getProcessor().get(x, y));
      }
    }
    run("image=stack.tif model=cube slices=2-4 part=whole");
    assertArrayEquals(new int[] {48, 40, 1, 3, 1}, IJ.getImage().getDimensions());
    byte[] third = (byte[]) IJ.getImage().getStack().getPixels(3);
    assertArrayEquals((byte[]) expected.getPixels(), third);
  }

  @Test
  void probabilitiesAreThoseOfOneClassAndImagesOfOtherTypesAreNormalisedAlike() {
    ImagePlus source = stack("flat");
    source.setSlice(3);
    macro("run(\"Cristae Segment\", \"image=stack.tif model=flat output=probabilities\");");
    ImagePlus whole = IJ.getImage();
    run("image=stack.tif model=flat output=probabilities class=1");
    ImagePlus one = IJ.getImage();
    assertEquals("stack-flat-preview-probabilities.tif", one.getTitle());
    ImageProcessor expected = whole.getStack().getProcessor(2 * 2 + 2); // channel 2 of slice 3
    for (int i = 0; i < 48 * 40; i++) {
      assertEquals(expected.get(i), one.getProcessor().get(i), 1);
    }
    IJ.run(source, "32-bit", "");
    run("image=stack.tif model=flat output=probabilities class=background slices=3");
    for (int i = 0; i < 48 * 40; i++) {
      assertEquals(255 - one.getProcessor().get(i), IJ.getImage().getProcessor().get(i), 2);
    }
    run("image=stack.tif model=flat output=uncertainty slices=3");
    assertEquals(8, IJ.getImage().getBitDepth());
  }

  @Test
  void whatCannotBeIsToldInASentence() {
    stack("flat");
    String preview = "run(\"Cristae Preview\", \"image=stack.tif %s\");";
    String model = failingMacro(String.format(preview, "model=no-such-model"));
    assertTrue(model.contains("no model 'no-such-model'"), model);
    String none = failingMacro(String.format(preview, ""));
    assertTrue(none.contains("model is not given; it should be the name of a model"), none);
    String output = failingMacro(String.format(preview, "model=flat output=instances"));
    assertTrue(output.contains("one of labels, probabilities, uncertainty"), output);
    String one =
        failingMacro(String.format(preview, "model=flat output=probabilities class=nucleus"));
    assertTrue(one.contains("class=nucleus should be one of class 1"), one);
    String of = failingMacro(String.format(preview, "model=flat class=1"));
    assertTrue(of.contains("it is of output=probabilities"), of);
    IJ.run("Duplicate...", "title=colours.tif duplicate");
    IJ.run("RGB Color", "");
    String colours =
        failingMacro("run(\"Cristae Preview\", \"image=colours.tif model=flat slices=1\");");
    assertTrue(colours.contains("is an RGB colour image"), colours);
    ImagePlus two = IJ.createHyperStack("two.tif", 48, 40, 2, 3, 1, 8);
    two.show();
    String channels = failingMacro("run(\"Cristae Preview\", \"image=two.tif model=flat\");");
    assertTrue(channels.contains("2 channels, the model 'flat' was trained on 1"), channels);
    ImagePlus large = IJ.createImage("large.tif", "32-bit black", 2100, 2100, 1);
    large.show();
    String size = failingMacro("run(\"Cristae Preview\", \"image=large.tif model=flat\");");
    assertTrue(size.contains("16.8 MiB; this server takes 16.0 MiB at most."), size);
    assertTrue(size.contains("Select a smaller part of the slice"), size);
  }

  @Test
  void overAnImageAPreviewFollowsSliceAndSelectionAndGoesWithoutATrace() throws Exception {
    ImagePlus source = stack("cube");
    macro("run(\"Cristae Segment\", \"image=stack.tif model=cube\");");
    ImagePlus whole = IJ.getImage();
    IJ.selectWindow("stack.tif");
    Overlay own = new Overlay(new Roi(1, 1, 5, 5));
    source.setOverlay(own);
    source.setSlice(2);
    final byte[] before = ((byte[]) source.getProcessor().getPixels()).clone();
    Recorder recorder = new Recorder(false);
    try {
      menu("Cristae Preview");
      Window dialog = await("the dialog", () -> dialog("Cristae: preview"));
      choose(dialog, "model", "cube");
      click(dialog, "Preview");
      checked(source, whole, 2, 0, 0, 48, 40);
      String line =
          "run(\"Cristae Preview\", \"image=stack.tif model=cube output=labels slices=2"
              + " part=whole\");";
      assertTrue(recorder.getText().contains(line), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    Window window = frame("Cristae: preview of stack.tif");
    JLabel message = (JLabel) child(window, part -> "message".equals(part.getName()));
    await("the message", () -> says(window, "on slice 2: "));
    String told = seen(message::getText);
    assertTrue(told.contains("on the CPU"), told);
    assertTrue(told.contains("class 1"), told);

    for (int slice = 3; slice <= SECTIONS; slice++) {
      source.setSlice(slice); // as fast as somebody may scroll
    }
    checked(source, whole, SECTIONS, 0, 0, 48, 40);
    source.setRoi(new Roi(6, 5, 22, 19));
    checked(source, whole, SECTIONS, 6, 5, 22, 19);
    source.deleteRoi();
    source.setSlice(2);
    checked(source, whole, 2, 0, 0, 48, 40);

    click(window, "Close");
    await("the end", () -> window.isShowing() ? null : window);
    assertEquals(1, source.getOverlay().size());
    assertEquals(own.get(0), source.getOverlay().get(0));
    assertArrayEquals(before, (byte[]) source.getProcessor().getPixels());
  }

  /** Waits for a preview on a slice, and compares it with the segmentation of the stack. */
  private static void checked(
      ImagePlus source, ImagePlus whole, int slice, int x, int y, int width, int height)
      throws Exception {
    ImageRoi roi =
        await(
            "a preview on slice " + slice + " of " + width + " x " + height,
            () -> {
              ImageRoi found = preview(source);
              boolean isIt =
                  found != null
                      && found.getPosition() == slice
                      && found.getBounds().equals(new java.awt.Rectangle(x, y, width, height));
              return isIt ? found : null;
            });
    assertEquals(0.5, roi.getOpacity(), 1e-6);
    assertEquals(2, source.getOverlay().size());
    int[] pixels = (int[]) roi.getProcessor().getPixels();
    ImageProcessor expected = whole.getStack().getProcessor(slice);
    for (int i = 0; i < pixels.length; i++) {
      int label = expected.get(x + i % width, y + i / width);
      assertEquals(label == 0 ? 0 : 0xE69F00, pixels[i] & 0xffffff);
    }
  }

  private static ImageRoi preview(ImagePlus source) throws Exception {
    ImageRoi[] found = new ImageRoi[1];
    SwingUtilities.invokeAndWait(
        () -> {
          Overlay overlay = source.getOverlay();
          for (int i = 0; overlay != null && i < overlay.size(); i++) {
            if (PreviewWindow.NAME.equals(overlay.get(i).getName())) {
              found[0] = (ImageRoi) overlay.get(i);
            }
          }
        });
    return found[0];
  }

  @Test
  void anImageThatIsCroppedOrConvertedIsLookedAtAsItIsThen() throws Exception {
    for (int sections : new int[] {1, SECTIONS}) {
      ImagePlus source = RealImageJ.stack("stack.tif", sections, 2);
      source.setRoi(new Roi(6, 5, 22, 19));
      menu("Cristae Preview");
      Window dialog = await("the dialog", () -> dialog("Cristae: preview"));
      choose(dialog, "model", "flat");
      click(dialog, "Preview");
      await("a preview of the part", () -> isAt(preview(source), 6, 5) ? source : null);
      IJ.run(source, "Crop", "");
      checkedWhole(source);
      IJ.run(source, "32-bit", "");
      checkedWhole(source);
      Window window = frame("Cristae: preview of stack.tif");
      click(window, "Close");
      await("the end", () -> window.isShowing() ? null : window);
      assertNull(source.getOverlay(), "also the copy that the crop made is gone");
      RealImageJ.closeAll();
    }
  }

  private static boolean isAt(ImageRoi roi, int x, int y) {
    return roi != null && roi.getBounds().x == x && roi.getBounds().y == y;
  }

  /** Waits until the preview of a whole slice is what Segment makes of it. */
  private static void checkedWhole(ImagePlus source) throws Exception {
    macro("run(\"Cristae Segment\", \"image=stack.tif model=flat\");");
    ImagePlus whole = IJ.getImage();
    byte[] expected = (byte[]) whole.getStack().getPixels(source.getCurrentSlice());
    whole.close();
    await("the preview of now", () -> isAs(expected, preview(source)) ? source : null);
  }

  private static boolean isAs(byte[] labels, ImageRoi roi) {
    boolean isSame = isAt(roi, 0, 0) && roi.getProcessor().getPixelCount() == labels.length;
    for (int i = 0; isSame && i < labels.length; i++) {
      isSame = (labels[i] == 0) == ((roi.getProcessor().get(i) & 0xffffff) == 0);
    }
    return isSame;
  }

  @Test
  void closingTheImageClosesThePreview() throws Exception {
    ImagePlus source = stack("flat");
    menu("Cristae Preview");
    Window dialog = await("the dialog", () -> dialog("Cristae: preview"));
    choose(dialog, "model", "flat");
    click(dialog, "Preview");
    await("a preview", () -> preview(source));
    source.changes = false;
    source.close();
    await("the end", () -> frame("Cristae: preview of stack.tif") == null ? source : null);
    assertNull(frame("Cristae: preview of stack.tif"));
  }
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.box;
import static org.cristae.fiji.command.Windows.choose;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.image;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.seen;
import static org.cristae.fiji.command.Windows.selectNewest;
import static org.cristae.fiji.command.Windows.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.plugin.frame.Recorder;
import java.awt.Window;
import java.util.Arrays;
import javax.swing.JComboBox;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Layer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Results of a model: the maps of a layer, from a macro and a dialog, and what is opened again. */
@Timeout(480)
class ResultIT {
  private static final String TITLE = "little-little-decoder.0.tif";

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
    // The server has the voxels of "little.tif" from an image of another title.
    RealImageJ.stack("first.tif", 3, 1);
    RealImageJ.labels("first-labels.tif", 3);
    macro(
        "run(\"Cristae Train\", \"image=first.tif labels=first-labels.tif name=little steps=1\");");
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static final String SHOW = "run(\"Cristae Show Activations\", \"image=little.tif %s\");";

  /** A layer that is coarser than the image. */
  private static Layer coarse() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    for (Layer layer : new org.cristae.fiji.client.Jobs(client).layers("little")) {
      if (layer.getName().equals("encoder.1")) {
        return layer;
      }
    }
    throw new AssertionError("no layer encoder.1");
  }

  @Test
  void theMapsOfALayerOnASelectionAreAGreyStackAtTheSamePlaceAsTheImage() throws Exception {
    ImagePlus source = RealImageJ.stack("little.tif", 3, 1);
    source.setSlice(2);
    source.setRoi(new Roi(13, 9, 20, 17));
    macro(String.format(SHOW, "model=little layer=encoder.1"));
    ImagePlus part = IJ.getImage();
    Layer layer = coarse();
    int step = (int) layer.getReductionX();
    int maps = (int) layer.getMaps();
    assertTrue(step > 1 && maps > 1, layer.toString());
    assertEquals("little-little-encoder.1.tif", part.getTitle());
    int width = (33 + step - 1) / step - 13 / step;
    int height = (26 + step - 1) / step - 9 / step;
    assertArrayEquals(new int[] {width, height, maps, 1, 1}, part.getDimensions());
    assertEquals(32, part.getBitDepth());
    assertFalse(part.isComposite());
    assertEquals("map 2", part.getStack().getSliceLabel(2));
    assertTrue(part.getDisplayRangeMax() > part.getDisplayRangeMin());
    int zoom = 400 / Math.max(width, height);
    assertEquals(Math.min(32, zoom), part.getCanvas().getMagnification());
    assertEquals("micron", part.getCalibration().getUnit());
    assertEquals(0.008 * step, part.getCalibration().pixelWidth, 1e-9);
    assertEquals(0.008 * (13 / step * step), part.getCalibration().getX(0.0), 1e-9);
    assertEquals(0.04, part.getCalibration().getZ(0.0), 1e-9); // the second slice
    assertEquals("encoder.1", part.getProp("cristae.layer"));
    assertEquals("activations", part.getProp("cristae.output"));

    macro(String.format(SHOW, "model=little layer=encoder.1 slices=1-3 part=whole"));
    ImagePlus whole = IJ.getImage();
    assertEquals("little-little-encoder.1 (2).tif", whole.getTitle());
    assertArrayEquals(new int[] {maps, 3}, Arrays.copyOfRange(whole.getDimensions(), 2, 4));
    for (int map = 0; map < maps; map++) {
      double expected = whole.getStack().getVoxel(13 / step + 2, 9 / step + 1, maps + map);
      assertEquals(expected, part.getStack().getVoxel(2, 1, map), 1e-4);
    }
    String layers = failingMacro(String.format(SHOW, "model=little layer=encoder.9"));
    assertTrue(layers.contains("layer=encoder.9 should be one of encoder.0, encoder.1"), layers);
    String model = failingMacro(String.format(SHOW, "model=no-such-model"));
    assertTrue(model.contains("no-such-model"), model);
  }

  @Test
  void theDialogListsTheLayersRecordsOneLineAndTheResultIsFoundAgainInTheListOfJobs()
      throws Exception {
    ImagePlus source = RealImageJ.stack("little.tif", 3, 1);
    source.setSlice(3);
    source.setRoi(new Roi(8, 8, 16, 16));
    Recorder recorder = new Recorder(false);
    try {
      menu("Cristae Show Activations");
      Window dialog = await("the dialog", () -> dialog("Cristae: show activations"));
      JComboBox<?> layers = box(dialog, "layer");
      choose(dialog, "model", "little");
      String usual =
          await(
              "the layers",
              () -> seen(() -> layers.isEnabled() ? (String) layers.getSelectedItem() : null));
      assertTrue(usual.startsWith("decoder.0: "), usual);
      assertEquals("3", text(dialog, "slices"));
      assertEquals("8,8,16,16", text(dialog, "part"));
      click(dialog, "Show");
      ImagePlus maps = await("the maps", () -> image(TITLE));
      assertTrue(maps.getStackSize() > 1);
      String line = "run(\"Cristae Show Activations\", \"image=little.tif model=little";
      line += " layer=decoder.0 slices=3 part=8,8,16,16\");";
      assertTrue(recorder.getText().contains(line), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    RealImageJ.closeAll();
    ImagePlus again = openedFromJobs("activations", TITLE);
    assertEquals("micron", again.getCalibration().getUnit());
    assertEquals(0.064, again.getCalibration().getX(0.0), 1e-9);
  }

  @Test
  void anotherImageOfTheSameTitleLendsItsCalibrationToNoResult() throws Exception {
    RealImageJ.stack("little.tif", 3, 1);
    macro("run(\"Cristae Segment\", \"image=little.tif model=little\");");
    RealImageJ.closeAll();
    ImagePlus other = RealImageJ.stack("little.tif", 3, 2);
    other.getCalibration().setUnit("nm");
    other.getCalibration().pixelWidth = 50;
    ImagePlus labels = openedFromJobs("segmentation (labels)", "little-little.tif");
    assertEquals("micron", labels.getCalibration().getUnit());
    assertEquals(0.008, labels.getCalibration().pixelWidth, 1e-9);
    assertEquals(0.04, labels.getCalibration().pixelDepth, 1e-9);
  }

  /** Opens the result of the newest job, which is of this kind, from the list of jobs. */
  private static ImagePlus openedFromJobs(String kind, String title) throws Exception {
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    selectNewest(jobs, kind);
    click(jobs, "Open Result");
    return await("the result", () -> image(title));
  }
}

package org.cristae.fiji.image;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import java.io.File;
import java.nio.file.Path;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.command.RealImageJ;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Volume;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A result that does not fit into the memory is looked at slice by slice, on the server. */
@Timeout(480)
class ServedStackIT {
  private static final double USUAL = ResultRoom.mostOfFree;

  /** More than a block has, so that there are two slabs. */
  private static final int SLICES = 20;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
    RealImageJ.stack("served.tif", SLICES, 1);
    RealImageJ.labels("served-labels.tif", SLICES);
    String train =
        "run(\"Cristae Train\", \"image=served.tif labels=served-labels.tif steps=1 %s\");";
    macro(String.format(train, "name=served"), String.format(train, "name=masked task=masks"));
  }

  @AfterEach
  void remember() {
    ResultRoom.mostOfFree = USUAL;
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static ImagePlus segmented(String options) throws Exception {
    IJ.selectWindow("served.tif");
    macro("run(\"Cristae Segment\", \"image=served.tif " + options + "\");");
    return IJ.getImage();
  }

  @Test
  void itLooksAsTheWholeOneAndIsSavedWhole(@TempDir Path folder) throws Exception {
    for (String options :
        new String[] {"model=served", "model=served output=probabilities", "model=masked"}) {
      ImagePlus whole = segmented(options);
      ResultRoom.mostOfFree = 0;
      ImagePlus served = segmented(options);
      ResultRoom.mostOfFree = USUAL;
      assertFalse(whole.getStack().isVirtual());
      assertTrue(served.getStack().isVirtual(), options);
      assertSameVoxels(whole, served);
      assertEquals(whole.getCalibration().toString(), served.getCalibration().toString());
      assertEquals(whole.isComposite(), served.isComposite());
      assertEquals(whole.getProp("cristae.classes"), served.getProp("cristae.classes"));
      assertEquals(whole.getStack().getSliceLabel(2), served.getStack().getSliceLabel(2), options);
      assertArrayEquals(whole.getLuts()[0].getBytes(), served.getLuts()[0].getBytes());
      File file = folder.resolve("saved.tif").toFile();
      IJ.saveAsTiff(served, file.getPath());
      assertSameVoxels(whole, IJ.openImage(file.getPath()));
    }
  }

  /** As ImageJ's threads that show a slice ask for it; IJ.run renames the one that it runs on. */
  private static byte[] looked(ServedStack stack, int plane) throws Exception {
    byte[][] found = new byte[1][];
    Thread look = new Thread(() -> found[0] = (byte[]) stack.getPixels(plane), "zSelector");
    look.start();
    look.join(60_000);
    return found[0];
  }

  private static void assertSameVoxels(ImagePlus expected, ImagePlus found) {
    assertArrayEquals(expected.getDimensions(), found.getDimensions());
    assertEquals(expected.getBitDepth(), found.getBitDepth());
    for (int plane = expected.getStackSize(); plane > 0; plane--) {
      assertArrayEquals(
          (byte[]) expected.getStack().getPixels(plane),
          (byte[]) found.getStack().getPixels(plane));
    }
  }

  @Test
  void mapsOfALayerThatDoNotFitAreRefusedBeforeTheyAreComputed() throws Exception {
    Jobs jobs = new Jobs(Connection.open(Progress.NONE, new Cancellation()));
    int before = jobs.list(20).size();
    ResultRoom.mostOfFree = 0;
    String said =
        failingMacro("run(\"Cristae Show Activations\", \"image=served.tif model=served\");");
    assertTrue(said.contains("Choose fewer slices or a part of them"), said);
    assertEquals(before, jobs.list(20).size());
  }

  @Test
  void aSliceThatCannotBeFetchedIsToldAndIsThereAgainWithTheServer() throws Exception {
    ImagePlus whole = segmented("model=served");
    Client client = Connection.open(Progress.NONE, new Cancellation());
    String id = new Jobs(client).list(1).get(0).getResult().getOutputs(0).getVolumeId();
    Volume volume = Download.describe(client, id);
    ServedStack stack = new ServedStack(client, volume, 0);
    stack.getProcessor(1);
    Connection.stopLocal();
    IJ.log("\\Clear");
    byte[] lost = looked(stack, SLICES);
    assertTrue(IJ.getLog().contains("Cristae: "), IJ.getLog());
    assertEquals(lost.length, whole.getWidth() * whole.getHeight());
    Connection.open(Progress.NONE, new Cancellation());
    assertArrayEquals(
        (byte[]) whole.getStack().getPixels(SLICES), (byte[]) stack.getPixels(SLICES));
  }
}

package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.ImageStack;
import ij.Macro;
import ij.macro.Interpreter;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.awt.EventQueue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.BlockSource;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.v1.DataType;
import org.cristae.v1.Volume;
import org.cristae.v1.VolumeSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/** Slices that come from a server are its slices, or none. */
@Timeout(60)
class ServedStackTest {
  private static final int LARGEST = 16_777_216;

  /** As ImageJ and Cristae call the threads that show slices. */
  private static final String[] SHOWING = {
    "event thread",
    "zSelector",
    "ContrastAdjuster",
    "Next Slice [>]",
    "Start Animation [\\]",
    "Cristae: Segmenting a"
  };

  private static ImagePlus served(Client client, BlockSource source) throws Exception {
    Volume volume = Upload.run(client, source, Progress.NONE, new Cancellation());
    return new ServedStack(client, volume, 0).toImage("served.tif", null);
  }

  private static ImagePlus cells() {
    ImageStack stack = new ImageStack(40, 20);
    for (int z = 0; z < 3; z++) {
      byte[] plane = new byte[800];
      plane[z] = (byte) (z + 1);
      stack.addSlice(null, plane);
    }
    return new ImagePlus("cells.tif", stack);
  }

  private static void assertDamaged(Executable use) {
    CristaeException failure = assertThrows(CristaeException.class, use);
    assertTrue(failure.getMessage().contains("damaged on its way"), failure.getMessage());
  }

  @Test
  void theTextThatStandsForALostSliceIsSeenAndNeverUsed() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      ImagePlus image = served(client, ImageVolume.image(cells(), null));
      ObjectImage objects = ObjectImage.of(image);
      assertEquals(3, objects.idAt(2, 0, 2));
      server.corruption = 1;
      ServedStack lost = new ServedStack(client, server.volume());
      ImagePlus without = shown(lost);
      for (String shows : SHOWING) {
        Object seen = asked(lost, shows);
        assertEquals(255, new ByteProcessor(40, 20, (byte[]) seen).getStatistics().max, shows);
      }
      for (String uses : new String[] {"Tiff...", "Duplicate...", "Run$_main", "Thread-7"}) {
        assertEquals(Macro.MACRO_CANCELED, asked(lost, uses), uses);
      }
      assertDamaged(() -> lost.planeOrFail(2));
      assertDamaged(() -> ObjectImage.of(without).plane(1));
      ImageVolume labels = ImageVolume.labels(without, null, Collections.emptyList());
      assertDamaged(() -> labels.read(BlockGrid.of(labels.spec()).block(0)));
      server.corruption = 0;
      assertArrayEquals((byte[]) cells().getStack().getPixels(2), (byte[]) lost.getPixels(2));
    }
  }

  @Test
  void whoeverLooksIsNotTakenForTheMacroThatRunsMeanwhile() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      served(client, ImageVolume.image(cells(), null));
      server.corruption = 1;
      ServedStack lost = new ServedStack(client, server.volume());
      Interpreter macro = new Interpreter();
      Thread running = new Thread(() -> macro.run("wait(60000);"), "Macro$");
      running.start();
      try {
        while (!IJ.isMacro()) {
          Thread.sleep(10);
        }
        for (String shows : SHOWING) {
          assertTrue(asked(lost, shows) instanceof byte[], shows);
        }
        assertEquals(Macro.MACRO_CANCELED, asked(lost, "Duplicate..."));
        assertTrue(running.isAlive(), "the macro goes on");
        assertFalse(macro.wasError());
      } finally {
        macro.abortMacro();
        running.interrupt();
        running.join();
      }
    }
  }

  /** The pixels that a thread of some name gets of plane 2, or the sentence it ends with. */
  private static Object asked(DistantStack stack, String thread) throws Exception {
    return on(thread, () -> stack.getPixels(2));
  }

  @Test
  void aCommandForWhichThereIsNoMemoryEndsLikeOneWhoseSliceIsLost() throws Exception {
    DistantStack full =
        new DistantStack(40, 20, 3, 8) {
          @Override
          ImageProcessor planeOrFail(int number) {
            throw new OutOfMemoryError("as in a full heap");
          }

          @Override
          boolean isOfLabels() {
            return true;
          }

          @Override
          boolean isOfLabels32() {
            return false;
          }

          @Override
          String missing() {
            return "";
          }

          @Override
          void isMissed(String sentence) {
            throw new AssertionError(sentence);
          }
        };
    assertEquals(Macro.MACRO_CANCELED, asked(full, "Tiff..."));
    assertEquals("as in a full heap", asked(full, "zSelector"));
  }

  /** The image of a stack as a thread of Cristae makes it. */
  private static ImagePlus shown(ServedStack stack) throws Exception {
    return (ImagePlus) on(SHOWING[SHOWING.length - 1], () -> stack.toImage("served.tif", null));
  }

  private static Object on(String thread, Callable<Object> question) throws Exception {
    FutureTask<Object> asking = new FutureTask<>(question);
    if (thread.equals("event thread")) {
      EventQueue.invokeAndWait(asking);
    } else {
      new Thread(asking, thread).start();
    }
    try {
      return asking.get();
    } catch (ExecutionException e) {
      return e.getCause().getMessage();
    }
  }

  @Test
  void whatKindOfResultItIsIsKnownWithoutReading() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      Upload.run(client, ImageVolume.image(cells(), null), Progress.NONE, new Cancellation());
      server.corruption = 1;
      ImagePlus image = shown(new ServedStack(client, server.volume()));
      for (String output : new String[] {"labels", "instances", "probabilities", null}) {
        image.setProp("cristae.output", output);
        boolean isLabels = "labels".equals(output) || "instances".equals(output);
        assertEquals(isLabels, ValueSample.of(image).looksLikeLabels(), output);
        assertFalse(ValueSample.of(image).isGrey(), output);
      }
    }
  }

  @Test
  void anIdBeyondImageJsNumbersIsNoOtherObjectsId() throws Exception {
    int[] ids = {0, 1, LARGEST - 1, LARGEST, LARGEST + 1, LARGEST + 2, LARGEST + 3, -1};
    int[] found = {0, 1, LARGEST - 1, LARGEST, -1, -1, -1, -1};
    BlockGrid grid = BlockGrid.of(1, 1, 1, ids.length, DataType.DATA_TYPE_UINT32);
    VolumeSpec spec =
        VolumeSpec.newBuilder()
            .setShape(grid.shape())
            .setBlockShape(grid.blockShape())
            .setDataType(DataType.DATA_TYPE_UINT32)
            .setName("served.tif")
            .build();
    BlockSource source =
        new BlockSource() {
          @Override
          public VolumeSpec spec() {
            return spec;
          }

          @Override
          public byte[] read(BlockGrid.Block block) {
            ByteBuffer voxels = ByteBuffer.allocate(block.bytes()).order(ByteOrder.LITTLE_ENDIAN);
            voxels.asIntBuffer().put(ids);
            return voxels.array();
          }
        };
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      ImagePlus image = served(client, source);
      for (int x = 0; x < ids.length; x++) {
        assertEquals(found[x], ObjectImage.of(image).idAt(0, 0, x), "id " + ids[x]);
      }
      ImageVolume labels = ImageVolume.labels(image, null, Collections.emptyList());
      CristaeException refused =
          assertThrows(
              CristaeException.class, () -> labels.read(BlockGrid.of(labels.spec()).block(0)));
      assertTrue(refused.getMessage().contains("ids above 16,777,216"), refused.getMessage());
    }
  }
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.VirtualStack;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import org.cristae.fiji.ui.Connection;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What Segment refuses before anything is sent. */
@Timeout(240)
class SegmentIT {
  private static final int SIDE = 4000;
  private static int planesRead;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterAll
  static void stopServer() {
    RealImageJ.closeAll();
    Connection.stopLocal();
  }

  /** A volume larger than the memory of these tests, of which no plane is kept. */
  private static ImagePlus huge() {
    int planes = (int) (Runtime.getRuntime().maxMemory() / SIDE / SIDE) + 2;
    return new ImagePlus(
        "huge.tif",
        new VirtualStack(SIDE, SIDE, null, null) {
          @Override
          public ImageProcessor getProcessor(int plane) {
            planesRead++;
            return new ByteProcessor(SIDE, SIDE);
          }

          @Override
          public int getSize() {
            return planes;
          }

          @Override
          public int getBitDepth() {
            return 8;
          }

          @Override
          public String getSliceLabel(int plane) {
            return null;
          }
        });
  }

  @Test
  void aResultThatCannotFitIsRefusedBeforeTheImageIsReadAndSent() {
    RealImageJ.stack("little.tif", 3, 1);
    RealImageJ.labels("little-labels.tif", 3);
    macro(
        "run(\"Cristae Train\", \"image=little.tif labels=little-labels.tif name=little steps=1\");");
    huge().show();
    int before = planesRead;
    String sentence = failingMacro("run(\"Cristae Segment\", \"image=huge.tif model=little\");");
    assertTrue(sentence.contains("does not fit into the"), sentence);
    assertTrue(sentence.contains("Nothing was sent."), sentence);
    assertEquals(before, planesRead);
  }
}

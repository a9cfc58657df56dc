package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.IJ;
import ij.ImagePlus;
import ij.process.ImageProcessor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.cristae.v1.Box;
import org.cristae.v1.GreySample;
import org.cristae.v1.GreyStatistics;
import org.junit.jupiter.api.Test;

/** What a preview sends: voxels in the contract's order, mean and deviation of others. */
class PartOfImageTest {
  private static Box box(int z, int zStop, int y, int yStop, int x, int xStop) {
    return Box.newBuilder()
        .setZStart(z)
        .setZStop(zStop)
        .setYStart(y)
        .setYStop(yStop)
        .setXStart(x)
        .setXStop(xStop)
        .build();
  }

  /** A hyperstack whose voxels tell where they are: 1000 c + 100 z + 10 y + x. */
  private static ImageVolume numbered(int bits) throws Exception {
    ImagePlus image = IJ.createHyperStack("numbered", 5, 4, 2, 3, 1, bits);
    for (int c = 0; c < 2; c++) {
      for (int z = 0; z < 3; z++) {
        ImageProcessor plane = image.getStack().getProcessor(z * 2 + c + 1);
        for (int i = 0; i < 20; i++) {
          plane.setf(i, 1000 * c + 100 * z + 10 * (i / 5) + i % 5);
        }
      }
    }
    return ImageVolume.image(image, null);
  }

  @Test
  void theVoxelsOfABoxComeChannelBySectionByRow() throws Exception {
    byte[] sent = PartOfImage.voxels(numbered(16), box(1, 3, 2, 4, 3, 5));
    short[] values = new short[16];
    ByteBuffer.wrap(sent).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer().get(values);
    short[] expected = {
      123, 124, 133, 134, 223, 224, 233, 234, 1123, 1124, 1133, 1134, 1223, 1224, 1233, 1234
    };
    assertArrayEquals(expected, values);
  }

  @Test
  void meanAndDeviationAreThoseOfTheVoxelsThatCountInAllBoxesTogether() throws Exception {
    GreySample sample =
        GreySample.newBuilder()
            .addBoxes(box(0, 1, 0, 1, 0, 3)) // 0, 1, 2, of which 0 does not count
            .addBoxes(box(2, 3, 3, 4, 0, 1)) // 230
            .build();
    GreyStatistics found = PartOfImage.measured(numbered(32), sample);
    assertEquals(2, found.getMeanCount());
    double mean = (1 + 2 + 230) / 3.0;
    assertEquals(mean, found.getMean(0), 1e-9);
    double squares = (1 + 4 + 230 * 230) / 3.0 - mean * mean;
    assertEquals(Math.sqrt(squares), found.getDeviation(0), 1e-9);
    double other = (1000 + 1001 + 1002 + 1230) / 4.0; // channel 1
    assertEquals(other, found.getMean(1), 1e-9);
  }

  @Test
  void whatIsNoNumberDoesNotCountAndWhereNothingCountsBothAreNull() throws Exception {
    ImagePlus image = IJ.createImage("broken", "32-bit black", 3, 1, 1);
    image.getProcessor().setf(0, Float.NaN);
    image.getProcessor().setf(1, Float.POSITIVE_INFINITY);
    GreySample all = GreySample.newBuilder().addBoxes(box(0, 1, 0, 1, 0, 3)).build();
    GreyStatistics none = PartOfImage.measured(ImageVolume.image(image, null), all);
    assertEquals(0, none.getMean(0));
    assertEquals(0, none.getDeviation(0));
    image.getProcessor().setf(2, 7);
    assertEquals(7, PartOfImage.measured(ImageVolume.image(image, null), all).getMean(0));
  }
}

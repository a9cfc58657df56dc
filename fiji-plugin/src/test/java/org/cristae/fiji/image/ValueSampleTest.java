package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import ij.process.ShortProcessor;
import java.nio.file.Paths;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Labels and grey values are told apart by their values. */
class ValueSampleTest {
  private static ValueSample example(String file) {
    return ValueSample.of(
        IJ.openImage(Paths.get("..", "examples", "gala", file).toAbsolutePath().toString()));
  }

  @Test
  void aMicrographAndItsNeuronsAreToldApart() {
    assertTrue(example("raw.tif").isGrey());
    assertFalse(example("raw.tif").looksLikeLabels());
    assertTrue(example("neurons.tif").looksLikeLabels());
    assertFalse(example("neurons.tif").isGrey());
  }

  @Test
  void aMicrographInABlackFrameIsGreyAndOneOfFractionsNeverLabels() {
    Random random = new Random(3);
    ImageProcessor framed = new ByteProcessor(100, 100);
    ImageProcessor fractions = new FloatProcessor(100, 100);
    for (int i = 0; i < 500; i++) {
      framed.set(5050 + i, 1 + random.nextInt(255));
      fractions.setf(i, 0.5f);
    }
    assertTrue(ValueSample.of(new ImagePlus("framed", framed)).isGrey());
    assertFalse(ValueSample.of(new ImagePlus("framed", framed)).looksLikeLabels());
    assertFalse(ValueSample.of(new ImagePlus("fractions", fractions)).looksLikeLabels());
  }

  @Test
  void smallObjectsMasksAndSinglePointsAreLabels() {
    ImageProcessor objects = new ShortProcessor(200, 200);
    ImageProcessor points = new ShortProcessor(200, 200);
    for (int i = 0; i < 40_000; i++) {
      int x = i % 200;
      int y = i / 200;
      objects.set(i, x % 5 < 3 && y % 5 < 3 ? 1 + x / 5 + 40 * (y / 5) : 0);
      points.set(i, x % 5 == 0 ? 1 + i : 0);
    }
    assertTrue(ValueSample.of(new ImagePlus("objects", objects)).looksLikeLabels());
    assertTrue(ValueSample.of(new ImagePlus("points", points)).looksLikeLabels());
    ImageProcessor mask = new ByteProcessor(200, 200);
    for (int i = 0; i < 40_000; i += 2) {
      mask.set(i, 255);
    }
    ValueSample stripes = ValueSample.of(new ImagePlus("mask", mask));
    assertTrue(stripes.looksLikeLabels());
    assertEquals(2, stripes.differentValues());
  }

  @Test
  void aVirtualStackIsReadInAFewPlanes() {
    int[] read = new int[1];
    ImageStack stack =
        new VirtualStack(8, 8, null, null) {
          @Override
          public ImageProcessor getProcessor(int plane) {
            read[0]++;
            return new ByteProcessor(8, 8);
          }

          @Override
          public int getSize() {
            return 1000;
          }
        };
    ImagePlus image = new ImagePlus("virtual", stack);
    read[0] = 0;
    ValueSample.of(image);
    assertTrue(read[0] <= 5, read[0] + " planes");
  }
}

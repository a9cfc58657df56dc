package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import ij.process.ShortProcessor;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import org.cristae.v1.LabelClass;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Labels can be told apart, and none but 0 is black. */
class ClassColorsTest {
  @Test
  void neighboursDifferAndNothingButZeroIsBlack() {
    Set<Integer> colors = new HashSet<>();
    assertEquals(0, ClassColors.rgb(0));
    for (int value = 1; value < 256; value++) {
      int rgb = ClassColors.rgb(value);
      int brightest = Math.max(rgb >> 16, Math.max(rgb >> 8 & 255, rgb & 255));
      assertTrue(brightest > 100, "label " + value + " is too dark");
      assertTrue(distance(rgb, ClassColors.rgb(value + 1)) > 60, "label " + value);
      colors.add(rgb);
    }
    assertTrue(colors.size() > 250);
  }

  private static int distance(int a, int b) {
    return Math.abs((a >> 16) - (b >> 16))
        + Math.abs((a >> 8 & 255) - (b >> 8 & 255))
        + Math.abs((a & 255) - (b & 255));
  }

  @Test
  void aClassKeepsTheColourThatItBrings() {
    LabelClass red = LabelClass.newBuilder().setValue(2).setName("m").setRgb(0xff0102).build();
    assertEquals(0xff0102, ClassColors.table(Collections.singletonList(red)).getRGB(2) & 0xffffff);
  }

  @ParameterizedTest
  @ValueSource(ints = {256, 511, 512, 1000, 30_000, 65_535})
  void lowLabelsAreNotBlackInSixteenBits(int maximum) {
    ShortProcessor ip = new ShortProcessor(4, 1);
    ip.set(1, 1);
    ip.set(2, 2);
    ip.set(3, maximum);
    assertOnlyZeroIsBlack(ip, maximum);
  }

  @ParameterizedTest
  @ValueSource(ints = {70_000, 1_000_000, 16_777_216})
  void lowLabelsAreNotBlackInThirtyTwoBits(int maximum) {
    FloatProcessor ip = new FloatProcessor(4, 1);
    ip.setf(1, 1);
    ip.setf(2, 2);
    ip.setf(3, maximum);
    assertOnlyZeroIsBlack(ip, maximum);
  }

  @Test
  void aRangeThatFitsFewLabelsIsWidenedForANewOneAndNoFurther() {
    for (ImageProcessor ip :
        new ImageProcessor[] {
          new ByteProcessor(4, 1), new ShortProcessor(4, 1), new FloatProcessor(4, 1)
        }) {
      ImagePlus image = new ImagePlus("labels", ip);
      image.setDisplayRange(0, 57);
      ClassColors.cover(image, 57);
      assertEquals(57, image.getDisplayRangeMax());
      ClassColors.cover(image, 58);
      assertEquals(58, image.getDisplayRangeMax());
      assertEquals(0, image.getDisplayRangeMin());
      image.setDisplayRange(5, 40);
      ClassColors.cover(image, 58);
      assertEquals(0, image.getDisplayRangeMin(), "the lowest label would be black");
    }
  }

  @Test
  void aRangeOfAResultIsThatOfAResultForTheNewLabel() {
    ImagePlus image = new ImagePlus("labels", new ShortProcessor(4, 1));
    ClassColors.apply(image, Collections.emptyList(), 300);
    ClassColors.cover(image, 1000);
    ImagePlus fresh = new ImagePlus("fresh", new ShortProcessor(4, 1));
    ClassColors.apply(fresh, Collections.emptyList(), 1000);
    assertEquals(fresh.getDisplayRangeMin(), image.getDisplayRangeMin());
    assertEquals(fresh.getDisplayRangeMax(), image.getDisplayRangeMax());
  }

  private static void assertOnlyZeroIsBlack(ImageProcessor ip, int maximum) {
    float[] before = (float[]) ip.convertToFloatProcessor().getPixelsCopy();
    ImagePlus image = new ImagePlus("labels", ip);
    ClassColors.apply(image, Collections.emptyList(), maximum);
    java.awt.image.BufferedImage shown = image.getBufferedImage();
    assertEquals(0, shown.getRGB(0, 0) & 0xffffff);
    for (int x = 1; x < 4; x++) {
      assertNotEquals(0, shown.getRGB(x, 0) & 0xffffff, "pixel " + x);
    }
    float[] after = (float[]) image.getProcessor().convertToFloatProcessor().getPixels();
    org.junit.jupiter.api.Assertions.assertArrayEquals(before, after);
  }
}

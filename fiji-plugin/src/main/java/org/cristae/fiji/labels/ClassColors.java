package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.process.LUT;
import java.awt.Color;
import java.util.List;
import org.cristae.v1.LabelClass;

/**
 * The colours of labels: 0 is black, neighbouring numbers differ strongly. Made in code, since
 * plain ImageJ has no table of this kind.
 */
public final class ClassColors {
  /** The first ones are told apart by colour-blind people too (Okabe and Ito). */
  private static final int[] FIRST = {
    0xE69F00, 0x56B4E9, 0x009E73, 0xF0E442, 0x0072B2, 0xD55E00, 0xCC79A7, 0x999999
  };

  private static final double GOLDEN = 0.618033988749895;
  private static final float[] SATURATIONS = {0.9f, 0.55f, 0.75f};
  private static final float[] BRIGHTNESSES = {1f, 0.75f, 0.9f, 0.6f};

  private ClassColors() {}

  /** The colour 0xRRGGBB of label {@code value}; 0 for background, never black otherwise. */
  public static int rgb(int value) {
    if (value == 0) {
      return 0;
    }
    if (value <= FIRST.length) {
      return FIRST[value - 1];
    }
    float hue = (float) (value * GOLDEN % 1);
    float saturation = SATURATIONS[value % SATURATIONS.length];
    float brightness = BRIGHTNESSES[value % BRIGHTNESSES.length];
    return Color.HSBtoRGB(hue, saturation, brightness) & 0xffffff;
  }

  /** A table of 256 colours; classes with a colour of their own keep it. */
  public static LUT table(List<LabelClass> classes) {
    byte[] red = new byte[256];
    byte[] green = new byte[256];
    byte[] blue = new byte[256];
    for (int value = 0; value < 256; value++) {
      set(red, green, blue, value, rgb(value));
    }
    for (LabelClass label : classes) {
      if (label.getRgb() != 0 && label.getValue() > 0 && label.getValue() < 256) {
        set(red, green, blue, label.getValue(), label.getRgb());
      }
    }
    return new LUT(red, green, blue);
  }

  private static void set(byte[] red, byte[] green, byte[] blue, int value, int rgb) {
    red[value] = (byte) (rgb >> 16);
    green[value] = (byte) (rgb >> 8);
    blue[value] = (byte) rgb;
  }

  /**
   * Colours an image of labels and sets its display range, so that only 0 is black, whatever the
   * greatest label is; the voxels stay as they are.
   *
   * @param maximum the greatest label in the image
   */
  public static void apply(ImagePlus labels, List<LabelClass> classes, long maximum) {
    labels.setLut(table(classes));
    setRange(labels, maximum);
  }

  /**
   * Widens the display range of an image of labels if it ends below the greatest one, and no
   * further than is needed, so that the others look as before; its colour table stays.
   *
   * @param maximum the greatest label in the image
   */
  public static void cover(ImagePlus labels, long maximum) {
    double max = labels.getDisplayRangeMax();
    if (max < maximum && max >= 255) {
      setRange(labels, maximum);
    } else if (max < maximum) { // chosen by ImageJ or a person, not here: fit for few labels
      labels.setDisplayRange(Math.min(0, labels.getDisplayRangeMin()), maximum);
    }
  }

  private static void setRange(ImagePlus labels, long maximum) {
    double min = 0;
    double max = 255;
    if (labels.getBitDepth() == 16) {
      max = Math.max(255, maximum);
      min = -blackMargin16((int) max);
    } else if (labels.getBitDepth() == 32) {
      max = Math.max(255, maximum);
      // (0 - min) * 255 / (max - min) + 0.5 stays below 1, where 1 comes to 1 or more.
      min = -(max - 255) / 509;
    }
    labels.setDisplayRange(min, max);
  }

  /** How far below 0 the range of a 16-bit image starts, so that 1 is shown apart from 0. */
  private static int blackMargin16(int max) {
    int margin = 0;
    while (entry16(1, -margin, max) < 1) {
      margin++;
    }
    return margin;
  }

  /** The entry of the colour table that ImageJ shows for a 16-bit value. */
  static int entry16(int value, int min, int max) {
    return Math.min(255, (int) ((value - min) * (256.0 / (max - min + 1)) + 0.5));
  }
}

package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.ImageCanvas;
import ij.measure.Calibration;
import java.util.Arrays;
import org.cristae.v1.Box;
import org.cristae.v1.VoxelSize;

/** The maps of a layer as a stack to look at: where they lie, what they are called, how bright. */
public final class LayerMaps {
  /** So much of the values is left out at both ends of the display range. */
  private static final double LEFT_OUT = 0.002;

  private static final int MOST_VALUES = 1 << 20;

  /** Pixels on the screen. */
  private static final int LARGE = 400;

  /** Of ImageJ. */
  private static final int MOST_ZOOM = 32;

  /** A start that should be whole may lie a little below by rounding. */
  private static final double ROUNDING = 1e-6;

  private LayerMaps() {}

  /**
   * Names the channels "map 1", "map 2", ..., and sets one display range for all of them, so that
   * they can be compared.
   */
  public static void show(ImagePlus maps) {
    ImageStack stack = maps.getStack();
    int channels = maps.getNChannels();
    for (int plane = 1; plane <= stack.getSize(); plane++) {
      stack.setSliceLabel("map " + ((plane - 1) % channels + 1), plane);
    }
    float[] values = sample(stack);
    Arrays.sort(values);
    int last = values.length - 1;
    int out = (int) (LEFT_OUT * last);
    boolean isFlat = values[out] == values[last - out];
    maps.setDisplayRange(values[isFlat ? 0 : out], values[isFlat ? last : last - out]);
  }

  /** Makes the window of a small image larger, if it has one: about 400 pixels to a side. */
  public static void enlarge(ImagePlus maps) {
    ImageCanvas canvas = maps.getCanvas();
    int times = Math.min(MOST_ZOOM, LARGE / Math.max(maps.getWidth(), maps.getHeight()));
    if (canvas != null && times > 1) {
      canvas.setMagnification(times);
      canvas.setSize(times * maps.getWidth(), times * maps.getHeight());
      maps.getWindow().pack();
    }
  }

  /** Some of the values, from everywhere. */
  private static float[] sample(ImageStack stack) {
    long count = (long) stack.getWidth() * stack.getHeight() * stack.getSize();
    long step = count / MOST_VALUES + 1;
    float[] values = new float[(int) ((count - 1) / step + 1)];
    long planeSize = (long) stack.getWidth() * stack.getHeight();
    for (int i = 0; i < values.length; i++) {
      long at = i * step;
      float[] plane = (float[]) stack.getPixels((int) (at / planeSize) + 1);
      values[i] = plane[(int) (at % planeSize)];
    }
    return values;
  }

  /**
   * Gives the maps the coordinates of their image: what lies at a place in them lies at the same
   * place, in the unit of length, in the image.
   *
   * @param maps calibrated with the size of their voxels
   * @param mapSize the size of their voxels
   * @param imageSize the size of the voxels of the image that they were made of
   * @param region the part of the image for which they stand
   * @param source the image, which may have an origin of its own; null if it is not open any more
   */
  public static void place(
      ImagePlus maps, VoxelSize mapSize, VoxelSize imageSize, Box region, ImagePlus source) {
    Calibration calibration = maps.getCalibration();
    Calibration ours = source == null ? new Calibration() : source.getCalibration();
    double x = mapSize.getXNm() / imageSize.getXNm();
    double y = mapSize.getYNm() / imageSize.getYNm();
    double z = mapSize.getZNm() / imageSize.getZNm();
    calibration.xOrigin = origin(region.getXStart(), x, ours.xOrigin);
    calibration.yOrigin = origin(region.getYStart(), y, ours.yOrigin);
    calibration.zOrigin = origin(region.getZStart(), z, ours.zOrigin);
  }

  /** Where, counted in voxels of the maps from their first one, the origin of the image lies. */
  private static double origin(long start, double size, double origin) {
    return origin / size - Math.floor(start / size + ROUNDING);
  }
}

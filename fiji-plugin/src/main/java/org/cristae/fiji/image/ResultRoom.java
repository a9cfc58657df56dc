package org.cristae.fiji.image;

import java.util.Locale;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Shape;

/** Whether ImageJ's memory holds a result as a whole. */
public final class ResultRoom {
  private ResultRoom() {}

  /**
   * So much of the free memory a result may take; the rest is for everything else. Tests set it.
   */
  static double mostOfFree = 0.8;

  /**
   * Makes sure that a result fits into the memory that is free now, at one byte a voxel.
   *
   * @throws CristaeException if it does not
   */
  public static void check(Shape shape) throws CristaeException {
    if (!fits(bytes(shape, 1))) {
      throw new CristaeException(ErrorCode.ERROR_CODE_OUT_OF_MEMORY, isServed(shape));
    }
  }

  /**
   * Makes sure that the maps of a layer, of 32 bits, fit into the memory that is free now: they are
   * never shown slice by slice.
   *
   * @throws CristaeException if they do not
   */
  public static void checkMaps(Shape shape) throws CristaeException {
    double bytes = bytes(shape, Float.BYTES);
    if (!fits(bytes)) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_OUT_OF_MEMORY,
          String.format(
              Locale.ROOT,
              "The maps, %d of %d x %d in %d slices, need %s, and ImageJ has %s of memory"
                  + " left. Choose fewer slices or a part of them (slices, part), or close images.",
              shape.getC(),
              shape.getX(),
              shape.getY(),
              shape.getZ(),
              amount(bytes),
              amount(free())));
    }
  }

  private static boolean fits(double bytes) {
    if (bytes > mostOfFree * free()) {
      System.gc(); // what nobody uses any more does not count
    }
    return bytes <= mostOfFree * free();
  }

  /** What is to be said of a result that is shown slice by slice, since it does not fit. */
  public static String isServed(Shape shape) {
    return doesNotFit(shape, free(), "has left")
        + "It is shown as a virtual stack: its slices come from the server when they are looked at,"
        + " as long as that runs. File > Save As > Tiff keeps all of them.";
  }

  /** Which result does not fit into how much memory, in a sentence with a space behind. */
  static String doesNotFit(Shape shape, double bytes, String memory) {
    return String.format(
        Locale.ROOT,
        "The result, %d x %d in %d slices, does not fit into the %s of memory that ImageJ %s. ",
        shape.getX(),
        shape.getY(),
        shape.getZ(),
        amount(bytes),
        memory);
  }

  /**
   * What is to be said of a result that fits only if it is small or images are closed; empty if it
   * fits anyhow.
   *
   * @param mostBytes the most bytes that a voxel of it can need
   */
  public static String warning(Shape shape, int mostBytes) {
    double bytes = bytes(shape, mostBytes);
    if (bytes > free()) {
      System.gc(); // what nobody uses any more does not count
    }
    return warning(bytes, free());
  }

  static String warning(double bytes, double free) {
    return bytes <= free
        ? ""
        : String.format(
            Locale.ROOT,
            "The result needs up to %s, and ImageJ has %s of memory left. If it does not fit"
                + " when it is there, it is shown as a virtual stack, whose slices come from the"
                + " server when they are looked at.",
            amount(bytes),
            amount(free));
  }

  /** An amount of memory in the unit in which it is no number of zeros. */
  static String amount(double bytes) {
    return bytes < 1e9
        ? String.format(Locale.ROOT, "%.0f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }

  private static double bytes(Shape shape, int bytesOfVoxel) {
    return (double) shape.getC() * shape.getZ() * shape.getY() * shape.getX() * bytesOfVoxel;
  }

  private static double free() {
    Runtime runtime = Runtime.getRuntime();
    return (double) runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
  }
}

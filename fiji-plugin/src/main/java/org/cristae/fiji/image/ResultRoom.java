package org.cristae.fiji.image;

import java.util.Locale;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Shape;

/** Whether ImageJ's memory holds a result: told before anything is sent and computed for it. */
public final class ResultRoom {
  private ResultRoom() {}

  /**
   * Makes sure that a result can fit, at one byte a voxel.
   *
   * @throws CristaeException if it never can, whatever is closed meanwhile
   */
  public static void check(Shape shape) throws CristaeException {
    long most = Runtime.getRuntime().maxMemory();
    if (bytes(shape, 1) > most) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_OUT_OF_MEMORY,
          doesNotFit(shape, most)
              + "Nothing was sent. Give it more in Edit > Options > Memory & Threads and restart it,"
              + " segment a part (Image > Duplicate), or segment the file with `cristae predict`.");
    }
  }

  /** Which result does not fit into how much memory, in a sentence with a space behind. */
  static String doesNotFit(Shape shape, long most) {
    return String.format(
        Locale.ROOT,
        "The result, %d x %d in %d slices, does not fit into the %.1f GB of memory that ImageJ may"
            + " use. ",
        shape.getX(),
        shape.getY(),
        shape.getZ(),
        most / 1e9);
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
            "The result needs up to %.1f GB, and ImageJ has %.1f GB of memory left: close what is not"
                + " needed until it is there. If it does not fit then, it stays on the server.",
            bytes / 1e9,
            free / 1e9);
  }

  private static double bytes(Shape shape, int bytesOfVoxel) {
    return (double) shape.getC() * shape.getZ() * shape.getY() * shape.getX() * bytesOfVoxel;
  }

  private static double free() {
    Runtime runtime = Runtime.getRuntime();
    return (double) runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
  }
}

package org.cristae.fiji.image;

import ij.Executer;
import ij.IJ;
import ij.Macro;
import ij.VirtualStack;
import ij.macro.Interpreter;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import ij.process.ShortProcessor;
import java.awt.EventQueue;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.cristae.fiji.client.CristaeException;

/**
 * A stack of which planes may be missing, since they lie on the server: a text stands in place of
 * them for whoever looks, and nothing for whoever uses their voxels.
 */
abstract class DistantStack extends VirtualStack {
  /**
   * The threads of ImageJ that only show planes, the event thread apart: that of the sliders and
   * that of Brightness/Contrast, and the menu's commands that go to another slice, each of which
   * has a thread of its name. Everything else that asks for a plane may use its voxels.
   */
  private static final Set<String> SHOWING =
      new HashSet<>(
          Arrays.asList(
              "zSelector",
              "ContrastAdjuster",
              "Next Slice [>]",
              "Previous Slice [<]",
              "Set Slice...",
              "Start Animation [\\]"));

  /** How the threads of Cristae begin, which use voxels by {@link #planeOrFail} only. */
  private static final String OWN = "Cristae";

  /** How {@code IJ.run} renames the thread of a macro or script. */
  private static final String SCRIPTS = "Run$_";

  private static final String NO_MEMORY =
      "ImageJ has no memory left for the slices of this result. What a command such as Save As has"
          + " written of it is not whole. Close other images, or raise the limit in Edit > Options"
          + " > Memory & Threads, and do it again.";

  private final String[] labels;

  DistantStack(int width, int height, int planes, int bitDepth) {
    super(width, height, planes);
    labels = new String[planes];
    setBitDepth(bitDepth);
  }

  /**
   * A plane for whoever uses its voxels: nothing ever stands in the place of one that is missing.
   *
   * @param number from 1
   * @throws CristaeException if it is missing
   */
  abstract ImageProcessor planeOrFail(int number) throws CristaeException;

  /** True if its voxels can be nothing but labels: grey values of 16 or 32 bits are no result. */
  abstract boolean isOfLabels();

  /** True if its voxels are labels that may be greater than ImageJ holds exactly. */
  abstract boolean isOfLabels32();

  /** The text that stands in place of a plane. */
  abstract String missing();

  /** Somebody looked at a plane that is missing, for the reason in {@code sentence}. */
  abstract void isMissed(String sentence);

  /** A plane for whoever looks at it: where it is missing, a text stands in its place. */
  @Override
  public final ImageProcessor getProcessor(int number) {
    ImageProcessor plane;
    try {
      plane = planeOrFail(number);
    } catch (CristaeException e) {
      refuseCommands(e.getMessage());
      isMissed(e.getMessage());
      plane = empty();
      plane.setColor(255);
      plane.drawString(missing(), 10, 30);
    } catch (OutOfMemoryError e) {
      refuseCommands(NO_MEMORY);
      throw e;
    }
    if (getColorModel() != null) {
      plane.setColorModel(getColorModel());
    }
    return plane;
  }

  /**
   * A command that works on the slices, such as Save As, ends: it must not take for data what
   * stands in place of them.
   */
  private void refuseCommands(String sentence) {
    if (isUsed()) {
      if (isWithin(Interpreter.class) || Thread.currentThread().getName().startsWith(SCRIPTS)) {
        IJ.error("Cristae", sentence);
      } else {
        IJ.showMessage("Cristae", sentence); // IJ.error would end a macro that runs meanwhile
      }
      throw new RuntimeException(Macro.MACRO_CANCELED); // so ImageJ ends commands, without a trace
    }
  }

  /** Whether the thread that asks for a plane uses its voxels, rather than showing them. */
  boolean isUsed() {
    String name = Thread.currentThread().getName();
    if (SHOWING.contains(name)) {
      return false;
    }
    if (EventQueue.isDispatchThread()) { // it shows, unless a button runs a command on it
      return isWithin(Executer.class) || isWithin(Interpreter.class);
    }
    return !name.startsWith(OWN) || isWithin(Interpreter.class);
  }

  /** Whether this thread was called, however far behind, by a class. */
  private static boolean isWithin(Class<?> caller) {
    return Arrays.stream(Thread.currentThread().getStackTrace())
        .anyMatch(frame -> frame.getClassName().equals(caller.getName()));
  }

  /** A black plane. */
  final ImageProcessor empty() {
    switch (getBitDepth()) {
      case 8:
        return new ByteProcessor(getWidth(), getHeight());
      case 16:
        return new ShortProcessor(getWidth(), getHeight());
      default:
        return new FloatProcessor(getWidth(), getHeight());
    }
  }

  @Override
  public final Object getPixels(int number) {
    return getProcessor(number).getPixels();
  }

  @Override
  public final String getSliceLabel(int number) {
    return labels[number - 1];
  }

  @Override
  public final void setSliceLabel(String label, int number) {
    labels[number - 1] = label;
  }
}

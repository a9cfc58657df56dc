package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import ij.process.ImageProcessor;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;

/**
 * The values on a few planes of an image, which tell labels from grey values: in labels nearly all
 * neighbours are equal (above 0.95 in those of neurons, nuclei and membranes), in a micrograph
 * nearly none (below 0.05). Reads five planes at most, of a virtual stack too.
 */
public final class ValueSample {
  private static final int SPREAD_PLANES = 4;
  private static final int ROWS = 128;

  /** Whole numbers that are so few are labels, however they lie. */
  private static final int FEW_VALUES = 16;

  /** Different values are counted up to here. */
  private static final int MOST_VALUES = 4096;

  private static final double EQUAL_IN_LABELS = 0.7;
  private static final double EQUAL_IN_GREY_VALUES = 0.3;

  private final Set<Float> values = new HashSet<>();
  private boolean isWhole = true;
  private long equal;
  private long different;

  private ValueSample() {}

  /**
   * Looks at the plane that the image shows and at some between its first and its last. What a
   * server shows is taken for what it is called, and not read.
   */
  public static ValueSample of(ImagePlus image) {
    ImageStack stack = image.getStack();
    if (stack instanceof DistantStack) {
      return ofDistant(image);
    }
    ValueSample sample = new ValueSample();
    Set<Integer> planes = new TreeSet<>();
    planes.add(image.getCurrentSlice());
    for (int i = 0; i < SPREAD_PLANES; i++) {
      planes.add(1 + (2 * i + 1) * stack.getSize() / (2 * SPREAD_PLANES));
    }
    for (int plane : planes) {
      ImageProcessor processor = plane <= stack.getSize() ? stack.getProcessor(plane) : null;
      if (processor != null) { // of a virtual stack, a file that is gone; told when it is sent
        sample.look(processor);
      }
    }
    return sample;
  }

  /** A server may be long in sending planes, and what kind of result it is, is known. */
  private static ValueSample ofDistant(ImagePlus image) {
    ValueSample sample = new ValueSample();
    String output = image.getProp(ResultProperties.OUTPUT);
    sample.isWhole =
        output == null
            ? ((DistantStack) image.getStack()).isOfLabels()
            : output.equals("labels") || output.equals("instances");
    sample.equal = sample.isWhole ? 1 : 0;
    return sample;
  }

  private void look(ImageProcessor plane) {
    int step = Math.max(1, plane.getHeight() / ROWS);
    for (int y = step / 2; y < plane.getHeight(); y += step) {
      float before = see(plane.getf(0, y));
      for (int x = 1; x < plane.getWidth(); x++) {
        float value = plane.getf(x, y);
        if (value != before) {
          see(value);
        }
        // 0 is the background of labels, and what fills up the corners of micrographs.
        if (value != 0 && before != 0) {
          equal += value == before ? 1 : 0;
          different += value == before ? 0 : 1;
        }
        before = value;
      }
    }
  }

  private float see(float value) {
    isWhole &= value == Math.rint(value); // NaN is not
    if (values.size() < MOST_VALUES) {
      values.add(value);
    }
    return value;
  }

  /** How many different values were seen, at most 4096. */
  public int differentValues() {
    return values.size();
  }

  /** True if these are whole numbers in patches, as labels are. */
  public boolean looksLikeLabels() {
    boolean inPatches = equal >= EQUAL_IN_LABELS * (equal + different);
    return isWhole && (inPatches || values.size() <= FEW_VALUES);
  }

  /** True if these are labels also where few values say nothing, as on a plane of one voxel. */
  public boolean isInPatches() {
    return equal > 0 && looksLikeLabels() && equal >= EQUAL_IN_LABELS * (equal + different);
  }

  /** True if these can be no labels: many values, and neighbours that are seldom equal. */
  public boolean isGrey() {
    return values.size() > FEW_VALUES && equal < EQUAL_IN_GREY_VALUES * (equal + different);
  }
}

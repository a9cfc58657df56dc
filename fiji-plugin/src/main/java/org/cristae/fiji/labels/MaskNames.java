package org.cristae.fiji.labels;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;

/** What the masks in the channels of a label image are called. */
public final class MaskNames {
  private static final int MAX_LENGTH = 60;

  private MaskNames() {}

  /**
   * The names that were given, else the labels of the channels.
   *
   * @param named the names in the order of the channels; may be empty
   * @return one for each channel; empty if nothing names them
   * @throws CristaeException if there are more or fewer names than channels
   */
  public static List<LabelClass> of(ImagePlus labels, List<LabelClass> named)
      throws CristaeException {
    PlaneOrder order = PlaneOrder.of(labels);
    if (!named.isEmpty() && named.size() != order.channels()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "The masks named are "
              + named.size()
              + ", the channels of \""
              + labels.getTitle()
              + "\" are "
              + order.channels()
              + ". Name one mask for each channel, in their order.");
    }
    return named.isEmpty() ? ofChannels(labels, order) : named;
  }

  /** Labels that differ from slice to slice, or are the same twice, are file names or the like. */
  private static List<LabelClass> ofChannels(ImagePlus labels, PlaneOrder order) {
    List<LabelClass> masks = new ArrayList<>();
    HashSet<String> seen = new HashSet<>();
    for (int channel = 0; channel < order.channels(); channel++) {
      String first = label(labels, order.plane(channel, 0));
      String last = label(labels, order.plane(channel, order.sections() - 1));
      boolean isName = !first.isEmpty() && first.length() <= MAX_LENGTH && first.equals(last);
      if (!isName || !seen.add(first)) {
        return new ArrayList<>();
      }
      int value = channel + 1;
      LabelClass.Builder mask = LabelClass.newBuilder().setValue(value).setName(first);
      masks.add(mask.setRgb(ClassColors.rgb(value)).build());
    }
    return masks;
  }

  private static String label(ImagePlus labels, int plane) {
    String label = labels.getStack().getSliceLabel(plane);
    return label == null || label.contains("\n") ? "" : label.trim();
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.fiji.image.VoxelSizes;
import org.cristae.v1.Model;
import org.cristae.v1.VoxelSize;

/**
 * Which model a dialog proposes for an image: the one of the last time if it can be meant, else the
 * newest that can.
 */
final class FittingModel {
  /** Sides of voxels that differ by more are of another kind of image. */
  private static final double MOST_TIMES = 2.5;

  private FittingModel() {}

  /**
   * The same choices, with a model that fits the image if there is one.
   *
   * @param recalled what was chosen the last time, for whichever image
   * @param models newest first
   * @param image null if none is open
   */
  static Choices put(Choices recalled, List<Model> models, ImagePlus image) {
    String last = recalled.get("model", "");
    List<Model> ordered = new ArrayList<>(models);
    ordered.sort(Comparator.comparing(model -> !model.getName().equals(last))); // it comes first
    return ordered.stream()
        .filter(model -> image != null && fits(model, image))
        .findFirst()
        .map(model -> recalled.put("model", model.getName()))
        .orElse(recalled);
  }

  /** False if it was made for images of other channels, or of much larger or smaller voxels. */
  static boolean fits(Model model, ImagePlus image) {
    long channels;
    try {
      channels = PlaneOrder.of(image).channels();
    } catch (CristaeException e) {
      return false; // told when it is sent
    }
    VoxelSize made = model.getVoxelSize();
    return channels == Math.max(1, model.getChannels())
        && VoxelSizes.of(image.getCalibration())
            .map(
                of ->
                    isNear(of.getXNm(), made.getXNm())
                        && isNear(of.getYNm(), made.getYNm())
                        && isNear(of.getZNm(), made.getZNm()))
            .orElse(true);
  }

  private static boolean isNear(double nm, double otherNm) {
    boolean isKnown = nm > 0 && otherNm > 0;
    return !isKnown || Math.max(nm, otherNm) <= MOST_TIMES * Math.min(nm, otherNm);
  }
}

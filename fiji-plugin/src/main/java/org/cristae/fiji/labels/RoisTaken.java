package org.cristae.fiji.labels;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** For which class, mask or object each ROI was taken: a name may have been forgotten. */
public final class RoisTaken {
  private static final int MOST_TOLD = 5;

  private final String target;
  private final Map<String, Integer> counts = new LinkedHashMap<>();
  private final List<String> unnamed = new ArrayList<>();
  private String classOfUnnamed;

  RoisTaken(String target) {
    this.target = target;
  }

  /** A ROI was taken for this class, mask or object; {@code name} may be null. */
  void add(String taken, String name, boolean isUnnamed) {
    counts.merge(taken, 1, Integer::sum);
    if (isUnnamed) {
      classOfUnnamed = taken;
      unnamed.add(name == null ? "no name" : name);
    }
  }

  /** True if ROIs were taken for a class although they say of none. */
  public boolean areUnnamed() {
    return !unnamed.isEmpty() && !target.equals("instances");
  }

  /** The sentences for people: which ROIs are what, and what those voxels are that none covers. */
  public String told() {
    boolean isUncoveredKnown = target.equals("masks");
    return "The ROIs are "
        + (target.equals("instances") ? objects() : classes())
        + "."
        + (areUnnamed() ? aboutUnnamed() : "")
        + " What no ROI covers is "
        + (isUncoveredKnown ? "outside, and unknown in slices without ROIs." : "unknown.");
  }

  private String objects() {
    int all = counts.values().stream().mapToInt(Integer::intValue).sum();
    int background = counts.getOrDefault(RoiLabels.BACKGROUND, 0);
    int objects = counts.size() - (background > 0 ? 1 : 0);
    return (objects == 1 ? "1 object (" : objects + " objects (")
        + rois(all - background)
        + ") and background ("
        + rois(background)
        + ")";
  }

  private String classes() {
    List<String> each = new ArrayList<>();
    counts.forEach((name, count) -> each.add(name + " (" + rois(count) + ")"));
    return "these " + target + ": " + String.join(", ", each);
  }

  private String aboutUnnamed() {
    int more = unnamed.size() - MOST_TOLD;
    return " "
        + rois(unnamed.size())
        + " without a group or a name with letters count"
        + (unnamed.size() == 1 ? "s as " : " as ")
        + classOfUnnamed
        + " ("
        + String.join(", ", unnamed.subList(0, Math.min(MOST_TOLD, unnamed.size())))
        + (more > 0 ? " and " + more + " more" : "")
        + "): name what is something else.";
  }

  private static String rois(int count) {
    return count == 1 ? "1 ROI" : count + " ROIs";
  }
}

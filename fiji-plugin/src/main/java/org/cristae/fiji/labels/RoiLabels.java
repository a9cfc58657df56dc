package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.gui.Arrow;
import ij.gui.ImageRoi;
import ij.gui.Roi;
import ij.gui.TextRoi;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;

/**
 * ROIs drawn as an image of labels: 0 is background that was drawn, 1...n are classes (or objects),
 * the rest is unknown.
 *
 * <p>A ROI's class is its group, else its name without a trailing number. A group or name {@code
 * background} is the background class. Areas are filled; points and lines are as wide as their
 * stroke. A ROI without a position belongs to the current section. Later ROIs lie above earlier
 * ones. Texts, arrows, pictures, the bars of ImageJ (Scale Bar, Calibration Bar) and the outline of
 * an object that was clicked are no labels, and left out.
 *
 * <p>Of masks, ROIs that overlap all count: each class has a channel of its own, with 1 inside. A
 * section with ROIs was looked through, so that what they do not cover is outside; a section
 * without is unknown. What {@code background} covers is outside of the masks that were drawn
 * before.
 */
public final class RoiLabels {
  /** The value of voxels that no ROI covers. */
  public static final int UNKNOWN = 255;

  private static final int MAX_CLASSES = 200;
  private static final int MAX_MASKS = 32;
  private static final int MOST_TOLD = 5;
  static final String BACKGROUND = "background";

  /**
   * What ImageJ calls the parts of a scale bar and of a calibration bar in an overlay, and Cristae
   * the outline of an object that was clicked.
   */
  private static final List<String> MARKS = Arrays.asList("|SB|", "|CB|", ObjectMark.NAME);

  private final ImagePlus image;
  private final RoiDrawing drawing;
  private final List<LabelClass> classes;
  private final RoisTaken taken;
  private final int leftOut;

  private RoiLabels(
      ImagePlus image, RoiDrawing drawing, List<LabelClass> classes, RoisTaken taken, int leftOut) {
    this.image = image;
    this.drawing = drawing;
    this.classes = classes;
    this.taken = taken;
    this.leftOut = leftOut;
  }

  /**
   * The labels: as many sections as the source, and one channel, or one for each mask; a section is
   * drawn when it is read.
   */
  public ImagePlus image() {
    return image;
  }

  /** The classes or masks that were drawn or named, without background; empty for objects. */
  public List<LabelClass> classes() {
    return classes;
  }

  /** The sections with ROIs, which count from 0. */
  public SortedSet<Integer> sections() {
    return drawing.sectionsWithRois();
  }

  /** True if the ROIs leave a voxel that is not known. */
  public boolean haveUnknown() {
    return drawing.hasUnknown();
  }

  /** For which class, mask or object the ROIs were taken. */
  public RoisTaken taken() {
    return taken;
  }

  /** What is to be said of the ROIs that are no labels; empty if all are. */
  public String leftOut() {
    return leftOut == 0
        ? ""
        : leftOut
            + (leftOut == 1 ? " ROI is" : " ROIs are")
            + " no label and left out: texts, arrows, pictures, scale bars and outlines of clicked"
            + " objects do not count.";
  }

  /**
   * Draws ROIs.
   *
   * @param source the image that they were drawn on; its size and calibration are taken
   * @param all the ROIs; positions as in {@code source}
   * @param target "classes", "masks", or "instances" if every ROI (or all ROIs of the same group or
   *     name) is an object
   * @param named the names of the classes 1...n; empty: as the ROIs are named, in their order
   * @throws CristaeException if there is none, one has no place in the image or none of the names,
   *     there are too many classes, or nothing to tell apart
   */
  public static RoiLabels draw(ImagePlus source, Roi[] all, String target, List<LabelClass> named)
      throws CristaeException {
    boolean instances = target.equals("instances");
    boolean masks = target.equals("masks");
    Roi[] rois = Arrays.stream(all).filter(roi -> !isDecoration(roi)).toArray(Roi[]::new);
    if (rois.length == 0) {
      throw wrong(
          (all.length == 0
                  ? "There are no ROIs: "
                  : "All ROIs are texts, arrows, pictures, scale bars or outlines of clicked objects,"
                      + " which are no labels: ")
              + "draw on the image and add to the ROI Manager with T, or choose a label image.");
    }
    Map<String, Integer> values = new LinkedHashMap<>();
    if (!instances) {
      for (LabelClass label : named) {
        value(values, normal(label.getName()));
      }
    }
    RoisTaken taken = new RoisTaken(target);
    int[] drawn = new int[rois.length];
    for (int i = 0; i < rois.length; i++) {
      String name = instances ? objectName(rois[i], i) : className(rois[i]);
      if (!instances && !named.isEmpty() && !name.equals(BACKGROUND) && !values.containsKey(name)) {
        throw wrong(
            "The ROI \""
                + rois[i].getName()
                + "\" is of the class \""
                + name
                + "\", which is none of those named: "
                + String.join(", ", values.keySet())
                + ". Name it too, or name none: then the classes are those of the ROIs.");
      }
      drawn[i] = value(values, name);
      taken.add(name, rois[i].getName(), isUnnamed(rois[i]));
    }
    if (!instances && values.size() > (masks ? MAX_MASKS : MAX_CLASSES)) {
      throw wrong(
          "The ROIs have "
              + values.size()
              + " different names, which would be as many "
              + target
              + ". Give ROIs of one class the same"
              + " group, or the same name before a number (mito-1, mito-2).");
    }
    PlaneOrder order = PlaneOrder.of(source);
    int channels = masks ? values.size() : 1;
    RoiDrawing drawing = new RoiDrawing(source, order, channels, unknown(instances), masks);
    checkInside(rois, drawing, source);
    for (int i = 0; i < rois.length; i++) {
      if (!masks) {
        drawing.add(rois[i], 0, drawn[i]);
      } else if (drawn[i] > 0) {
        drawing.add(rois[i], drawn[i] - 1, 1);
      } else {
        for (int channel = 0; channel < channels; channel++) {
          drawing.add(rois[i], channel, 0);
        }
      }
    }
    checkContrast(rois, drawn, target);
    if (!masks) {
      checkVisible(rois, drawn, drawing);
    }
    ImagePlus image = new ImagePlus("ROIs of " + source.getTitle(), drawing);
    order.withChannels(channels).shape(image);
    image.setCalibration(source.getCalibration().copy());
    List<LabelClass> classes = instances ? new ArrayList<>() : table(values);
    return new RoiLabels(image, drawing, classes, taken, all.length - rois.length);
  }

  /** Refuses ROIs from which nothing could be learned, since all are of one kind. */
  private static void checkContrast(Roi[] rois, int[] drawn, String target)
      throws CristaeException {
    if (Arrays.stream(drawn).distinct().count() > 1) {
      return;
    }
    if (drawn[0] == 0) {
      throw wrong("All ROIs are background: draw what is to be found too.");
    }
    if (target.equals("classes")) {
      throw wrong(
          "All ROIs are of the class \""
              + className(rois[0])
              + "\", and what is not drawn is unknown: draw some background too, and call it"
              + " background.");
    }
  }

  /** Refuses a class or an object of which the ROIs above leave nothing. */
  private static void checkVisible(Roi[] rois, int[] drawn, RoiDrawing drawing)
      throws CristaeException {
    Set<Integer> hidden = drawing.hidden();
    for (int i = 0; i < rois.length; i++) {
      if (hidden.contains(drawn[i])) {
        throw wrong(
            "The ROI \""
                + (rois[i].getName() == null ? "number " + (i + 1) : rois[i].getName())
                + "\" leaves no voxel of its kind: it is wholly covered by others, or smaller than a"
                + " voxel. Later ROIs lie above earlier ones: change their order, or remove what covers"
                + " it. For kinds that overlap there is the task masks.");
      }
    }
  }

  private static void checkInside(Roi[] rois, RoiDrawing drawing, ImagePlus source)
      throws CristaeException {
    List<String> outside = new ArrayList<>();
    for (Roi roi : rois) {
      if (drawing.isOutside(roi)) {
        outside.add("\"" + roi.getName() + "\"");
      }
    }
    if (outside.isEmpty()) {
      return;
    }
    int more = outside.size() - MOST_TOLD;
    throw wrong(
        (outside.size() == rois.length ? "All ROIs lie" : "Some ROIs lie")
            + " outside of the image \""
            + source.getTitle()
            + "\", which is "
            + source.getWidth()
            + " x "
            + source.getHeight()
            + ": "
            + String.join(", ", outside.subList(0, Math.min(MOST_TOLD, outside.size())))
            + (more > 0 ? " and " + more + " more" : "")
            + ". Were they drawn on another image? Remove those that do not belong here.");
  }

  /** True if there are ROIs that are labels. */
  public static boolean areAmong(Roi[] rois) {
    return !Arrays.stream(rois).allMatch(RoiLabels::isDecoration);
  }

  /** True for what people put on an image to explain it, not to label it. */
  private static boolean isDecoration(Roi roi) {
    return roi instanceof TextRoi
        || roi instanceof Arrow
        || roi instanceof ImageRoi
        || MARKS.contains(String.valueOf(roi.getName()));
  }

  private static CristaeException wrong(String sentence) {
    return new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, sentence);
  }

  /** The value of a class or object; a new name gets the next one. */
  private static int value(Map<String, Integer> values, String name) {
    return name.equals(BACKGROUND) ? 0 : values.computeIfAbsent(name, n -> values.size() + 1);
  }

  /** The value that stands for "not known" in labels of objects, or of classes or masks. */
  public static int unknown(boolean instances) {
    return instances ? 16777215 : UNKNOWN;
  }

  private static String className(Roi roi) {
    if (roi.getGroup() > 0) {
      String name = Roi.getGroupName(roi.getGroup());
      return name == null || name.trim().isEmpty() ? "group " + roi.getGroup() : normal(name);
    }
    return isUnnamed(roi) ? "foreground" : normal(stem(roi));
  }

  /** A ROI's name without a trailing number. */
  private static String stem(Roi roi) {
    String name = roi.getName() == null ? "" : roi.getName();
    return name.replaceFirst("[-_ .#0-9]+$", "").trim();
  }

  /** True if nobody said what a ROI is: ImageJ itself names it 0001-0123-0456, or not at all. */
  private static boolean isUnnamed(Roi roi) {
    return roi.getGroup() == 0 && stem(roi).isEmpty();
  }

  private static String objectName(Roi roi, int index) {
    if (className(roi).equals(BACKGROUND)) {
      return BACKGROUND;
    }
    if (roi.getGroup() > 0) {
      return "group " + roi.getGroup();
    }
    String name = roi.getName() == null ? "" : roi.getName();
    boolean given = !name.matches("[-0-9]*"); // ImageJ itself names them 0001-0123-0456
    return given ? "name " + name : "number " + index;
  }

  private static String normal(String name) {
    String trimmed = name.trim();
    return trimmed.toLowerCase(Locale.ROOT).equals(BACKGROUND) ? BACKGROUND : trimmed;
  }

  private static List<LabelClass> table(Map<String, Integer> values) {
    List<LabelClass> classes = new ArrayList<>();
    values.forEach(
        (name, value) ->
            classes.add(
                LabelClass.newBuilder()
                    .setValue(value)
                    .setName(name)
                    .setRgb(ClassColors.rgb(value))
                    .build()));
    return classes;
  }
}

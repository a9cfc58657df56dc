package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.VirtualStack;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import ij.process.FloatPolygon;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
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
 * ones.
 */
public final class RoiLabels {
  /** The value of voxels that no ROI covers. */
  public static final int UNKNOWN = 255;

  private static final int MAX_CLASSES = 200;
  private static final String BACKGROUND = "background";

  private final ImagePlus image;
  private final List<LabelClass> classes;

  private RoiLabels(ImagePlus image, List<LabelClass> classes) {
    this.image = image;
    this.classes = classes;
  }

  /**
   * The labels: one channel, as many sections as the source; a section is drawn when it is read.
   */
  public ImagePlus image() {
    return image;
  }

  /** The classes that were drawn or named, without background; empty for objects. */
  public List<LabelClass> classes() {
    return classes;
  }

  /**
   * Draws ROIs.
   *
   * @param source the image that they were drawn on; its size and calibration are taken
   * @param rois the ROIs; positions as in {@code source}
   * @param instances true if every ROI (or all ROIs of the same group or name) is an object
   * @param named the names of the classes 1...n; empty: as the ROIs are named, in their order
   * @throws CristaeException if there is none, one has no place in the image or none of the names,
   *     or there are too many classes
   */
  public static RoiLabels draw(
      ImagePlus source, Roi[] rois, boolean instances, List<LabelClass> named)
      throws CristaeException {
    if (rois.length == 0) {
      throw wrong(
          "There are no ROIs: draw on the image and add to the ROI Manager with T, or choose a label"
              + " image.");
    }
    PlaneOrder order = PlaneOrder.of(source);
    Map<String, Integer> values = new LinkedHashMap<>();
    if (!instances) {
      for (LabelClass label : named) {
        value(values, normal(label.getName()));
      }
    }
    Drawing drawing = new Drawing(source, order, unknown(instances));
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
      drawing.add(rois[i], value(values, name));
    }
    if (!instances && values.size() > MAX_CLASSES) {
      throw wrong(
          "The ROIs have "
              + values.size()
              + " different names, which would be as many classes. Give ROIs of one class the same"
              + " group, or the same name before a number (mito-1, mito-2).");
    }
    ImagePlus image = new ImagePlus("ROIs of " + source.getTitle(), drawing);
    order.shape(image);
    image.setCalibration(source.getCalibration().copy());
    return new RoiLabels(image, instances ? new ArrayList<>() : table(values));
  }

  private static CristaeException wrong(String sentence) {
    return new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, sentence);
  }

  /** The value of a class or object; a new name gets the next one. */
  private static int value(Map<String, Integer> values, String name) {
    return name.equals(BACKGROUND) ? 0 : values.computeIfAbsent(name, n -> values.size() + 1);
  }

  /** The value that stands for "not known" in labels of classes or of objects. */
  public static int unknown(boolean instances) {
    return instances ? 16777215 : UNKNOWN;
  }

  /** Sections that are drawn when they are read: few strokes on a huge stack need no memory. */
  private static final class Drawing extends VirtualStack {
    private final String title;
    private final PlaneOrder order;
    private final int current;
    private final int unknown;
    private final Map<Integer, List<Consumer<ImageProcessor>>> strokes = new HashMap<>();

    Drawing(ImagePlus source, PlaneOrder order, int unknown) {
      super(source.getWidth(), source.getHeight(), order.sections());
      this.title = source.getTitle();
      this.order = order;
      this.current = order.currentSection(source);
      this.unknown = unknown;
      setBitDepth(unknown == UNKNOWN ? 8 : 32);
    }

    /** Adds a ROI as it is now, above those before. */
    void add(Roi roi, int value) throws CristaeException {
      Roi copy = (Roi) roi.clone();
      if (!(copy instanceof PointRoi)) {
        add(roi, order.sectionOf(roi, current), section -> draw(copy, value, section));
        return;
      }
      int width = strokeWidth(copy);
      FloatPolygon points = copy.getFloatPolygon();
      for (int i = 0; i < points.npoints; i++) {
        int x = (int) Math.floor(points.xpoints[i]); // within the voxel, as ImageJ measures it
        int y = (int) Math.floor(points.ypoints[i]);
        add(
            roi,
            order.sectionOf((PointRoi) copy, i, current),
            section -> {
              section.setValue(value);
              section.setLineWidth(width);
              section.drawDot(x, y);
            });
      }
    }

    private void add(Roi roi, int z, Consumer<ImageProcessor> stroke) throws CristaeException {
      if (z >= order.sections()) {
        throw wrong(
            "The ROI \""
                + roi.getName()
                + "\" belongs to slice "
                + (z + 1)
                + "; \""
                + title
                + "\" has the slices 1-"
                + order.sections()
                + ". Were the ROIs drawn on another image? Remove those that do not belong here.");
      }
      strokes.computeIfAbsent(z, n -> new ArrayList<>()).add(stroke);
    }

    @Override
    public ImageProcessor getProcessor(int number) {
      ImageProcessor section =
          getBitDepth() == 8
              ? new ByteProcessor(getWidth(), getHeight())
              : new FloatProcessor(getWidth(), getHeight());
      section.setValue(unknown);
      section.fill();
      strokes.getOrDefault(number - 1, new ArrayList<>()).forEach(one -> one.accept(section));
      return section;
    }

    @Override
    public Object getPixels(int number) {
      return getProcessor(number).getPixels();
    }
  }

  private static void draw(Roi roi, int value, ImageProcessor section) {
    section.setValue(value);
    if (roi.isLine()) {
      section.setLineWidth(strokeWidth(roi));
      roi.drawPixels(section);
    } else {
      section.fill(roi);
    }
  }

  private static int strokeWidth(Roi roi) {
    return Math.max(1, Math.round(roi.getStrokeWidth()));
  }

  private static String className(Roi roi) {
    if (roi.getGroup() > 0) {
      String name = Roi.getGroupName(roi.getGroup());
      return name == null || name.trim().isEmpty() ? "group " + roi.getGroup() : normal(name);
    }
    String name = roi.getName() == null ? "" : roi.getName();
    String stem = name.replaceFirst("[-_ .#0-9]+$", "");
    return stem.trim().isEmpty() ? "foreground" : normal(stem);
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

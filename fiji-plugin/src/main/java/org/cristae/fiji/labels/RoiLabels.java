package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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

  /** The labels: 8-bit, one channel, as many sections as the source. */
  public ImagePlus image() {
    return image;
  }

  /** The classes that were drawn, without background; empty for objects. */
  public List<LabelClass> classes() {
    return classes;
  }

  /**
   * Draws ROIs.
   *
   * @param source the image that they were drawn on; its size and calibration are taken
   * @param rois the ROIs; positions as in {@code source}
   * @param instances true if every ROI (or all ROIs of the same group or name) is an object
   * @throws CristaeException if there is none, or there are too many classes
   */
  public static RoiLabels draw(ImagePlus source, Roi[] rois, boolean instances)
      throws CristaeException {
    if (rois.length == 0) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "There are no ROIs: draw on the image and add to the ROI Manager with T, or choose a label"
              + " image.");
    }
    PlaneOrder order = PlaneOrder.of(source);
    int current = order.currentSection(source);
    Map<String, Integer> values = new LinkedHashMap<>();
    ImageProcessor[] sections = new ImageProcessor[order.sections()];
    for (int z = 0; z < sections.length; z++) {
      sections[z] = blank(source, instances);
    }
    for (int i = 0; i < rois.length; i++) {
      String name = instances ? objectName(rois[i], i) : className(rois[i]);
      int value = name.equals(BACKGROUND) ? 0 : values.computeIfAbsent(name, n -> next(values));
      draw(rois[i], value, sections, order, current);
    }
    if (!instances && values.size() > MAX_CLASSES) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "The ROIs have "
              + values.size()
              + " different names, which would be as many classes. Give ROIs of one class the same"
              + " group, or the same name before a number (mito-1, mito-2).");
    }
    return new RoiLabels(
        stack(source, order, sections), instances ? new ArrayList<>() : table(values));
  }

  private static ImageProcessor blank(ImagePlus source, boolean instances) {
    ImageProcessor section =
        instances
            ? new FloatProcessor(source.getWidth(), source.getHeight())
            : new ByteProcessor(source.getWidth(), source.getHeight());
    section.setValue(unknown(instances));
    section.fill();
    return section;
  }

  /** The value that stands for "not known" in labels of classes or of objects. */
  public static int unknown(boolean instances) {
    return instances ? 16777215 : UNKNOWN;
  }

  private static int next(Map<String, Integer> values) {
    return values.size() + 1;
  }

  private static void draw(
      Roi roi, int value, ImageProcessor[] sections, PlaneOrder order, int current) {
    if (roi instanceof PointRoi) {
      java.awt.Polygon points = roi.getPolygon();
      for (int i = 0; i < points.npoints; i++) {
        int z = order.sectionOf((PointRoi) roi, i, current);
        if (z < sections.length) {
          ImageProcessor section = sections[z];
          section.setValue(value);
          section.setLineWidth(strokeWidth(roi));
          section.drawDot(points.xpoints[i], points.ypoints[i]);
        }
      }
      return;
    }
    int z = order.sectionOf(roi, current);
    if (z >= sections.length) {
      return;
    }
    ImageProcessor section = sections[z];
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

  private static ImagePlus stack(ImagePlus source, PlaneOrder order, ImageProcessor[] sections) {
    ImageStack stack = new ImageStack(source.getWidth(), source.getHeight());
    for (ImageProcessor section : sections) {
      stack.addSlice(section);
    }
    ImagePlus image = new ImagePlus("ROIs of " + source.getTitle(), stack);
    order.shape(image);
    image.setCalibration(source.getCalibration().copy());
    return image;
  }
}

package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.VirtualStack;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import ij.process.FloatPolygon;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import java.awt.Rectangle;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.ErrorCode;

/** Planes that are drawn when they are read: few strokes on a huge stack need no memory. */
final class RoiDrawing extends VirtualStack {
  private final String title;
  private final PlaneOrder source;
  private final PlaneOrder drawn;
  private final int current;
  private final int unknown;
  private final boolean isKnownByRois;
  private final Map<Integer, List<Consumer<ImageProcessor>>> strokes = new HashMap<>();
  private final Map<Integer, Set<Integer>> valuesOfPlane = new HashMap<>();
  private final Set<Integer> sectionsWithRois = new HashSet<>();

  /**
   * @param channels how many are drawn, whatever the source has
   * @param unknown the value of what is not known: 255 makes it 8-bit, more 32-bit
   * @param isKnownByRois true if what no ROI covers is 0 in sections with ROIs; else it is unknown
   */
  RoiDrawing(ImagePlus image, PlaneOrder source, int channels, int unknown, boolean isKnownByRois) {
    super(image.getWidth(), image.getHeight(), channels * source.sections());
    this.title = image.getTitle();
    this.source = source;
    this.drawn = source.withChannels(channels);
    this.current = source.currentSection(image);
    this.unknown = unknown;
    this.isKnownByRois = isKnownByRois;
    setBitDepth(unknown > 255 ? 32 : 8);
  }

  /** Adds a ROI as it is now, above those before in its channel, which counts from 0. */
  void add(Roi roi, int channel, int value) throws CristaeException {
    Roi copy = (Roi) roi.clone();
    if (!(copy instanceof PointRoi)) {
      int z = source.sectionOf(roi, current);
      add(roi, channel, z, value, section -> draw(copy, value, section));
      return;
    }
    int width = strokeWidth(copy);
    FloatPolygon points = copy.getFloatPolygon();
    for (int i = 0; i < points.npoints; i++) {
      int x = (int) Math.floor(points.xpoints[i]); // within the voxel, as ImageJ measures it
      int y = (int) Math.floor(points.ypoints[i]);
      add(
          roi,
          channel,
          source.sectionOf((PointRoi) copy, i, current),
          value,
          section -> {
            section.setValue(value);
            section.setLineWidth(width);
            section.drawDot(x, y);
          });
    }
  }

  /** True if no voxel of the image can be of the ROI; one that lies partly outside is cut off. */
  boolean isOutside(Roi roi) {
    int margin = roi.isArea() ? 0 : strokeWidth(roi) / 2;
    Rectangle image = new Rectangle(getWidth(), getHeight());
    image.grow(margin, margin);
    if (!(roi instanceof PointRoi)) {
      Rectangle bounds = roi.getBounds();
      bounds.setSize(Math.max(1, bounds.width), Math.max(1, bounds.height)); // a straight line
      return !image.intersects(bounds);
    }
    FloatPolygon points = roi.getFloatPolygon();
    for (int i = 0; i < points.npoints; i++) {
      if (image.contains(points.xpoints[i], points.ypoints[i])) {
        return false;
      }
    }
    return true;
  }

  private void add(Roi roi, int channel, int z, int value, Consumer<ImageProcessor> stroke)
      throws CristaeException {
    if (z >= source.sections()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "The ROI \""
              + roi.getName()
              + "\" belongs to slice "
              + (z + 1)
              + "; \""
              + title
              + "\" has the slices 1-"
              + source.sections()
              + ". Were the ROIs drawn on another image? Remove those that do not belong here.");
    }
    int plane = drawn.plane(channel, z);
    strokes.computeIfAbsent(plane, n -> new ArrayList<>()).add(stroke);
    valuesOfPlane.computeIfAbsent(plane, n -> new HashSet<>()).add(value);
    sectionsWithRois.add(z);
  }

  /** The sections with ROIs, which count from 0. */
  SortedSet<Integer> sectionsWithRois() {
    return new TreeSet<>(sectionsWithRois);
  }

  /** True if the ROIs leave a voxel that is not known. */
  boolean hasUnknown() {
    for (int number = 1; number <= getSize(); number++) {
      ImageProcessor section = getProcessor(number);
      for (int i = 0; i < section.getPixelCount(); i++) {
        if (section.getf(i) == unknown) {
          return true;
        }
      }
    }
    return false;
  }

  /** The values that were drawn, and of which what was drawn later left no voxel. */
  Set<Integer> hidden() {
    Set<Integer> left = new HashSet<>();
    valuesOfPlane.values().forEach(left::addAll);
    for (Map.Entry<Integer, Set<Integer>> plane : valuesOfPlane.entrySet()) {
      Set<Integer> sought = new HashSet<>(plane.getValue());
      sought.retainAll(left);
      if (sought.isEmpty()) {
        continue;
      }
      ImageProcessor section = getProcessor(plane.getKey());
      for (int i = 0; i < section.getPixelCount() && !sought.isEmpty(); i++) {
        int value = (int) section.getf(i);
        if (sought.remove(value)) {
          left.remove(value);
        }
      }
    }
    return left;
  }

  @Override
  public ImageProcessor getProcessor(int number) {
    ImageProcessor section =
        getBitDepth() == 8
            ? new ByteProcessor(getWidth(), getHeight())
            : new FloatProcessor(getWidth(), getHeight());
    boolean isKnown = isKnownByRois && sectionsWithRois.contains(drawn.sectionOfPlane(number));
    section.setValue(isKnown ? 0 : unknown);
    section.fill();
    strokes.getOrDefault(number, new ArrayList<>()).forEach(one -> one.accept(section));
    return section;
  }

  @Override
  public Object getPixels(int number) {
    return getProcessor(number).getPixels();
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
}

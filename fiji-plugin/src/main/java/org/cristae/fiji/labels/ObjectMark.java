package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.plugin.filter.ThresholdToSelection;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.awt.Color;
import java.awt.Rectangle;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.PlaneOrder;

/** The outline of one object in one slice, as a part of the overlay of an image. */
public final class ObjectMark {
  /** Its name in the overlay. */
  public static final String NAME = "cristae-object";

  private static final int INSIDE = 255;
  private static final double WIDTH = 2;

  private ObjectMark() {}

  /**
   * Marks an object, in place of the one before.
   *
   * @param shown the image that gets the mark: that of the objects, or one of the same size
   * @param outline what is marked; null for nothing
   * @param section from 0
   */
  public static void put(ImagePlus shown, Roi outline, int section) throws CristaeException {
    remove(shown);
    if (outline == null) {
      return;
    }
    Roi mark = (Roi) outline.clone();
    mark.setName(NAME);
    mark.setStrokeColor(Color.MAGENTA);
    mark.setStrokeWidth(WIDTH);
    PlaneOrder.of(shown).place(mark, section);
    Overlay overlay = shown.getOverlay() == null ? new Overlay() : shown.getOverlay();
    overlay.add(mark);
    shown.setOverlay(overlay);
  }

  /** Takes the mark off an image; what else lies over it stays. */
  public static void remove(ImagePlus shown) {
    Overlay overlay = shown.getOverlay();
    boolean isThere = false;
    for (int i = overlay == null ? -1 : overlay.size() - 1; i >= 0; i--) {
      if (NAME.equals(overlay.get(i).getName())) {
        overlay.remove(i);
        isThere = true;
      }
    }
    if (isThere) {
      shown.setOverlay(overlay.size() == 0 ? null : overlay);
    }
  }

  /**
   * The outline of an object in a section; null if it has no voxel there. Reads the section, from a
   * server perhaps.
   *
   * @throws CristaeException if the section cannot be read
   */
  public static Roi outline(ObjectImage objects, int id, int section) throws CristaeException {
    Object plane = objects.plane(section);
    int width = objects.image().getWidth();
    ByteProcessor mask = new ByteProcessor(width, objects.image().getHeight());
    byte[] inside = (byte[]) mask.getPixels();
    boolean isThere = false;
    for (int i = 0; i < inside.length; i++) {
      if (ObjectImage.id(plane, i) == id) {
        inside[i] = (byte) INSIDE;
        isThere = true;
      }
    }
    if (!isThere) {
      return null;
    }
    mask.setThreshold(INSIDE, INSIDE, ImageProcessor.NO_LUT_UPDATE);
    return new ThresholdToSelection().convert(mask);
  }

  /** Moves what a window shows, if a place is not in it; the zoom stays. */
  public static void bringIntoView(ImagePlus shown, double row, double column) {
    ImageCanvas canvas = shown.getCanvas();
    if (canvas == null || canvas.getSrcRect().contains(column, row)) {
      return;
    }
    Rectangle seen = canvas.getSrcRect();
    int x = (int) column - seen.width / 2;
    int y = (int) row - seen.height / 2;
    canvas.setSourceRect(new Rectangle(x, y, seen.width, seen.height));
    shown.draw();
  }
}

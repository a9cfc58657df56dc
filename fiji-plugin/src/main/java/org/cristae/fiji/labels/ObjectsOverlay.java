package org.cristae.fiji.labels;

import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.ImageRoi;
import ij.gui.Overlay;
import ij.gui.Roi;
import java.awt.AlphaComposite;
import java.awt.Composite;
import java.awt.EventQueue;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.Rectangle;
import java.awt.image.BufferedImage;
import org.cristae.fiji.image.ObjectImage;

/**
 * Objects over an image, each in a colour of its own, as a part of its overlay. What is seen of the
 * slice that is shown is drawn when it is painted; nothing is made for the other slices.
 */
public final class ObjectsOverlay extends ImageRoi {
  /** Its name in the overlay of the image. */
  public static final String NAME = "cristae-objects";

  private static final long serialVersionUID = 1L;
  private static final int OPAQUE = 0xff000000;

  private final transient ImagePlus target;
  private final transient ObjectImage objects;
  private final transient SlicesBehind slices;
  private double opacity;

  private ObjectsOverlay(ImagePlus target, ObjectImage objects, double opacity) {
    super(0, 0, new BufferedImage(1, 1, BufferedImage.TYPE_INT_ARGB));
    this.target = target;
    this.objects = objects;
    this.opacity = opacity;
    slices = new SlicesBehind(objects, target);
    setName(NAME);
  }

  /**
   * Lays objects over an image, in place of others there.
   *
   * @param opacity from 0 to 1
   */
  public static ObjectsOverlay lay(ImagePlus target, ObjectImage objects, double opacity) {
    remove(target);
    Overlay overlay = target.getOverlay() == null ? new Overlay() : target.getOverlay();
    ObjectsOverlay laid = new ObjectsOverlay(target, objects, opacity);
    overlay.add(laid);
    target.setOverlay(overlay);
    return laid;
  }

  /** The objects over an image; null if there are none. */
  public static ObjectsOverlay of(ImagePlus target) {
    Overlay overlay = target.getOverlay();
    for (int i = 0; overlay != null && i < overlay.size(); i++) {
      Roi roi = overlay.get(i);
      if (roi instanceof ObjectsOverlay && ((ObjectsOverlay) roi).target == target) {
        return (ObjectsOverlay) roi;
      }
    }
    return null;
  }

  /** Takes the objects off an image; what else lies over it stays. False if there were none. */
  public static boolean remove(ImagePlus target) {
    ObjectsOverlay laid = of(target);
    if (laid == null) {
      return false;
    }
    Overlay overlay = target.getOverlay();
    overlay.remove(laid);
    target.setOverlay(overlay.size() == 0 ? null : overlay);
    return true;
  }

  /** The window of the objects. */
  public ImagePlus labels() {
    return objects.image();
  }

  /** Draws them more or less transparent, from 0 to 1. */
  public void cover(double share) {
    opacity = share;
    target.draw();
  }

  @Override
  public double getOpacity() {
    return opacity;
  }

  @Override
  public void draw(Graphics g) {
    int section = shownSection();
    if (section < 0) {
      return;
    }
    // While ImageJ flattens or saves, a picture must be whole at once.
    Object plane = EventQueue.isDispatchThread() ? slices.ifThere(section) : slices.wait(section);
    if (plane == null) {
      return; // it is drawn when it is there
    }
    ImageCanvas canvas = imp == target ? target.getCanvas() : null; // to flatten, it has no size
    Rectangle whole = new Rectangle(target.getWidth(), target.getHeight());
    Rectangle seen = canvas == null ? whole : canvas.getSrcRect();
    double zoom = canvas == null ? 1 : canvas.getMagnification();
    BufferedImage picture = picture(plane, target.getWidth(), target.getHeight(), seen, zoom);
    Graphics2D g2 = (Graphics2D) g;
    Composite before = g2.getComposite();
    g2.setComposite(AlphaComposite.getInstance(AlphaComposite.SRC_OVER, (float) opacity));
    g2.drawImage(picture, 0, 0, null);
    g2.setComposite(before);
  }

  /** The section of the objects to draw; -1 where it is not known, as in a copy of the image. */
  private int shownSection() {
    boolean isFlattened = imp != null && ImagePlus.flattenTitle.equals(imp.getTitle());
    ObjectsOverlay laid = isFlattened ? of(target) : null;
    // ImageJ flattens a slice with copies of the overlay; of a whole stack it takes the overlay off
    // first, and which of its slices it is at cannot be known.
    boolean isTarget = imp == target || laid != null && laid.objects == objects;
    return isTarget ? slices.sectionOf(target) : -1;
  }

  /** What is seen, in the pixels of the screen: so a slice of any size costs the same. */
  static BufferedImage picture(Object plane, int width, int height, Rectangle seen, double zoom) {
    int columns = Math.max(1, (int) (seen.width * zoom + 0.5));
    int rows = Math.max(1, (int) (seen.height * zoom + 0.5));
    BufferedImage picture = new BufferedImage(columns, rows, BufferedImage.TYPE_INT_ARGB);
    int[] pixels = new int[columns];
    int lastId = 0;
    int lastColour = 0;
    for (int y = 0; y < rows; y++) {
      int row = Math.min(height - 1, seen.y + (int) (y / zoom));
      for (int x = 0; x < columns; x++) {
        int column = Math.min(width - 1, seen.x + (int) (x / zoom));
        int id = ObjectImage.id(plane, row * width + column);
        if (id != lastId) {
          lastId = id;
          lastColour = id <= 0 ? 0 : OPAQUE | ClassColors.rgb(id);
        }
        pixels[x] = lastColour;
      }
      picture.setRGB(0, y, columns, 1, pixels, 0, columns);
    }
    return picture;
  }
}

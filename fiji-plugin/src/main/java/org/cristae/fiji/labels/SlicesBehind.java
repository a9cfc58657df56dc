package org.cristae.fiji.labels;

import ij.ImagePlus;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.PlaneOrder;

/**
 * The slices of a label image that lies over another one. Those of a virtual stack, which may come
 * from the server, are read on a thread of their own, and the last one is kept.
 */
final class SlicesBehind {
  private final ObjectImage objects;
  private final ImagePlus target;
  private Object kept;
  private int keptSection = -1;
  private int wanted = -1;
  private boolean isReading;

  SlicesBehind(ObjectImage objects, ImagePlus target) {
    this.objects = objects;
    this.target = target;
  }

  /** The section, from 0, that an image shows; -1 if it cannot be told any more. */
  int sectionOf(ImagePlus image) {
    try {
      return PlaneOrder.of(image).currentSection(image);
    } catch (CristaeException e) {
      return -1; // its dimensions were changed
    }
  }

  /** The voxels of a section; null if they cannot be read. */
  Object wait(int section) {
    try {
      return section < objects.order().sections() ? objects.plane(section) : null;
    } catch (CristaeException | RuntimeException e) {
      return null; // the window of the objects was closed
    }
  }

  /** The same, of a virtual stack only if they are here; else the image is drawn again then. */
  Object ifThere(int section) {
    if (!objects.image().getStack().isVirtual()) {
      return wait(section);
    }
    synchronized (this) {
      if (section == keptSection) {
        return kept;
      }
      wanted = section;
      if (!isReading) {
        isReading = true;
        Thread thread = new Thread(this::read, "Cristae reads a slice of objects");
        thread.setDaemon(true);
        thread.start();
      }
    }
    return null;
  }

  private void read() {
    while (true) {
      int section;
      synchronized (this) {
        if (wanted == keptSection) {
          isReading = false;
          break;
        }
        section = wanted;
      }
      Object plane = wait(section);
      synchronized (this) {
        kept = plane;
        keptSection = section;
      }
    }
    target.draw();
  }
}

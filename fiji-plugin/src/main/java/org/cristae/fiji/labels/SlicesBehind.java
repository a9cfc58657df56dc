package org.cristae.fiji.labels;

import ij.IJ;
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
  private String lastReason = "";

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

  /** The voxels of a section; null if they cannot be read, which is told once. */
  Object wait(int section) {
    try {
      Object plane = section < objects.order().sections() ? objects.plane(section) : null;
      tellNextFailure();
      return plane;
    } catch (CristaeException e) {
      tell(section, e.getMessage());
    } catch (OutOfMemoryError e) {
      tell(section, "ImageJ has not enough memory for them.");
    } catch (RuntimeException e) {
      tell(section, e.toString());
    }
    return null;
  }

  private synchronized void tellNextFailure() {
    lastReason = "";
  }

  private synchronized void tell(int section, String reason) {
    boolean isClosed = objects.image().getStack().getSize() == 0;
    if (!isClosed && !reason.equals(lastReason)) {
      IJ.log(
          "Cristae: the objects of \""
              + objects.image().getTitle()
              + "\" in slice "
              + (section + 1)
              + " cannot be shown. "
              + reason);
      lastReason = reason;
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

  private synchronized void stopReading() {
    isReading = false;
  }

  private void read() {
    boolean isDone = false;
    try {
      while (!isDone) {
        int section;
        synchronized (this) {
          section = wanted;
        }
        Object plane = wait(section);
        synchronized (this) {
          kept = plane;
          keptSection = section;
          isDone = wanted == section;
          if (isDone) {
            stopReading();
          }
        }
      }
    } finally {
      if (!isDone) {
        stopReading(); // the next drawing begins anew
      }
    }
    target.draw();
  }
}

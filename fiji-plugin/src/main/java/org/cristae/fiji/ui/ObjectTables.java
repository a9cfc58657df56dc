package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.WindowManager;
import ij.measure.ResultsTable;
import ij.text.TextWindow;
import java.awt.Frame;
import java.lang.ref.WeakReference;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;

/**
 * The table of the objects of a label image: its window is called after the image, cells-objects
 * for cells.tif, and its column {@code id} has the values of the voxels.
 */
final class ObjectTables {
  /** The column with the number of each object. */
  static final String ID = "id";

  /** The images of the tables that were made in this session, by their windows. */
  private static final Map<Frame, WeakReference<ImagePlus>> MADE_FROM =
      Collections.synchronizedMap(new WeakHashMap<>());

  private ObjectTables() {}

  /** What the table of the objects of an image of this title is called. */
  static String title(String image) {
    return OpenImages.stem(image) + "-objects";
  }

  /**
   * Notes which image the table in a window was made from.
   *
   * @param title the title of the window, which is open
   * @param labels the open label image; null if it is not known, as of a job of another day
   */
  static void remember(String title, ImagePlus labels) {
    Frame frame = WindowManager.getFrame(title);
    if (!(frame instanceof TextWindow)) {
      return;
    }
    if (labels == null) {
      MADE_FROM.remove(frame);
    } else {
      MADE_FROM.put(frame, new WeakReference<>(labels));
    }
  }

  /**
   * The open label image whose objects a window has; null if there is none. It is the one that the
   * table was made from; of a table from a file or a job of another day, the only open one that it
   * is called after.
   */
  static ImagePlus labels(TextWindow window) {
    if (table(window) == null) {
      return null;
    }
    List<ImagePlus> open = OpenImages.all();
    WeakReference<ImagePlus> made = MADE_FROM.get(window);
    if (made != null) {
      open.removeIf(image -> image != made.get());
    } else {
      String title = window.getTitle().replaceFirst("\\.(?i:csv)$", ""); // of a file
      open.removeIf(image -> !title(image.getTitle()).equals(title));
    }
    return open.size() == 1 ? open.get(0) : null;
  }

  /** The window with the table of the objects of a label image; null if none is open. */
  static TextWindow window(ImagePlus labels) {
    for (Frame frame : WindowManager.getNonImageWindows()) {
      if (frame instanceof TextWindow && labels((TextWindow) frame) == labels) {
        return (TextWindow) frame;
      }
    }
    return null;
  }

  /** Says of a table, after a change of the objects, that it is not of these any more. */
  static String isOlder(String title) {
    return " The table \""
        + title
        + "\" is older than this change: Cristae Measure Objects makes a new one.";
  }

  /** The table in a window; null if that holds none of objects. */
  static ResultsTable table(TextWindow window) {
    ResultsTable table = window.getResultsTable();
    return table != null && table.columnExists(ID) ? table : null;
  }

  /** The row of an object, from 0, however the table is sorted; -1 if it is not there. */
  static int row(ResultsTable table, long id) {
    int column = table.getColumnIndex(ID);
    for (int row = 0; row < table.size(); row++) {
      if (table.getValueAsDouble(column, row) == id) {
        return row;
      }
    }
    return -1;
  }
}

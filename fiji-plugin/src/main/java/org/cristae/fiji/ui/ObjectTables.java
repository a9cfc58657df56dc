package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.WindowManager;
import ij.measure.ResultsTable;
import ij.text.TextWindow;
import java.awt.Frame;
import java.lang.ref.WeakReference;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.ResultProperties;
import org.cristae.v1.ErrorCode;

/**
 * The table of the objects of a label image: its window is called after the image, cells-objects
 * for cells.tif, and its column {@code id} has the values of the voxels.
 */
final class ObjectTables {
  /** The column with the number of each object. */
  static final String ID = "id";

  /** A column of tables of contacts only: theirs is no object in each row. */
  private static final String OTHER_ID = "other_id";

  private static final String VOXELS = "voxels";

  /** What a table was made from; also once the image is closed. */
  private static final class Origin {
    private final WeakReference<ImagePlus> image;
    private final String title;
    private final int[] size;
    private final String job;
    private final Object state;

    /** An image that is like the one that was closed, and has other objects. */
    private WeakReference<ImagePlus> refused = new WeakReference<>(null);

    private Origin(ImagePlus image, Object state) {
      this.image = new WeakReference<>(image);
      title = image.getTitle();
      size = sizeOf(image);
      job = image.getProp(ResultProperties.JOB);
      this.state = state;
    }

    private boolean isLike(ImagePlus other) {
      return title.equals(other.getTitle()) && Arrays.equals(size, sizeOf(other));
    }

    private static int[] sizeOf(ImagePlus image) {
      return new int[] {image.getWidth(), image.getHeight(), image.getStackSize()};
    }
  }

  /** The images of the tables that were made in this session, by their windows. */
  private static final Map<Frame, Origin> MADE_FROM =
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
   * @param state what {@link Edits#state} told of it when its objects were read
   */
  static void remember(String title, ImagePlus labels, Object state) {
    Frame frame = WindowManager.getFrame(title);
    if (!(frame instanceof TextWindow)) {
      return;
    }
    if (labels == null) {
      MADE_FROM.remove(frame);
    } else {
      MADE_FROM.put(frame, new Origin(labels, state));
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
    Origin made = MADE_FROM.get(window);
    if (made != null) {
      open.removeIf(image -> image != made.image.get());
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

  /**
   * The open image that is likely the one that a table was made from, closed and opened again: the
   * only one of its title, and of its size. Null if there is none, or none is needed.
   */
  static ImagePlus reopened(TextWindow window) {
    Origin made = MADE_FROM.get(window);
    List<ImagePlus> open = OpenImages.all();
    if (made == null || table(window) == null || open.contains(made.image.get())) {
      return null;
    }
    open.removeIf(image -> !made.title.equals(image.getTitle()));
    return open.size() == 1 && made.isLike(open.get(0)) ? open.get(0) : null;
  }

  /** The window with a table that was likely made from this image before that was closed. */
  static TextWindow lost(ImagePlus labels) {
    for (Frame frame : WindowManager.getNonImageWindows()) {
      if (frame instanceof TextWindow && reopened((TextWindow) frame) == labels) {
        return (TextWindow) frame;
      }
    }
    return null;
  }

  /** Compares an image with a table; reads all of it, on any thread. */
  interface Comparison {
    boolean isSame() throws CristaeException;
  }

  /**
   * Prepares to see whether a table is of an image that was opened again: whether each of its
   * objects has as many voxels there. An image whose planes are not in the memory is not read for
   * that; it must be the result of the same job.
   *
   * @return to be asked once; it remembers what it found
   */
  static Comparison comparison(TextWindow window, ImagePlus labels) {
    Origin made = MADE_FROM.get(window);
    if (made.refused.get() == labels) {
      return () -> false;
    }
    Map<Integer, Long> rows = voxels(table(window));
    return () -> {
      boolean isSame =
          labels.getStack().isVirtual()
              ? made.job != null && made.job.equals(labels.getProp(ResultProperties.JOB))
              : rows != null
                  && ObjectImage.of(labels).voxels().entrySet().containsAll(rows.entrySet());
      if (!isSame) {
        made.refused = new WeakReference<>(labels);
      }
      return isSame;
    };
  }

  /** How many voxels each object of a table has; null if it does not tell. */
  private static Map<Integer, Long> voxels(ResultsTable table) {
    if (!table.columnExists(VOXELS)) {
      return null;
    }
    Map<Integer, Long> voxels = new HashMap<>();
    for (int row = 0; row < table.size(); row++) {
      double id = table.getValue(ID, row);
      if (id >= 1) { // else an empty cell
        voxels.put((int) id, (long) table.getValue(VOXELS, row));
      }
    }
    return voxels;
  }

  /** The title of the image that a table was made from, which is closed; null if it is not. */
  static String closed(TextWindow window) {
    Origin made = MADE_FROM.get(window);
    return made == null || OpenImages.all().contains(made.image.get()) ? null : made.title;
  }

  /** True if a table is known to have been made from the objects as they are now. */
  static boolean isOfNow(TextWindow window, ImagePlus labels) {
    Origin made = MADE_FROM.get(window);
    return made != null && made.image.get() == labels && made.state == Edits.state(labels);
  }

  /** Says of a table, after a change of the objects, that it is not of these any more. */
  static String isOlder(String title) {
    return " The table \""
        + title
        + "\" is older than this change: Cristae Measure Objects makes a new one.";
  }

  /** The sentence where a table cannot be tied again to an image of the same title. */
  static CristaeException isOfOthers(String table, String image) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The table \""
            + table
            + "\" does not fit \""
            + image
            + "\", which was opened again and has other objects, or is not kept in memory: Cristae"
            + " Measure Objects makes a new one.");
  }

  /** The table in a window; null if that holds none of objects. */
  static ResultsTable table(TextWindow window) {
    ResultsTable table = window.getResultsTable();
    boolean isOfObjects = table != null && table.columnExists(ID) && !table.columnExists(OTHER_ID);
    return isOfObjects ? table : null;
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

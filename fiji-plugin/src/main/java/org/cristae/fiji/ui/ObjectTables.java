package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.WindowManager;
import ij.measure.ResultsTable;
import ij.text.TextWindow;
import java.awt.Frame;

/**
 * The table of the objects of a label image: its window is called after the image, cells-objects
 * for cells.tif, and its column {@code id} has the values of the voxels.
 */
final class ObjectTables {
  /** The column with the number of each object. */
  static final String ID = "id";

  private ObjectTables() {}

  /** What the table of the objects of an image of this title is called. */
  static String title(String image) {
    return OpenImages.stem(image) + "-objects";
  }

  /** The window with the table of the objects of a label image; null if none is open. */
  static TextWindow window(ImagePlus labels) {
    Frame frame = WindowManager.getFrame(title(labels.getTitle()));
    boolean isTable = frame instanceof TextWindow && table((TextWindow) frame) != null;
    return isTable ? (TextWindow) frame : null;
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

package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.ImageCanvas;
import ij.gui.Roi;
import ij.measure.ResultsTable;
import ij.text.TextPanel;
import ij.text.TextWindow;
import java.awt.AWTEvent;
import java.awt.Component;
import java.awt.GraphicsEnvironment;
import java.awt.Rectangle;
import java.awt.Toolkit;
import java.awt.event.MouseEvent;
import java.awt.event.WindowEvent;
import java.util.List;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.fiji.labels.ObjectMark;
import org.cristae.fiji.labels.ObjectsOverlay;

/**
 * The link between label images and the tables of their objects: a click into an object, with any
 * tool, selects its row, and a click on a row shows the object. Clicks do besides what they always
 * do.
 */
final class ObjectLink {
  /** Further than this is a drag, not a click. */
  private static final int MOST_PIXELS = 2;

  private static boolean hasBegun;

  private final ClickedReading reader = new ClickedReading();
  private MouseEvent pressed;

  private ObjectLink() {}

  /** Listens from now on, to whatever tables of objects are open. */
  static synchronized void begin() {
    if (hasBegun || GraphicsEnvironment.isHeadless()) {
      return;
    }
    hasBegun = true;
    ObjectLink link = new ObjectLink();
    long mask = AWTEvent.MOUSE_EVENT_MASK | AWTEvent.WINDOW_EVENT_MASK;
    Toolkit.getDefaultToolkit().addAWTEventListener(link::heard, mask);
  }

  private void heard(AWTEvent event) {
    if (event.getID() == MouseEvent.MOUSE_PRESSED) {
      pressed = (MouseEvent) event;
    } else if (event.getID() == MouseEvent.MOUSE_RELEASED && isClick((MouseEvent) event)) {
      clicked((MouseEvent) event);
    } else if (event.getID() == WindowEvent.WINDOW_CLOSED
        && event.getSource() instanceof TextWindow) {
      ImagePlus labels = ObjectTables.labels((TextWindow) event.getSource());
      if (labels != null) {
        SwingUtilities.invokeLater(() -> unmark(labels));
      }
    }
  }

  private boolean isClick(MouseEvent released) {
    return pressed != null
        && pressed.getSource() == released.getSource()
        && released.getButton() == MouseEvent.BUTTON1
        && Math.abs(pressed.getX() - released.getX()) <= MOST_PIXELS
        && Math.abs(pressed.getY() - released.getY()) <= MOST_PIXELS;
  }

  private void clicked(MouseEvent click) {
    if (click.getSource() instanceof ImageCanvas) {
      ImageCanvas canvas = (ImageCanvas) click.getSource();
      int row = canvas.offScreenY(click.getY());
      int column = canvas.offScreenX(click.getX());
      SwingUtilities.invokeLater(() -> inImage(canvas.getImage(), row, column));
    } else {
      TextPanel panel =
          (TextPanel)
              SwingUtilities.getAncestorOfClass(TextPanel.class, (Component) click.getSource());
      TextWindow window =
          panel == null
              ? null
              : (TextWindow) SwingUtilities.getAncestorOfClass(TextWindow.class, panel);
      if (window != null) {
        SwingUtilities.invokeLater(() -> inTable(window)); // when the row is selected
      }
    }
  }

  /** Takes the outline of an object of a label image away, wherever it is shown. */
  static void unmark(ImagePlus labels) {
    shown(labels).forEach(ObjectMark::remove);
  }

  /** The label image, and those that its objects lie over. */
  private static List<ImagePlus> shown(ImagePlus labels) {
    List<ImagePlus> shown = OpenImages.all();
    shown.removeIf(
        image -> {
          ObjectsOverlay overlay = ObjectsOverlay.of(image);
          return image != labels && (overlay == null || overlay.labels() != labels);
        });
    return shown;
  }

  private static boolean isAtHand(ImagePlus image) {
    return !image.getStack().isVirtual();
  }

  /** Selects the row of the object at a place of an image. */
  private void inImage(ImagePlus shown, int row, int column) {
    ObjectsOverlay overlay = shown == null ? null : ObjectsOverlay.of(shown);
    ImagePlus labels = overlay == null ? shown : overlay.labels();
    TextWindow window = labels == null ? null : ObjectTables.window(labels);
    if (window == null) {
      TextWindow lost = labels == null ? null : ObjectTables.lost(labels);
      if (lost != null) {
        tieAgain(lost, labels, () -> inImage(shown, row, column));
      }
      return;
    }
    ObjectMark.remove(shown);
    int plane = shown.getCurrentSlice();
    reader.begin(
        isAtHand(labels),
        isWanted -> {
          ObjectImage objects = ObjectImage.of(labels);
          int section = PlaneOrder.of(shown).sectionOfPlane(plane);
          int id = objects.contains(section, row, column) ? objects.idAt(section, row, column) : 0;
          Roi outline = id > 0 ? ObjectMark.outline(objects, id, section) : null;
          return () -> select(window, id, shown, outline, section);
        });
  }

  /**
   * Ties a table to the image that it was made from, which was closed and opened again, and goes on
   * with a click. Where its objects are others by now, it says so.
   */
  private void tieAgain(TextWindow window, ImagePlus labels, Runnable click) {
    final Object state = Edits.state(labels);
    ObjectTables.Comparison comparison = ObjectTables.comparison(window, labels);
    reader.begin(
        false,
        isWanted -> {
          boolean isSame = comparison.isSame();
          return () -> {
            if (!isSame) {
              throw ObjectTables.isOfOthers(window.getTitle(), labels.getTitle());
            }
            ObjectTables.remember(window.getTitle(), labels, state);
            click.run();
          };
        });
    IJ.showStatus("Comparing \"" + labels.getTitle() + "\" with the table of its objects ...");
  }

  private static void select(TextWindow window, int id, ImagePlus shown, Roi outline, int section)
      throws CristaeException {
    ResultsTable table = ObjectTables.table(window);
    int line = table != null && id > 0 ? ObjectTables.row(table, id) : -1;
    if (line < 0) {
      window.getTextPanel().resetSelection();
      return;
    }
    window.getTextPanel().setSelection(line, line);
    window.getTextPanel().showRow(line);
    ObjectMark.put(shown, outline, section);
  }

  /** Shows the object of the row that is selected in a table. */
  private void inTable(TextWindow window) {
    ResultsTable table = ObjectTables.table(window);
    ImagePlus labels = ObjectTables.labels(window);
    int line = window.getTextPanel().getSelectionStart();
    ImagePlus reopened = ObjectTables.reopened(window);
    String closed = ObjectTables.closed(window);
    if (reopened != null) {
      tieAgain(window, reopened, () -> inTable(window));
    } else if (table != null && closed != null) {
      IJ.showStatus("\"" + closed + "\", which this table was made from, is not open.");
    }
    if (table == null || labels == null || line < 0 || line >= table.size()) {
      return;
    }
    List<ImagePlus> shown = shown(labels);
    shown.forEach(ObjectMark::remove);
    double id = table.getValue(ObjectTables.ID, line);
    if (!(id >= 1)) {
      reader.drop(); // an empty cell, or a text: no object
      return;
    }
    double z = value(table, "centroid_z_px", line);
    double y = value(table, "centroid_y_px", line);
    double x = value(table, "centroid_x_px", line);
    Rectangle box = new Rectangle();
    box.y = (int) value(table, "low_y_px", line);
    box.x = (int) value(table, "low_x_px", line);
    box.height = (int) value(table, "high_y_px", line) - box.y;
    box.width = (int) value(table, "high_x_px", line) - box.x;
    reader.begin(
        shown.stream().allMatch(ObjectLink::isAtHand) && isAtHand(labels),
        isWanted -> {
          ObjectImage objects = ObjectImage.of(labels);
          int last = objects.order().sections() - 1;
          int section = (int) Math.max(0, Math.min(last, Math.round(z)));
          Roi outline = ObjectMark.outline(objects, (int) id, section);
          Roi mark = outline != null || box.isEmpty() ? outline : new Roi(box);
          for (ImagePlus image : shown) {
            int plane = PlaneOrder.of(image).plane(0, section);
            if (isWanted.getAsBoolean()) {
              image.setSlice(plane); // it may read one more slice
            }
          }
          return () -> mark(shown, mark, section, y, x);
        });
  }

  private static void mark(List<ImagePlus> shown, Roi mark, int section, double y, double x)
      throws CristaeException {
    for (ImagePlus image : shown) {
      ObjectMark.bringIntoView(image, y, x);
      ObjectMark.put(image, mark, section);
    }
  }

  /** A value of a row; 0 where the table has no such column. */
  private static double value(ResultsTable table, String column, int line) {
    double value = table.columnExists(column) ? table.getValue(column, line) : 0;
    return Double.isNaN(value) ? 0 : value;
  }
}

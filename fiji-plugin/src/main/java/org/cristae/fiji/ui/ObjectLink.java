package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.gui.ImageCanvas;
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
      ImagePlus labels = labels((TextWindow) event.getSource());
      if (labels != null) {
        SwingUtilities.invokeLater(() -> OpenImages.all().forEach(ObjectMark::remove));
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

  private static void clicked(MouseEvent click) {
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

  /** The open label image whose objects a window has; null if there is none. */
  private static ImagePlus labels(TextWindow window) {
    for (ImagePlus image : OpenImages.all()) {
      if (ObjectTables.title(image.getTitle()).equals(window.getTitle())) {
        return image;
      }
    }
    return null;
  }

  /** Selects the row of the object at a place of an image. */
  private static void inImage(ImagePlus shown, int row, int column) {
    ObjectsOverlay overlay = shown == null ? null : ObjectsOverlay.of(shown);
    ImagePlus labels = overlay == null ? shown : overlay.labels();
    TextWindow window = labels == null ? null : ObjectTables.window(labels);
    if (window == null) {
      return;
    }
    try {
      ObjectImage objects = ObjectImage.of(labels);
      int section = PlaneOrder.of(shown).currentSection(shown);
      int id = objects.contains(section, row, column) ? objects.idAt(section, row, column) : 0;
      int line = id > 0 ? ObjectTables.row(ObjectTables.table(window), id) : -1;
      if (line < 0) {
        ObjectMark.remove(shown);
        window.getTextPanel().resetSelection();
        return;
      }
      window.getTextPanel().setSelection(line, line);
      window.getTextPanel().showRow(line);
      ObjectMark.put(shown, objects, id, section, null);
    } catch (CristaeException e) {
      ObjectMark.remove(shown); // it is no image of objects any more
    }
  }

  /** Shows the object of the row that is selected in a table. */
  private static void inTable(TextWindow window) {
    ResultsTable table = ObjectTables.table(window);
    ImagePlus labels = labels(window);
    int line = window.getTextPanel().getSelectionStart();
    if (table == null || labels == null || line < 0 || line >= table.size()) {
      return;
    }
    try {
      ObjectImage objects = ObjectImage.of(labels);
      int id = (int) table.getValue(ObjectTables.ID, line);
      double z = value(table, "centroid_z_px", line);
      double y = value(table, "centroid_y_px", line);
      double x = value(table, "centroid_x_px", line);
      int section = (int) Math.min(objects.order().sections() - 1, Math.round(z));
      Rectangle box = new Rectangle();
      box.y = (int) value(table, "low_y_px", line);
      box.x = (int) value(table, "low_x_px", line);
      box.height = (int) value(table, "high_y_px", line) - box.y;
      box.width = (int) value(table, "high_x_px", line) - box.x;
      for (ImagePlus shown : OpenImages.all()) {
        ObjectsOverlay overlay = ObjectsOverlay.of(shown);
        if (shown == labels || overlay != null && overlay.labels() == labels) {
          shown.setSlice(PlaneOrder.of(shown).plane(0, section));
          ObjectMark.bringIntoView(shown, y, x);
          ObjectMark.put(shown, objects, id, section, box);
        }
      }
    } catch (CristaeException e) {
      ObjectMark.remove(labels); // it is no image of objects any more
    }
  }

  /** A value of a row; 0 where the table has no such column. */
  private static double value(ResultsTable table, String column, int line) {
    double value = table.columnExists(column) ? table.getValue(column, line) : 0;
    return Double.isNaN(value) ? 0 : value;
  }
}

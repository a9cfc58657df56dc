package org.cristae.fiji.command;

import ij.IJ;
import ij.gui.MessageDialog;
import java.awt.Component;
import java.awt.Container;
import java.awt.Window;
import java.util.concurrent.Callable;
import javax.swing.AbstractButton;
import javax.swing.JComboBox;
import javax.swing.JFrame;
import javax.swing.JTextField;
import javax.swing.SwingUtilities;

/** The windows that are open, and what the mouse and the keyboard do in them. */
public final class Windows {
  private Windows() {}

  static int frames(String title) {
    int count = 0;
    for (Window window : Window.getWindows()) {
      boolean same = window instanceof JFrame && title.equals(((JFrame) window).getTitle());
      count += same && window.isShowing() ? 1 : 0;
    }
    return count;
  }

  /**
   * True once the window of a job is shown and its job has ended; asked where windows are built.
   */
  static boolean hasEnded(String title) throws Exception {
    boolean[] ended = new boolean[1];
    SwingUtilities.invokeAndWait(
        () -> {
          Window window = frame(title);
          Component cancel =
              window == null ? null : child(window, part -> isButton(part, "Cancel"));
          ended[0] = cancel != null && !cancel.isEnabled();
        });
    return ended[0];
  }

  /** As if chosen from the menu, on a thread of its own. */
  static void menu(String command) {
    IJ.doCommand(command);
  }

  static Window dialog(String title) {
    for (Window window : Window.getWindows()) {
      boolean same =
          window instanceof javax.swing.JDialog
              && title.equals(((javax.swing.JDialog) window).getTitle());
      if (same && window.isShowing()) {
        return window;
      }
    }
    return null;
  }

  /** ImageJ's own window with a sentence. */
  public static Window message() {
    for (Window window : Window.getWindows()) {
      if (window instanceof MessageDialog && window.isShowing()) {
        return window;
      }
    }
    return null;
  }

  static Window frame(String title) {
    for (Window window : Window.getWindows()) {
      if (window instanceof JFrame
          && window.isShowing()
          && title.equals(((JFrame) window).getTitle())) {
        return window;
      }
    }
    return null;
  }

  interface Wanted {
    boolean is(Component part);
  }

  static Component child(Container parent, Wanted wanted) {
    for (Component part : parent.getComponents()) {
      if (wanted.is(part)) {
        return part;
      }
      Component inside = part instanceof Container ? child((Container) part, wanted) : null;
      if (inside != null) {
        return inside;
      }
    }
    return null;
  }

  static boolean isButton(Component part, String text) {
    return part instanceof AbstractButton && text.equals(((AbstractButton) part).getText());
  }

  static JComboBox<?> box(Window window, String key) {
    return (JComboBox<?>) child(window, part -> key.equals(part.getName()));
  }

  static void type(Window window, String key, String text) throws Exception {
    SwingUtilities.invokeAndWait(() -> field(window, key).setText(text));
  }

  /** The field of a key, or where one types in its box. */
  private static JTextField field(Window window, String key) {
    Component field = child(window, part -> key.equals(part.getName()));
    return field instanceof JComboBox
        ? (JTextField) ((JComboBox<?>) field).getEditor().getEditorComponent()
        : (JTextField) field;
  }

  /** What stands in a field. */
  static String text(Window window, String key) throws Exception {
    String[] text = new String[1]; // not read while it is being set
    SwingUtilities.invokeAndWait(() -> text[0] = field(window, key).getText());
    return text[0];
  }

  /** Types into the editor of a box, without leaving it. */
  static void typeInto(JComboBox<?> box, String text) {
    ((JTextField) box.getEditor().getEditorComponent()).setText(text);
  }

  static void click(Window window, String text) throws Exception {
    AbstractButton button =
        (AbstractButton) await(text, () -> child(window, p -> isButton(p, text) && p.isEnabled()));
    SwingUtilities.invokeLater(button::doClick);
  }

  public static <T> T await(String what, Callable<T> wanted) throws Exception {
    for (int i = 0; i < 1200; i++) {
      T found = wanted.call();
      if (found != null) {
        return found;
      }
      Thread.sleep(100);
    }
    throw new AssertionError(what + " did not appear");
  }
}

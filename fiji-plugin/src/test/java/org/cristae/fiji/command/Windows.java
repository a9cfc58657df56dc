package org.cristae.fiji.command;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.MessageDialog;
import java.awt.Component;
import java.awt.Container;
import java.awt.Window;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import javax.swing.AbstractButton;
import javax.swing.JComboBox;
import javax.swing.JDialog;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JTable;
import javax.swing.JTextField;
import javax.swing.SwingUtilities;
import javax.swing.text.JTextComponent;

/**
 * The windows that are open, and what the mouse and the keyboard do in them. All of it is looked at
 * on the event thread, where nobody sees a window that is half built or a text that is half set.
 */
public final class Windows {
  private Windows() {}

  /** What is seen between two events. */
  public static <T> T seen(Callable<T> look) throws Exception {
    if (SwingUtilities.isEventDispatchThread()) {
      return look.call();
    }
    FutureTask<T> task = new FutureTask<>(look);
    SwingUtilities.invokeLater(task);
    return task.get(60, TimeUnit.SECONDS);
  }

  static int frames(String title) throws Exception {
    return seen(
        () -> {
          int count = 0;
          for (Window window : Window.getWindows()) {
            boolean same = window instanceof JFrame && title.equals(((JFrame) window).getTitle());
            count += same && window.isShowing() ? 1 : 0;
          }
          return count;
        });
  }

  /** True once the window of a job is shown and its job has ended. */
  public static boolean hasEnded(String title) throws Exception {
    return seen(
        () -> {
          Window window = frame(title);
          Component cancel =
              window == null ? null : child(window, part -> isButton(part, "Cancel"));
          return cancel != null && !cancel.isEnabled();
        });
  }

  /** As if chosen from the menu, on a thread of its own. */
  static void menu(String command) {
    IJ.doCommand(command);
  }

  static Window dialog(String title) throws Exception {
    return window(
        window -> window instanceof JDialog && title.equals(((JDialog) window).getTitle()));
  }

  /** ImageJ's own window with a sentence. */
  public static Window message() throws Exception {
    return window(window -> window instanceof MessageDialog);
  }

  public static Window frame(String title) throws Exception {
    return window(window -> window instanceof JFrame && title.equals(((JFrame) window).getTitle()));
  }

  /** The first window so that is shown. */
  private static Window window(Wanted wanted) throws Exception {
    return seen(
        () -> {
          for (Window window : Window.getWindows()) {
            if (window.isShowing() && wanted.is(window)) {
              return window;
            }
          }
          return null;
        });
  }

  /** The open image of a title, once it has its window: closed before, the window would stay. */
  public static ImagePlus image(String title) {
    ImagePlus image = WindowManager.getImage(title);
    return image != null && image.getWindow() != null ? image : null;
  }

  interface Wanted {
    boolean is(Component part);
  }

  static Component child(Container parent, Wanted wanted) throws Exception {
    return seen(() -> below(parent, wanted));
  }

  private static Component below(Container parent, Wanted wanted) {
    for (Component part : parent.getComponents()) {
      if (wanted.is(part)) {
        return part;
      }
      Component inside = part instanceof Container ? below((Container) part, wanted) : null;
      if (inside != null) {
        return inside;
      }
    }
    return null;
  }

  static boolean isButton(Component part, String text) {
    return part instanceof AbstractButton && text.equals(((AbstractButton) part).getText());
  }

  /** What says something in a window, be it a label or a text. */
  public static Component says(Window window, String words) throws Exception {
    return child(window, part -> isText(part, words));
  }

  private static boolean isText(Component part, String words) {
    String text =
        part instanceof JTextComponent
            ? ((JTextComponent) part).getText()
            : part instanceof JLabel ? ((JLabel) part).getText() : null;
    return text != null && text.contains(words);
  }

  static JComboBox<?> box(Window window, String key) throws Exception {
    return (JComboBox<?>) child(window, part -> key.equals(part.getName()));
  }

  /** Chooses in a box. */
  static void choose(Window window, String key, String item) throws Exception {
    seen(
        () -> {
          box(window, key).setSelectedItem(item);
          return null;
        });
  }

  /** What is chosen in a box. */
  static Object chosen(Window window, String key) throws Exception {
    return seen(() -> box(window, key).getSelectedItem());
  }

  /** Selects the newest of the jobs, which is of this kind, once the list has it. */
  static void selectNewest(Window jobs, String kind) throws Exception {
    JTable table = (JTable) child(jobs, part -> part instanceof JTable);
    await(
        "the newest job, of kind " + kind,
        () ->
            seen(
                () -> {
                  if (table.getRowCount() == 0 || !kind.equals(table.getValueAt(0, 1))) {
                    return null;
                  }
                  table.setRowSelectionInterval(0, 0);
                  return table;
                }));
  }

  /** Types into a field, or into the editor of a box without leaving it. */
  static void type(Window window, String key, String text) throws Exception {
    seen(
        () -> {
          field(window, key).setText(text);
          return null;
        });
  }

  /** The field of a key, or where one types in its box. */
  private static JTextField field(Window window, String key) throws Exception {
    Component field = child(window, part -> key.equals(part.getName()));
    return field instanceof JComboBox
        ? (JTextField) ((JComboBox<?>) field).getEditor().getEditorComponent()
        : (JTextField) field;
  }

  /** What stands in a field. */
  static String text(Window window, String key) throws Exception {
    return seen(() -> field(window, key).getText());
  }

  /** Presses a button as soon as it is seen and can be pressed. */
  public static void click(Window window, String text) throws Exception {
    await(text, () -> press(window, part -> isButton(part, text)) ? window : null);
  }

  /** The same of a button without a text, by its name. */
  static void clickNamed(Window window, String name) throws Exception {
    await(name, () -> press(window, part -> name.equals(part.getName())) ? window : null);
  }

  /** Looks and presses in one event. It is not waited for: a modal dialog may be opened. */
  private static boolean press(Window window, Wanted wanted) throws Exception {
    CompletableFuture<Boolean> isPressed = new CompletableFuture<>();
    SwingUtilities.invokeLater(
        () -> {
          AbstractButton button =
              (AbstractButton)
                  below(window, part -> wanted.is(part) && part.isEnabled() && part.isShowing());
          isPressed.complete(button != null);
          if (button != null) {
            button.doClick();
          }
        });
    return isPressed.get(60, TimeUnit.SECONDS);
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

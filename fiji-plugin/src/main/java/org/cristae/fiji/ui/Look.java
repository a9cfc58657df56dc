package org.cristae.fiji.ui;

import java.awt.BorderLayout;
import java.awt.Color;
import java.awt.FlowLayout;
import java.awt.GraphicsConfiguration;
import java.awt.Insets;
import java.awt.Rectangle;
import java.awt.Window;
import java.awt.event.KeyEvent;
import java.awt.event.MouseAdapter;
import java.awt.event.MouseEvent;
import java.lang.reflect.InvocationTargetException;
import javax.swing.BorderFactory;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JComponent;
import javax.swing.JDialog;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JRootPane;
import javax.swing.JScrollBar;
import javax.swing.KeyStroke;
import javax.swing.SwingUtilities;
import javax.swing.UIManager;
import javax.swing.UnsupportedLookAndFeelException;
import javax.swing.plaf.metal.MetalLookAndFeel;
import javax.swing.plaf.nimbus.NimbusLookAndFeel;

/** How all windows look: as the system's, or as Fiji's if that has a look of its own. */
final class Look {
  static final int GAP = 8;

  private static boolean applied;

  private Look() {}

  /** Runs {@code build} on the event thread and waits for it. */
  static void onEventThread(Runnable build) {
    if (SwingUtilities.isEventDispatchThread()) {
      apply();
      build.run();
      return;
    }
    try {
      SwingUtilities.invokeAndWait(
          () -> {
            apply();
            build.run();
          });
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  /** Sets the look once, unless somebody set one before. */
  private static void apply() {
    if (applied || !(UIManager.getLookAndFeel() instanceof MetalLookAndFeel)) {
      return;
    }
    applied = true;
    try {
      UIManager.setLookAndFeel(UIManager.getSystemLookAndFeelClassName());
      if (UIManager.getLookAndFeel() instanceof MetalLookAndFeel) {
        UIManager.setLookAndFeel(new NimbusLookAndFeel());
      }
    } catch (UnsupportedLookAndFeelException | ReflectiveOperationException e) {
      // the plain look does as well
    }
  }

  /** Free space around a panel. */
  static <T extends JComponent> T padded(T panel) {
    panel.setBorder(BorderFactory.createEmptyBorder(GAP + 4, GAP + 4, GAP + 4, GAP + 4));
    return panel;
  }

  /** Rows that stay at the top where there is more room than they need. */
  static JPanel onTop(JComponent rows) {
    JPanel top = new JPanel(new BorderLayout());
    top.add(rows, BorderLayout.NORTH);
    return top;
  }

  /** A row of buttons at the right. */
  static JPanel buttons(JButton... buttons) {
    JPanel row = new JPanel(new FlowLayout(FlowLayout.RIGHT, GAP, 0));
    for (JButton button : buttons) {
      row.add(button);
    }
    return row;
  }

  /** A button that does something. */
  static JButton button(String text, Runnable action) {
    JButton button = new JButton(text);
    button.addActionListener(event -> action.run());
    return button;
  }

  /** A line of explanation, in grey. */
  static JLabel hint(String text) {
    JLabel label = new JLabel(text);
    label.setForeground(Color.GRAY.darker());
    label.setFont(label.getFont().deriveFont(label.getFont().getSize2D() - 1));
    return label;
  }

  /** A text that a label breaks into lines. */
  static String wrapped(String text, int width) {
    return new Html().text(text).wrapped(width);
  }

  /** Has a click on the name beside a box tick it, as a click into the box does. */
  static void tickByName(JLabel name, JCheckBox box) {
    name.addMouseListener(
        new MouseAdapter() {
          @Override
          public void mouseClicked(MouseEvent click) {
            box.doClick();
          }
        });
  }

  /** Has what draws the cells of a list or a table show each text as it is, HTML or not. */
  static void showAsItIs(Object renderer) {
    if (renderer instanceof JComponent) { // as those of all looks are up to now
      ((JComponent) renderer).putClientProperty("html.disable", true);
    }
  }

  /** Shows a dialog in which Enter presses {@code ok} and Esc closes it without. */
  static void ask(JDialog dialog, JButton ok) {
    dialog.getRootPane().setDefaultButton(ok);
    onEsc(dialog.getRootPane(), dialog::dispose);
    show(dialog);
  }

  /** Has Esc do something, wherever in the window the keys go. */
  static void onEsc(JRootPane window, Runnable action) {
    window.registerKeyboardAction(
        event -> action.run(),
        KeyStroke.getKeyStroke(KeyEvent.VK_ESCAPE, 0),
        JComponent.WHEN_IN_FOCUSED_WINDOW);
  }

  /** Puts a window where ImageJ's user looks, and shows it. */
  static void show(Window window) {
    window.pack();
    window.setLocationRelativeTo(null);
    fit(window);
    window.setVisible(true);
  }

  /** Makes a window as large as what it shows, but never larger than the screen leaves room for. */
  static void fit(Window window) {
    window.pack();
    GraphicsConfiguration screen = window.getGraphicsConfiguration();
    Insets taken = window.getToolkit().getScreenInsets(screen); // by a task bar, a menu
    Rectangle usable = screen.getBounds();
    usable.x += taken.left;
    usable.y += taken.top;
    usable.width -= taken.left + taken.right;
    usable.height -= taken.top + taken.bottom;
    Rectangle wanted = window.getBounds();
    if (wanted.height > usable.height) {
      wanted.width += new JScrollBar().getPreferredSize().width; // which it has then
    }
    window.setBounds(within(wanted, usable));
    window.validate();
  }

  /** The place of a window that is to lie within another one: smaller if need be, and moved. */
  static Rectangle within(Rectangle window, Rectangle usable) {
    int width = Math.min(window.width, usable.width);
    int height = Math.min(window.height, usable.height);
    int x = Math.max(usable.x, Math.min(window.x, usable.x + usable.width - width));
    int y = Math.max(usable.y, Math.min(window.y, usable.y + usable.height - height));
    return new Rectangle(x, y, width, height);
  }
}

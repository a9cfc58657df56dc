package org.cristae.fiji.ui;

import java.awt.BorderLayout;
import java.awt.Component;
import java.awt.Dimension;
import java.awt.KeyboardFocusManager;
import java.awt.Rectangle;
import java.beans.PropertyChangeEvent;
import java.beans.PropertyChangeListener;
import javax.swing.BorderFactory;
import javax.swing.JComponent;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JViewport;
import javax.swing.ScrollPaneConstants;
import javax.swing.Scrollable;
import javax.swing.SwingUtilities;

/**
 * What a window shows: fields, and below them a foot with what must always be seen, such as the
 * buttons. Where the window is too low for both, the fields scroll.
 */
final class FieldsAboveFoot extends JPanel {
  private static final long serialVersionUID = 1L;
  private static final int STEP = 24;

  /** The fields, which are as wide as the window, and at least as high as they need. */
  private static final class Fields extends JPanel implements Scrollable {
    private static final long serialVersionUID = 1L;

    private final transient PropertyChangeListener onFocus = this::show;

    private Fields(JComponent fields) {
      super(new BorderLayout());
      add(fields, BorderLayout.CENTER);
    }

    @Override
    public void addNotify() {
      super.addNotify();
      focusManager().addPropertyChangeListener("permanentFocusOwner", onFocus);
    }

    @Override
    public void removeNotify() {
      focusManager().removePropertyChangeListener("permanentFocusOwner", onFocus);
      super.removeNotify();
    }

    private static KeyboardFocusManager focusManager() {
      return KeyboardFocusManager.getCurrentKeyboardFocusManager();
    }

    /** Who goes through the fields with Tab sees the one that he is in. */
    private void show(PropertyChangeEvent focus) {
      Component field = (Component) focus.getNewValue();
      if (field != null && SwingUtilities.isDescendingFrom(field, this)) {
        Rectangle place =
            SwingUtilities.convertRectangle(field.getParent(), field.getBounds(), this);
        scrollRectToVisible(place);
      }
    }

    @Override
    public Dimension getPreferredScrollableViewportSize() {
      return getPreferredSize();
    }

    @Override
    public int getScrollableUnitIncrement(Rectangle seen, int orientation, int direction) {
      return STEP;
    }

    @Override
    public int getScrollableBlockIncrement(Rectangle seen, int orientation, int direction) {
      return Math.max(STEP, seen.height - STEP);
    }

    @Override
    public boolean getScrollableTracksViewportWidth() {
      return true;
    }

    @Override
    public boolean getScrollableTracksViewportHeight() {
      return getParent() instanceof JViewport
          && getParent().getHeight() > getPreferredSize().height;
    }
  }

  FieldsAboveFoot(JComponent fields, JComponent foot) {
    super(new BorderLayout(0, Look.GAP));
    JScrollPane scroll =
        new JScrollPane(
            new Fields(fields),
            ScrollPaneConstants.VERTICAL_SCROLLBAR_AS_NEEDED,
            ScrollPaneConstants.HORIZONTAL_SCROLLBAR_NEVER);
    scroll.setBorder(BorderFactory.createEmptyBorder());
    add(scroll, BorderLayout.CENTER);
    add(foot, BorderLayout.SOUTH);
    Look.padded(this);
  }
}

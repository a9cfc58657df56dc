package org.cristae.fiji.ui;

import java.awt.BorderLayout;
import java.awt.Dialog;
import java.awt.Dimension;
import java.awt.GridBagConstraints;
import java.awt.GridBagLayout;
import java.awt.Insets;
import java.awt.KeyboardFocusManager;
import java.util.ArrayList;
import java.util.List;
import javax.swing.BorderFactory;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JDialog;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JScrollPane;

/** A small modal dialog in which open images are ticked, each with its labels where it has some. */
final class TickDialog {
  private static final int MOST_HEIGHT = 300;

  /** One image to tick. */
  static final class Row {
    private final JCheckBox tick;
    private final JComboBox<String> labels;

    /** An image by its title. */
    Row(String title, boolean isTicked) {
      this(title, isTicked, null);
    }

    /**
     * An image, with the titles of those that may hold its labels, the likely one first; to choose
     * another one ticks the image.
     */
    Row(String title, boolean isTicked, List<String> labels) {
      tick = new JCheckBox(title, isTicked);
      tick.putClientProperty("html.disable", true);
      tick.setName("tick " + title);
      this.labels = labels == null ? null : new JComboBox<>(labels.toArray(new String[0]));
      if (labels != null) {
        this.labels.setName("labels of " + title);
        Look.showAsItIs(this.labels.getRenderer());
        this.labels.setPrototypeDisplayValue("a title of usual length.tif");
        this.labels.addActionListener(event -> tick.setSelected(true));
      }
    }

    private boolean isTicked() {
      return tick.isSelected();
    }

    /** The title, and that of the labels. */
    private List<String> titles() {
      List<String> titles = new ArrayList<>();
      titles.add(tick.getText());
      if (labels != null) {
        titles.add(String.valueOf(labels.getSelectedItem()));
      }
      return titles;
    }
  }

  private TickDialog() {}

  /**
   * Shows the dialog and waits; on the event thread.
   *
   * @param advice a line above the rows
   * @return the titles of what is ticked, each with its labels behind it; null if the person
   *     cancelled
   */
  static List<String> ask(String title, String advice, List<Row> rows) {
    JDialog dialog =
        new JDialog(
            KeyboardFocusManager.getCurrentKeyboardFocusManager().getActiveWindow(),
            title,
            Dialog.ModalityType.APPLICATION_MODAL);
    dialog.setDefaultCloseOperation(JDialog.DISPOSE_ON_CLOSE);
    List<String> ticked = new ArrayList<>();
    boolean[] accepted = new boolean[1];
    JButton ok =
        Look.button(
            "OK",
            () -> {
              rows.stream().filter(Row::isTicked).forEach(row -> ticked.addAll(row.titles()));
              accepted[0] = true;
              dialog.dispose();
            });
    JPanel content = Look.padded(new JPanel(new BorderLayout(0, Look.GAP)));
    content.add(new JLabel(Look.wrapped(advice, FormDialog.WIDTH)), BorderLayout.NORTH);
    if (!rows.isEmpty()) {
      content.add(scrolled(rows), BorderLayout.CENTER);
    }
    content.add(Look.buttons(Look.button("Cancel", dialog::dispose), ok), BorderLayout.SOUTH);
    dialog.setContentPane(content);
    Look.ask(dialog, ok);
    return accepted[0] ? ticked : null;
  }

  private static JComponent scrolled(List<Row> rows) {
    JPanel table = new JPanel(new GridBagLayout());
    GridBagConstraints at = new GridBagConstraints();
    at.anchor = GridBagConstraints.LINE_START;
    at.fill = GridBagConstraints.HORIZONTAL;
    for (Row row : rows) {
      at.gridy++;
      at.gridx = 0;
      at.weightx = 1;
      at.insets = new Insets(2, 0, 2, 0);
      table.add(row.tick, at);
      if (row.labels != null) {
        at.gridx = 1;
        at.weightx = 0;
        at.insets = new Insets(2, Look.GAP, 2, 0);
        table.add(row.labels, at);
      }
    }
    JScrollPane scroll = new JScrollPane(Look.onTop(table));
    scroll.setBorder(BorderFactory.createEmptyBorder());
    Dimension size = scroll.getPreferredSize();
    int bar = scroll.getVerticalScrollBar().getPreferredSize().width;
    scroll.setPreferredSize(new Dimension(size.width + bar, Math.min(size.height, MOST_HEIGHT)));
    return scroll;
  }
}

package org.cristae.fiji.ui;

import ij.IJ;
import java.awt.BorderLayout;
import java.awt.Dialog;
import java.awt.GridBagConstraints;
import java.awt.GridBagLayout;
import java.awt.Insets;
import java.awt.event.WindowAdapter;
import java.awt.event.WindowEvent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JDialog;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JTextField;
import javax.swing.event.DocumentEvent;
import javax.swing.event.DocumentListener;

/**
 * A short modal dialog: what one must choose on top, the rest under "More...". Each field fills one
 * macro key, and begins with what was chosen for that key before.
 */
final class FormDialog {
  static final int WIDTH = 330;

  private final Choices before;
  private final JDialog dialog;
  private final JPanel rows = new JPanel(new GridBagLayout());
  private final List<JComponent> hidden = new ArrayList<>();
  private final JLabel message = Look.hint(" ");
  private final JButton ok = new JButton();
  private final Map<String, JComponent> fields = new LinkedHashMap<>();
  private boolean startsOpen;
  private boolean accepted;

  /** An empty dialog; call on the event thread. */
  FormDialog(String title, Choices before) {
    this.before = before;
    dialog = new JDialog(IJ.getInstance(), title, Dialog.ModalityType.APPLICATION_MODAL);
    dialog.setDefaultCloseOperation(JDialog.DISPOSE_ON_CLOSE);
  }

  /**
   * A field to choose one of a few words; the person may also type if {@code isOpen}. It begins
   * with {@code otherwise} if nothing was chosen before, or what is no choice any more.
   */
  JComboBox<String> choice(
      boolean isMore,
      String key,
      String label,
      List<String> items,
      boolean isOpen,
      String otherwise) {
    JComboBox<String> box = new JComboBox<>(items.toArray(new String[0]));
    box.setEditable(isOpen);
    String chosen = before.get(key, otherwise);
    box.setSelectedItem(isOpen || items.contains(chosen) ? chosen : otherwise);
    startsOpen |= isMore && box.getSelectedIndex() != 0;
    Look.showAsItIs(box.getRenderer());
    box.setPrototypeDisplayValue("a title of usual length.tif");
    add(isMore, key, label, box);
    return box;
  }

  /** A field to type into; it begins with {@code otherwise} if nothing was chosen before. */
  JTextField text(boolean isMore, String key, String label, String otherwise, String toolTip) {
    String value = before.get(key, otherwise);
    JTextField field = new JTextField(value, 20);
    startsOpen |= isMore && !value.isEmpty();
    field.setToolTipText(toolTip);
    add(isMore, key, label, field);
    return field;
  }

  /**
   * A field for titles with commas between, and a button with which open images are chosen for it.
   *
   * @param choose is given what stands in the field, and returns what is to stand there
   */
  void titles(
      boolean isMore, String key, String label, String toolTip, UnaryOperator<String> choose) {
    JTextField field = new JTextField(before.get(key, ""), 10);
    startsOpen |= isMore && before.has(key);
    field.setToolTipText(toolTip);
    JButton button =
        Look.button("Choose...", () -> field.setText(choose.apply(field.getText().trim())));
    button.setName(key + "-button");
    JPanel both = new JPanel(new BorderLayout(Look.GAP, 0));
    both.add(field, BorderLayout.CENTER);
    both.add(button, BorderLayout.EAST);
    add(isMore, key, label, field, both);
  }

  /** Hands over what stands in a field, now and whenever that changes. */
  void onTyping(JTextField field, Consumer<String> listener) {
    listener.accept(field.getText().trim());
    field
        .getDocument()
        .addDocumentListener(
            new DocumentListener() {
              @Override
              public void insertUpdate(DocumentEvent event) {
                listener.accept(field.getText().trim());
              }

              @Override
              public void removeUpdate(DocumentEvent event) {
                listener.accept(field.getText().trim());
              }

              @Override
              public void changedUpdate(DocumentEvent event) {} // of its look
            });
  }

  /** A box to tick; its value is "true" or nothing. */
  JCheckBox check(boolean isMore, String key, String label) {
    boolean isTicked = before.has(key);
    JCheckBox box = new JCheckBox("", isTicked);
    startsOpen |= isMore && isTicked;
    add(isMore, key, label, box);
    return box;
  }

  /** A grey line below the field before. */
  void hint(boolean isMore, String text) {
    GridBagConstraints at = new GridBagConstraints();
    at.gridx = 1;
    at.gridy = rows.getComponentCount();
    at.anchor = GridBagConstraints.LINE_START;
    at.insets = new Insets(0, Look.GAP + 2, Look.GAP, 0);
    place(isMore, Look.hint(text), at);
  }

  private void add(boolean isMore, String key, String label, JComponent field) {
    add(isMore, key, label, field, field);
  }

  /** Adds a field that is, or is a part of, {@code shown}. */
  private void add(boolean isMore, String key, String label, JComponent field, JComponent shown) {
    fields.put(key, field);
    before.call(key, label);
    field.setName(key);
    GridBagConstraints at = new GridBagConstraints();
    at.gridy = rows.getComponentCount();
    at.gridx = 0;
    at.anchor = GridBagConstraints.LINE_END;
    at.insets = new Insets(3, 0, 3, 0);
    JLabel name = new JLabel(label);
    name.setLabelFor(field);
    if (field instanceof JCheckBox) {
      Look.tickByName(name, (JCheckBox) field);
    }
    place(isMore, name, at);
    at.gridx = 1;
    at.weightx = 1;
    at.fill = GridBagConstraints.HORIZONTAL;
    at.insets = new Insets(3, Look.GAP, 3, 0);
    place(isMore, shown, at);
  }

  private void place(boolean isMore, JComponent part, GridBagConstraints at) {
    rows.add(part, at);
    if (isMore) {
      part.setVisible(false);
      hidden.add(part);
    }
  }

  /** Says something below the fields. */
  void say(String text) {
    say(text, new Html().text(text), true);
  }

  /** Says below the fields why what stands in them cannot be: then OK cannot be pressed. */
  void refuse(String why) {
    say(why, new Html().red(why), false);
  }

  private void say(String text, Html shown, boolean isPossible) {
    // Swing makes a width in HTML about a third larger.
    message.setText(text.isEmpty() ? " " : shown.wrapped(Math.max(WIDTH, rows.getWidth() * 3 / 4)));
    ok.setEnabled(isPossible);
    if (dialog.isShowing()) {
      Look.fit(dialog);
    }
  }

  /** Shows the dialog and waits; true if the person pressed OK. */
  boolean ask(String okText) {
    ok.setText(okText);
    ok.addActionListener(
        event -> {
          accepted = true;
          dialog.dispose();
        });
    JButton cancel = Look.button("Cancel", dialog::dispose);
    JButton toggle = new JButton("More...");
    toggle.setVisible(!hidden.isEmpty());
    toggle.addActionListener(
        event -> {
          boolean show = toggle.getText().equals("More...");
          hidden.forEach(part -> part.setVisible(show));
          toggle.setText(show ? "Less" : "More...");
          Look.fit(dialog);
          rows.requestFocusInWindow(); // Enter presses OK again, not this button
        });
    if (startsOpen) {
      toggle.doClick(); // what is remembered from the last time must be seen
    }

    JPanel foot = new JPanel(new BorderLayout(0, Look.GAP));
    foot.add(message, BorderLayout.NORTH);
    foot.add(toggle, BorderLayout.WEST);
    foot.add(Look.buttons(cancel, ok), BorderLayout.EAST);
    dialog.setContentPane(new FieldsAboveFoot(Look.onTop(rows), foot));
    JComponent refused = fields.get(before.takeRefused());
    if (refused != null) {
      dialog.addWindowListener(
          new WindowAdapter() {
            @Override
            public void windowOpened(WindowEvent event) {
              refused.requestFocusInWindow();
            }
          });
    }
    Look.ask(dialog, ok);
    return accepted;
  }

  /** What stands in the field of a key. */
  String value(String key) {
    JComponent field = fields.get(key);
    if (field instanceof JTextField) {
      return ((JTextField) field).getText().trim();
    }
    if (field instanceof JCheckBox) {
      return ((JCheckBox) field).isSelected() ? "true" : "";
    }
    JComboBox<?> box = (JComboBox<?>) field;
    // What was typed counts, also where a click on OK does not take the focus (macOS).
    Object item = box.isEditable() ? box.getEditor().getItem() : box.getSelectedItem();
    return item == null ? "" : item.toString().trim();
  }
}

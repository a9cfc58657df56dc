package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.event.MouseEvent;
import javax.swing.JCheckBox;
import javax.swing.JLabel;
import org.junit.jupiter.api.Test;

/** What all windows do alike. */
class LookTest {
  @Test
  void aClickOnTheNameOfABoxTicksIt() {
    JLabel name = new JLabel("Fill holes");
    JCheckBox box = new JCheckBox();
    Look.tickByName(name, box);
    click(name);
    assertTrue(box.isSelected());
    click(name);
    assertFalse(box.isSelected());
    box.setEnabled(false);
    click(name);
    assertFalse(box.isSelected(), "a box that cannot be ticked");
  }

  private static void click(JLabel name) {
    name.dispatchEvent(new MouseEvent(name, MouseEvent.MOUSE_CLICKED, 0, 0, 2, 2, 1, false));
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Component;
import java.awt.Container;
import java.awt.Dimension;
import java.awt.GridBagLayout;
import java.awt.Rectangle;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.SwingUtilities;
import org.junit.jupiter.api.Test;

/** Whatever the screen is, a window lies on it, and its buttons are seen. */
class FieldsAboveFootTest {
  private static final Rectangle SCREEN = new Rectangle(0, 20, 1024, 680);

  private final JComponent fields = new JPanel();
  private final JButton ok = new JButton("OK");

  private FieldsAboveFoot content(int height) {
    fields.setPreferredSize(new Dimension(300, 900));
    FieldsAboveFoot content = new FieldsAboveFoot(fields, ok);
    content.setSize(330, height);
    layOut(content);
    return content;
  }

  private static void layOut(Container parent) {
    parent.doLayout();
    for (Component part : parent.getComponents()) {
      if (part instanceof Container) {
        layOut((Container) part);
      }
    }
  }

  private static JScrollPane scroll(FieldsAboveFoot content) {
    return (JScrollPane) content.getComponent(0);
  }

  @Test
  void whereTheWindowIsTooLowTheFieldsScrollAndTheButtonsStay() {
    FieldsAboveFoot content = content(500);
    assertTrue(new Rectangle(330, 500).contains(ok.getBounds()), ok.getBounds().toString());
    assertEquals(ok.getPreferredSize().height, ok.getHeight());
    assertTrue(scroll(content).getVerticalScrollBar().isVisible());
    assertEquals(900, fields.getHeight());
  }

  @Test
  void whereThereIsRoomNothingScrollsAndTheFieldsFillIt() {
    FieldsAboveFoot content = content(1200);
    assertFalse(scroll(content).getVerticalScrollBar().isVisible());
    assertTrue(fields.getHeight() > 900);
    assertTrue(content.getPreferredSize().height > 900 + ok.getPreferredSize().height);
  }

  @Test
  void rowsStayOnTopOfAWindowThatWasMadeTaller() {
    JPanel rows = new JPanel(new GridBagLayout());
    JLabel first = new JLabel("Image");
    rows.add(first);
    FieldsAboveFoot content = new FieldsAboveFoot(Look.onTop(rows), ok);
    content.setSize(330, 900);
    layOut(content);
    assertEquals(rows.getPreferredSize().height, rows.getHeight());
    assertEquals(
        scroll(content).getY(),
        SwingUtilities.convertPoint(first, 0, 0, content).y,
        "the first row");
  }

  @Test
  void aWindowThatIsLargerThanTheScreenIsMadeSmallerAndBeginsOnIt() {
    assertEquals(
        new Rectangle(262, 20, 500, 680), Look.within(new Rectangle(262, -1, 500, 741), SCREEN));
    assertEquals(
        new Rectangle(0, 20, 1024, 300), Look.within(new Rectangle(-90, 0, 1400, 300), SCREEN));
  }

  @Test
  void aWindowThatGrewOverTheEdgeOfTheScreenIsMovedAndOneThatFitsStays() {
    assertEquals(
        new Rectangle(600, 200, 424, 500), Look.within(new Rectangle(700, 400, 424, 500), SCREEN));
    Rectangle fits = new Rectangle(100, 100, 424, 500);
    assertEquals(fits, Look.within(fits, SCREEN));
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.FontMetrics;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.cristae.v1.LabelClass;
import org.junit.jupiter.api.Test;

/** The curves of a training. */
class CurvePanelTest {
  @Test
  void theLegendHasTheNewestFiguresAndThoseOfSingleClassesAtTheEnd() {
    CurvePanel panel = new CurvePanel();
    Map<String, Double> values = new HashMap<>();
    values.put("learning_rate", 0.001);
    values.put("loss", 0.5);
    panel.add(1, values);
    values.put("dice", 0.75);
    values.put("dice.mito_1", 0.5);
    values.put("dice.er", 1.0);
    values.put("iou.er", 1.0);
    values.put("loss", 0.25);
    panel.add(2, values);
    assertEquals(
        Arrays.asList("loss 0.250", "dice 0.750", "er 1.000", "mito_1 0.500"), panel.legend());
  }

  @Test
  void ofManyClassesSixAreDrawn() {
    CurvePanel panel = new CurvePanel();
    Map<String, Double> values = new HashMap<>();
    for (int i = 0; i < 9; i++) {
      values.put("dice.class " + i, i / 10.0);
    }
    panel.add(1, values);
    assertEquals(6, panel.legend().size());
    assertEquals("class 5 0.500", panel.legend().get(5));
  }

  @Test
  void theFirstFigureIsADot() {
    CurvePanel panel = new CurvePanel();
    panel.setSize(420, 130);
    panel.add(10, Collections.singletonMap("loss", 0.5));
    BufferedImage picture = new BufferedImage(420, 130, BufferedImage.TYPE_INT_RGB);
    panel.paint(picture.getGraphics());
    int drawn = 0;
    for (int y = 40; y < 130; y++) { // below the legend
      for (int x = 0; x < 420; x++) {
        drawn += (picture.getRGB(x, y) & 0xffffff) == 0x0072B2 ? 1 : 0;
      }
    }
    assertTrue(drawn > 4, drawn + " pixels of the colour of the loss");
  }

  @Test
  void theLegendIsBlackBesideAMarkOfTheColour() {
    CurvePanel panel = new CurvePanel();
    panel.setSize(420, 130);
    panel.add(10, Collections.singletonMap("dice.mito", 0.5));
    panel.color(
        Collections.singletonList(
            LabelClass.newBuilder().setName("mito").setValue(1).setRgb(0xF0E442).build()));
    BufferedImage picture = new BufferedImage(420, 130, BufferedImage.TYPE_INT_RGB);
    panel.paint(picture.getGraphics());
    int coloured = 0;
    int black = 0;
    for (int y = 0; y < 18; y++) { // the legend
      for (int x = 0; x < 200; x++) {
        int rgb = picture.getRGB(x, y) & 0xffffff;
        coloured += rgb == 0xF0E442 ? 1 : 0;
        black += rgb == 0 ? 1 : 0;
      }
    }
    assertEquals(9 * 9, coloured);
    assertTrue(black > 10, black + " black pixels");
  }

  @Test
  void theAxesHaveFewRoundNumbers() {
    assertEquals(Arrays.asList(0.0, 0.5, 1.0), CurveAxes.ticks(1, 3));
    assertEquals(Arrays.asList(0.0, 1.0, 2.0), CurveAxes.ticks(2.3, 3));
    assertEquals(Arrays.asList(0.0, 200.0, 400.0, 600.0), CurveAxes.ticks(600, 5));
    assertEquals(Arrays.asList(0.0, 10.0, 20.0, 30.0), CurveAxes.ticks(37, 5));
    assertEquals(6, CurveAxes.ticks(100_000, 5).size());
    assertEquals("0.5", CurveAxes.label(0.5));
    assertEquals("0.6", CurveAxes.label(3 * 0.2));
    assertEquals("20000", CurveAxes.label(20_000));
    assertEquals("0", CurveAxes.label(0));
  }

  @Test
  void valuesAndStepsLieWhereTheNumbersOfTheAxesSay() {
    BufferedImage picture = new BufferedImage(420, 130, BufferedImage.TYPE_INT_RGB);
    FontMetrics font = picture.createGraphics().getFontMetrics();
    CurveAxes axes = new CurveAxes(0, 20, 400, 120, font, 200, 2);
    assertEquals(400, axes.x(200), 1e-9);
    assertEquals((axes.x(0) + axes.x(200)) / 2, axes.x(100), 1e-9);
    assertEquals((axes.y(0) + axes.y(2)) / 2, axes.y(1), 1e-9);
    assertEquals(axes.y(0), axes.y(-1), 1e-9);
    assertTrue(axes.x(0) >= font.stringWidth("2"), "no room for the numbers at the left");
    assertTrue(axes.y(0) <= 120 - font.getAscent(), "no room for the numbers below");
  }
}

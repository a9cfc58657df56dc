package org.cristae.fiji.ui;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.FontMetrics;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Path2D;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import javax.swing.JPanel;
import org.cristae.v1.LabelClass;

/**
 * Figures of a training over its steps, one curve for each name; Dice of single classes thinner.
 */
final class CurvePanel extends JPanel {
  private static final long serialVersionUID = 1L;
  private static final int MARGIN = 6;
  private static final int LINE = 16;
  private static final int MARK = 9;
  private static final float SMALL = 10;
  private static final int MOST_CLASSES = 6;
  private static final String CLASS = "dice.";
  private static final Color[] COLORS = {
    new Color(0x0072B2), new Color(0xD55E00), new Color(0x009E73), new Color(0xCC79A7),
    new Color(0xE69F00), new Color(0x56B4E9), new Color(0x7F7F7F), new Color(0x9467BD),
    new Color(0x8C564B)
  };
  private static final String[] SHOWN = {"loss", "validation_loss", "dice"};

  private final transient Map<String, NavigableMap<Long, Double>> curves = new LinkedHashMap<>();
  private final List<String> names = new ArrayList<>();
  private final transient Map<String, Color> ofClasses = new HashMap<>();

  CurvePanel() {
    setPreferredSize(new Dimension(420, 150));
    setBackground(Color.WHITE);
    for (String name : SHOWN) {
      names.add(name);
    }
  }

  /** Adds figures; on the event thread. */
  void add(long step, Map<String, Double> values) {
    for (String name : new TreeMap<>(values).keySet()) {
      boolean isNew = name.startsWith(CLASS) && !names.contains(name);
      if (isNew && names.size() < SHOWN.length + MOST_CLASSES) {
        names.add(name);
      }
      if (names.contains(name)) {
        curves.computeIfAbsent(name, n -> new TreeMap<>()).put(step, values.get(name));
      }
    }
    repaint();
  }

  /** Draws the curves of classes in their own colours; on the event thread. */
  void color(List<LabelClass> classes) {
    for (LabelClass label : classes) {
      ofClasses.put(CLASS + label.getName(), new Color(label.getRgb()));
    }
    repaint();
  }

  /** What stands over the curves: name and newest value of each that has one. */
  List<String> legend() {
    List<String> texts = new ArrayList<>();
    for (String name : names) {
      if (curves.containsKey(name)) {
        String shown =
            name.startsWith(CLASS) ? name.substring(CLASS.length()) : name.replace('_', ' ');
        double newest = curves.get(name).lastEntry().getValue();
        texts.add(shown + String.format(Locale.ROOT, " %.3f", newest));
      }
    }
    return texts;
  }

  @Override
  protected void paintComponent(Graphics graphics) {
    super.paintComponent(graphics);
    Graphics2D g = (Graphics2D) graphics.create();
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    if (curves.isEmpty()) {
      g.setColor(Color.GRAY);
      g.drawString("The curve appears with the first figures.", MARGIN * 2, getHeight() / 2);
    } else {
      paintCurves(g, paintLegend(g));
    }
    g.dispose();
  }

  /** Writes the legend, in as many lines as it needs; returns where the curves may begin. */
  private int paintLegend(Graphics2D g) {
    FontMetrics metrics = g.getFontMetrics();
    int x = MARGIN * 2;
    int y = LINE - 2;
    List<String> texts = legend();
    int number = 0;
    for (String name : names) {
      if (curves.containsKey(name)) {
        String text = texts.get(number++);
        int width = MARK + MARGIN + metrics.stringWidth(text) + 3 * MARGIN;
        if (x > MARGIN * 2 && x + width > getWidth()) {
          x = MARGIN * 2;
          y += LINE;
        }
        g.setColor(color(name));
        g.fillRect(x, y - MARK + 1, MARK, MARK);
        g.setColor(Color.BLACK); // a light colour is hard to read
        g.drawString(text, x + MARK + MARGIN, y);
        x += width;
      }
    }
    return y + MARGIN;
  }

  private void paintCurves(Graphics2D g, int top) {
    long last = 1;
    double highest = 1; // Dice goes to 1, losses of a fair start do not go far above
    for (NavigableMap<Long, Double> curve : curves.values()) {
      last = Math.max(last, curve.lastKey());
      for (double value : curve.values()) {
        highest = Math.max(highest, value);
      }
    }
    g.setFont(g.getFont().deriveFont(SMALL));
    FontMetrics font = g.getFontMetrics();
    CurveAxes axes =
        new CurveAxes(
            MARGIN, top, getWidth() - MARGIN, getHeight() - MARGIN / 2, font, last, highest);
    axes.paint(g);
    for (String name : names) {
      if (curves.containsKey(name)) {
        g.setColor(color(name));
        float width = name.startsWith(CLASS) ? 1f : 1.6f;
        int times = curves.get(name).size() == 1 ? 3 : 1;
        g.setStroke(new BasicStroke(times * width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        g.draw(path(curves.get(name), axes));
      }
    }
  }

  private Color color(String name) {
    return ofClasses.getOrDefault(name, COLORS[names.indexOf(name)]);
  }

  private static Path2D path(NavigableMap<Long, Double> curve, CurveAxes axes) {
    Path2D path = new Path2D.Double();
    curve.forEach(
        (step, value) -> {
          if (path.getCurrentPoint() == null) {
            path.moveTo(axes.x(step), axes.y(value));
          }
          path.lineTo(axes.x(step), axes.y(value)); // of the first figure a dot
        });
    return path;
  }
}

package org.cristae.fiji.ui;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Path2D;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import javax.swing.JPanel;

/** Figures of a training over its steps, one curve for each name. */
final class CurvePanel extends JPanel {
  private static final long serialVersionUID = 1L;
  private static final int MARGIN = 6;
  private static final int LEGEND = 18;
  private static final Color[] COLORS = {
    new Color(0x0072B2), new Color(0xD55E00), new Color(0x009E73)
  };
  private static final String[] SHOWN = {"loss", "validation_loss", "dice"};

  private final transient Map<String, NavigableMap<Long, Double>> curves = new LinkedHashMap<>();

  CurvePanel() {
    setPreferredSize(new Dimension(420, 130));
    setBackground(Color.WHITE);
  }

  /** Adds figures; on the event thread. */
  void add(long step, Map<String, Double> values) {
    for (String name : SHOWN) {
      if (values.containsKey(name)) {
        curves.computeIfAbsent(name, n -> new TreeMap<>()).put(step, values.get(name));
      }
    }
    repaint();
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
    }
    long last = 1;
    double highest = 1; // Dice goes to 1, losses of a fair start do not go far above
    for (NavigableMap<Long, Double> curve : curves.values()) {
      last = Math.max(last, curve.lastKey());
      for (double value : curve.values()) {
        highest = Math.max(highest, value);
      }
    }
    int legendX = MARGIN * 2;
    for (int i = 0; i < SHOWN.length; i++) {
      NavigableMap<Long, Double> curve = curves.get(SHOWN[i]);
      if (curve != null) {
        g.setColor(COLORS[i]);
        g.setStroke(new BasicStroke(1.6f));
        g.draw(path(curve, last, highest));
        String text =
            SHOWN[i].replace('_', ' ')
                + String.format(Locale.ROOT, " %.3f", curve.lastEntry().getValue());
        g.drawString(text, legendX, LEGEND - 4);
        legendX += g.getFontMetrics().stringWidth(text) + 3 * MARGIN;
      }
    }
    g.dispose();
  }

  private Path2D path(NavigableMap<Long, Double> curve, long last, double highest) {
    Path2D path = new Path2D.Double();
    double width = getWidth() - 2.0 * MARGIN;
    double height = getHeight() - LEGEND - MARGIN;
    curve.forEach(
        (step, value) -> {
          double x = MARGIN + width * step / last;
          double y = LEGEND + height * (1 - Math.max(0, value) / highest);
          if (path.getCurrentPoint() == null) {
            path.moveTo(x, y);
          } else {
            path.lineTo(x, y);
          }
        });
    return path;
  }
}

package org.cristae.fiji.ui;

import java.awt.Color;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.util.ArrayList;
import java.util.List;

/** The axes of a curve: steps from 0 on to the right, values from 0 on upwards. */
final class CurveAxes {
  private static final Color LINES = new Color(0xE4E4E4);
  private static final Color WORDS = new Color(0x666666);
  private static final int MOST_STEPS = 5;
  private static final int MOST_VALUES = 3;
  private static final int GAP = 4;
  private static final String NAME = "step";

  private final int left;
  private final int top;
  private final int right;
  private final int bottom;
  private final long lastStep;
  private final double highest;

  /** Axes within these pixels, with room at the left and below for their numbers. */
  CurveAxes(
      int left, int top, int right, int bottom, FontMetrics font, long lastStep, double highest) {
    int widest = 0;
    for (double value : ticks(highest, MOST_VALUES)) {
      widest = Math.max(widest, font.stringWidth(label(value)));
    }
    this.left = left + widest + GAP;
    this.top = top + font.getAscent() / 2; // of the highest number
    this.right = right;
    this.bottom = bottom - font.getHeight();
    this.lastStep = lastStep;
    this.highest = highest;
  }

  /** Where a step is, in pixels from the left. */
  double x(double step) {
    return left + (double) (right - left) * step / lastStep;
  }

  /** Where a value is, in pixels from above; what is below 0 lies on the axis. */
  double y(double value) {
    return bottom - (bottom - top) * Math.max(0, value) / highest;
  }

  /** Draws lines and numbers in the font of {@code g}. */
  void paint(Graphics2D g) {
    FontMetrics font = g.getFontMetrics();
    for (double value : ticks(highest, MOST_VALUES)) {
      int y = (int) Math.round(y(value));
      g.setColor(LINES);
      g.drawLine(left, y, right, y);
      g.setColor(WORDS);
      String text = label(value);
      g.drawString(text, left - GAP - font.stringWidth(text), y + font.getAscent() / 2 - 1);
    }
    int baseline = bottom + font.getAscent() + 1;
    int nameAt = right - font.stringWidth(NAME);
    g.drawString(NAME, nameAt, baseline);
    for (double step : ticks(lastStep, MOST_STEPS)) {
      int x = (int) Math.round(x(step));
      g.setColor(LINES);
      g.drawLine(x, bottom, x, bottom + 2);
      g.setColor(WORDS);
      String text = label(step);
      int at = x - font.stringWidth(text) / 2;
      boolean isWhole = step == Math.rint(step); // not so among fewer steps than numbers
      if (isWhole && at + font.stringWidth(text) + GAP < nameAt) {
        g.drawString(text, at, baseline);
      }
    }
  }

  /**
   * Round numbers from 0 to {@code end}, not more than {@code most} beside the 0, one, two or five
   * of a power of ten apart.
   */
  static List<Double> ticks(double end, int most) {
    double power = Math.pow(10, Math.floor(Math.log10(end / most)));
    double apart = 10 * power;
    for (double times : new double[] {5, 2, 1}) {
      apart = times * power * most >= end * (1 - 1e-9) ? times * power : apart;
    }
    List<Double> ticks = new ArrayList<>();
    for (int number = 0; number * apart <= end * (1 + 1e-9); number++) {
      ticks.add(number * apart);
    }
    return ticks;
  }

  /** A number without the zeros that say nothing: 0.5, 1, 20000. */
  static String label(double number) {
    return new java.math.BigDecimal(number)
        .round(new java.math.MathContext(6))
        .stripTrailingZeros()
        .toPlainString();
  }
}

package org.cristae.fiji.ui;

import java.awt.Color;
import java.awt.Dimension;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.Collections;
import java.util.List;
import javax.swing.JPanel;
import org.cristae.v1.LabelClass;

/** The newest picture of a training, in whole pixels, so that voxels stay sharp. */
final class PreviewPanel extends JPanel {
  private static final long serialVersionUID = 1L;
  private static final int WIDTH = 820;
  private static final int CAPTION = 18;
  private static final int SQUARE = 9;
  private static final String[] PARTS = {"held out: image", "labels", "the model now"};

  private transient BufferedImage picture;
  private transient List<LabelClass> classes = Collections.emptyList();

  PreviewPanel() {
    setVisible(false);
    setToolTipText("The part of your labels that the training does not see; dark grey is unknown");
  }

  /** Shows a picture; true if the panel has now another size than before. On the event thread. */
  boolean show(BufferedImage shown, List<LabelClass> colored) {
    picture = shown;
    classes = colored;
    int height = shown.getHeight() * zoom() + CAPTION + (classes.isEmpty() ? 0 : CAPTION);
    Dimension size = new Dimension(shown.getWidth() * zoom(), height);
    boolean isOther = !isVisible() || !size.equals(getPreferredSize());
    setPreferredSize(size);
    setMaximumSize(size);
    setVisible(true);
    repaint();
    return isOther;
  }

  private int zoom() {
    return Math.max(1, WIDTH / picture.getWidth());
  }

  @Override
  protected void paintComponent(Graphics graphics) {
    super.paintComponent(graphics);
    Graphics2D g = (Graphics2D) graphics.create();
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setFont(g.getFont().deriveFont(g.getFont().getSize2D() - 1));
    int width = picture.getWidth() * zoom();
    for (int i = 0; i < PARTS.length; i++) {
      g.drawString(PARTS[i], i * width / PARTS.length + 2 * i, CAPTION - 6);
    }
    g.drawImage(picture, 0, CAPTION, width, picture.getHeight() * zoom(), null);
    int x = 0;
    for (LabelClass label : classes) {
      g.setColor(new Color(label.getRgb()));
      g.fillRect(x, getHeight() - SQUARE - 2, SQUARE, SQUARE);
      g.setColor(getForeground());
      g.drawString(label.getName(), x + SQUARE + 4, getHeight() - 3);
      x += SQUARE + 4 + g.getFontMetrics().stringWidth(label.getName()) + 12;
    }
    g.dispose();
  }
}

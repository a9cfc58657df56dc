package org.cristae.fiji.ui;

import java.awt.Dimension;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import javax.swing.JPanel;

/** The newest picture of a training, in whole pixels, so that voxels stay sharp. */
final class PreviewPanel extends JPanel {
  private static final long serialVersionUID = 1L;
  private static final int WIDTH = 820;
  private static final int CAPTION = 18;
  private static final String[] PARTS = {"held out: image", "labels", "the model now"};

  private transient BufferedImage picture;

  PreviewPanel() {
    setVisible(false);
    setToolTipText("The part of your labels that the training does not see; dark grey is unknown");
  }

  /** Shows a picture; true if the panel has now another size than before. On the event thread. */
  boolean show(BufferedImage shown) {
    picture = shown;
    Dimension size = new Dimension(shown.getWidth() * zoom(), shown.getHeight() * zoom() + CAPTION);
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
    g.dispose();
  }
}

package org.cristae.fiji.labels;

import java.awt.image.BufferedImage;
import org.cristae.v1.Box;
import org.cristae.v1.LabelClass;
import org.cristae.v1.PreviewedPart;

/** A preview of one section as a picture to lay over an image: what is no class is transparent. */
public final class PreviewColors {
  private static final int OPAQUE = 0xff;
  private static final int UNSURE = 0xFFFF00;
  private static final int WHITE = 0xFFFFFF;

  private PreviewColors() {}

  /** The colour 0xRRGGBB of a class or mask of a preview; white for background. */
  public static int rgb(PreviewedPart part, int value) {
    for (LabelClass label : part.getClassesList()) {
      if (label.getValue() == value && label.getRgb() != 0) {
        return label.getRgb();
      }
    }
    return value == 0 ? WHITE : ClassColors.rgb(value);
  }

  /** Labels: each class in its colour; the colours of masks that overlap are added. */
  public static BufferedImage labels(PreviewedPart part, Box region) {
    byte[] voxels = part.getVoxels().toByteArray();
    boolean areMasks = part.getTarget().equals("masks");
    int[] colors = new int[256];
    for (int value = 1; value < colors.length; value++) {
      colors[value] = OPAQUE << 24 | rgb(part, value);
    }
    int[] pixels = new int[voxels.length / (int) part.getChannels()];
    for (int i = 0; i < voxels.length; i++) {
      int value = voxels[i] & 0xff;
      if (areMasks && value != 0) {
        int mask = i / pixels.length + 1;
        pixels[i % pixels.length] = added(pixels[i % pixels.length], colors[mask]);
      } else if (!areMasks) {
        pixels[i] = colors[value];
      }
    }
    return picture(pixels, region);
  }

  /** How likely a class is: the likelier, the less transparent. */
  public static BufferedImage probabilities(PreviewedPart part, Box region, int value) {
    return shares(part, region, rgb(part, value));
  }

  /** How unsure the model is; of masks, of the one that it is most unsure of. */
  public static BufferedImage uncertainty(PreviewedPart part, Box region) {
    return shares(part, region, UNSURE);
  }

  private static BufferedImage shares(PreviewedPart part, Box region, int rgb) {
    byte[] voxels = part.getVoxels().toByteArray();
    int[] pixels = new int[voxels.length / (int) part.getChannels()];
    for (int i = 0; i < voxels.length; i++) {
      int at = i % pixels.length;
      int alpha = Math.max(pixels[at] >>> 24, voxels[i] & 0xff);
      pixels[at] = alpha << 24 | rgb;
    }
    return picture(pixels, region);
  }

  private static int added(int one, int other) {
    int sum = OPAQUE << 24;
    for (int shift = 0; shift <= 16; shift += 8) {
      sum |= Math.min(0xff, (one >> shift & 0xff) + (other >> shift & 0xff)) << shift;
    }
    return sum;
  }

  private static BufferedImage picture(int[] pixels, Box region) {
    int width = (int) (region.getXStop() - region.getXStart());
    int height = (int) (region.getYStop() - region.getYStart());
    BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_ARGB);
    picture.setRGB(0, 0, width, height, pixels, 0, width);
    return picture;
  }
}

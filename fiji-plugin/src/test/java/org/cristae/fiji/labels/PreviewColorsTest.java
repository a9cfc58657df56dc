package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.ByteString;
import java.awt.image.BufferedImage;
import org.cristae.v1.Box;
import org.cristae.v1.LabelClass;
import org.cristae.v1.PreviewedPart;
import org.junit.jupiter.api.Test;

/** The colours of a preview: classes, masks that overlap, and how sure the model is. */
class PreviewColorsTest {
  private static final Box ROW =
      Box.newBuilder().setZStop(1).setYStop(1).setXStart(4).setXStop(7).build();

  private static PreviewedPart part(String target, int... voxels) {
    byte[] bytes = new byte[voxels.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) voxels[i];
    }
    return PreviewedPart.newBuilder()
        .setTarget(target)
        .setChannels(voxels.length / 3)
        .setVoxels(ByteString.copyFrom(bytes))
        .addClasses(LabelClass.newBuilder().setValue(1).setName("own").setRgb(0x102030))
        .addClasses(LabelClass.newBuilder().setValue(2).setName("other").setRgb(0xF00010))
        .build();
  }

  private static void row(BufferedImage picture, int... expected) {
    assertEquals(3, picture.getWidth());
    for (int x = 0; x < 3; x++) {
      assertEquals(Integer.toHexString(expected[x]), Integer.toHexString(picture.getRGB(x, 0)));
    }
  }

  @Test
  void classesHaveTheirColoursAndBackgroundIsTransparent() {
    row(PreviewColors.labels(part("classes", 2, 0, 1), ROW), 0xFFF00010, 0, 0xFF102030);
  }

  @Test
  void theColoursOfMasksThatOverlapAreAdded() {
    PreviewedPart masks = part("masks", 255, 255, 0, 0, 255, 0);
    row(PreviewColors.labels(masks, ROW), 0xFF102030, 0xFFFF2040, 0);
  }

  @Test
  void theSurerTheLessTransparent() {
    row(
        PreviewColors.probabilities(part("classes", 0, 128, 255), ROW, 1),
        0x00102030,
        0x80102030,
        0xFF102030);
    row(
        PreviewColors.probabilities(part("classes", 0, 0, 9), ROW, 0),
        0xFFFFFF,
        0xFFFFFF,
        0x09FFFFFF);
    PreviewedPart masks = part("masks", 1, 200, 3, 100, 2, 3);
    row(PreviewColors.uncertainty(masks, ROW), 0x64FFFF00, 0xC8FFFF00, 0x03FFFF00);
  }
}

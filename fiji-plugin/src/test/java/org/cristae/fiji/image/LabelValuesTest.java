package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.plugin.filter.ImageMath;
import ij.process.FloatProcessor;
import ij.process.ImageConverter;
import ij.process.ImageProcessor;
import ij.process.ShortProcessor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.CristaeException;
import org.junit.jupiter.api.Test;

/** Values that no label can have are refused with a way out that works. */
class LabelValuesTest {
  private static FloatBuffer read(ImagePlus image) throws CristaeException {
    ImageVolume labels = ImageVolume.labels(image, null, Collections.emptyList());
    byte[] bytes = labels.read(BlockGrid.of(labels.spec()).block(0));
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
  }

  private static String refusal(ImagePlus image) {
    return assertThrows(CristaeException.class, () -> read(image)).getMessage();
  }

  @Test
  void whatIsShownAsLabelsIsRefusedInTheSameWords() throws Exception {
    ImagePlus image = IJ.createImage("half.tif", "32-bit black", 3, 2, 4);
    image.getStack().getProcessor(3).setf(4, 16_777_216);
    ImageVolume.checkLabels(image);
    image.getStack().getProcessor(3).setf(5, 1.5f);
    CristaeException refused =
        assertThrows(CristaeException.class, () -> ImageVolume.checkLabels(image));
    assertTrue(
        refused.getMessage().contains("contain 1.5 in plane 3; labels are whole numbers"),
        refused.getMessage());
  }

  /** Does what the sentence says, and looks at what arrives. */
  private static void assertWayOut(String sentence, ImageProcessor values) throws Exception {
    Matcher code = Pattern.compile("code \"(.*?)\"").matcher(sentence);
    assertTrue(code.find() && sentence.endsWith("65535 as the unknown value."), sentence);
    ImageMath.applyMacro(values, code.group(1), false);
    FloatBuffer in = read(new ImagePlus("labels.tif", values));
    assertEquals(0, in.get());
    assertEquals(2, in.get());
    assertEquals(65535, in.get());
  }

  @Test
  void minusOneAndNanBecomeTheUnknownValueAsTheSentenceSays() throws Exception {
    for (float odd : new float[] {-1, Float.NaN}) {
      FloatProcessor values = new FloatProcessor(3, 1, new float[] {0, 2, odd});
      String sentence = refusal(new ImagePlus("labels.tif", values));
      assertTrue(sentence.contains(odd == -1 ? "contain -1 in plane 1" : "NaN"), sentence);
      assertWayOut(sentence, values);
    }
  }

  @Test
  void soDoesMinusOneOfSignedNumbers() throws Exception {
    short[] stored = {(short) 32768, (short) 32770, 32767}; // 0, 2, -1
    ImagePlus image = new ImagePlus("labels.tif", new ShortProcessor(3, 1, stored, null));
    image.getCalibration().setSigned16BitCalibration();
    String sentence = refusal(image);
    assertTrue(sentence.contains("Image > Type > 32-bit, then Process"), sentence);
    new ImageConverter(image).convertToGray32(); // the menu entry
    assertWayOut(sentence, image.getProcessor());
  }

  @Test
  void fractionsNeedAThreshold() {
    FloatProcessor values = new FloatProcessor(3, 1, new float[] {0, 0.5f, 1});
    String sentence = refusal(new ImagePlus("labels.tif", values));
    assertTrue(sentence.contains("contain 0.5 in plane 1"), sentence);
    assertTrue(
        sentence.endsWith("Probabilities need a threshold first: Image > Adjust > Threshold."));
  }
}

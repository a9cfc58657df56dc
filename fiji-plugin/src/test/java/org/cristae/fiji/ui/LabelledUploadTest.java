package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.cristae.v1.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Why labels have another shape than the image. */
class LabelledUploadTest {
  private static Shape shape(String text) {
    String[] zyx = text.split(" ");
    return Shape.newBuilder()
        .setZ(Long.parseLong(zyx[0]))
        .setY(Long.parseLong(zyx[1]))
        .setX(Long.parseLong(zyx[2]))
        .build();
  }

  @ParameterizedTest
  @CsvSource({
    "2 64 64, 8 64 64, The image lacks slices",
    "8 64 64, 2 64 64, The labels lack slices",
    "8 48 64, 2 48 64, The labels lack slices",
    "8 48 64, 8 64 48, One of them is turned",
    "8 48 64, 8 24 32, They must be of the same size"
  })
  void theShapesTellWhatLikelyHappened(String image, String labels, String reason) {
    String told = LabelledUpload.likelyReason(shape(image), shape(labels));
    assertTrue(told.startsWith(reason), told);
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;
import org.cristae.v1.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How large a result will be is known before anything is sent. */
class SegmentationTest {
  @ParameterizedTest
  @CsvSource({
    "classes, labels, 1",
    "classes, uncertainty, 1",
    "classes, probabilities, 3",
    "masks, labels, 3",
    "masks, uncertainty, 3",
    "instances, instances, 1"
  })
  void aResultHasTheSizeOfTheImageAndTheChannelsOfTheModel(
      String target, String output, int channels) {
    Model.Builder model = Model.newBuilder().setTarget(target);
    for (int i = 0; i < 3; i++) {
      model.addClasses(LabelClass.getDefaultInstance());
    }
    Shape image = Shape.newBuilder().setC(2).setZ(5).setY(7).setX(9).build();
    Shape result = Segmentation.resultShape(image, model.build(), output);
    assertEquals(image.toBuilder().setC(channels).build(), result);
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.cristae.fiji.client.CristaeException;
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

  @ParameterizedTest
  @CsvSource({
    "auto, Segmenting raw.tif with mito + er", // the model tells it
    "uncertainty, Segmenting raw.tif with mito + er (uncertainty)"
  })
  void itsTitleSaysWhatItMakes(String output, String title) throws CristaeException {
    Choices choices = Segmentation.choices().put(ModelOnServerImage.KEY, "raw.tif");
    choices.put("model", "mito").put("more-models", "er").put("output", output);
    assertEquals(title, Segmentation.prepare(choices).title());
  }

  @ParameterizedTest
  @CsvSource({
    "1024, 1024, true",
    "512, 1024, true",
    "64, 257, true", // the last voxel stands for one more
    "65, 257, true", // the last voxel stands for one only
    "1000, 1024, false", // cropped
    "101, 200, false",
    "60, 48, false", // larger
    "1, 1, true"
  })
  void aMaskLiesOnTheGridOfItsImageOrOneCoarserByWholeNumbers(int side, int whole, boolean fits)
      throws CristaeException {
    Shape image = Shape.newBuilder().setC(1).setZ(5).setY(7).setX(whole).build();
    Shape mask = image.toBuilder().setX(side).build();
    if (fits) {
      Segmentation.checkMask(mask, image);
    } else {
      assertThrows(CristaeException.class, () -> Segmentation.checkMask(mask, image));
    }
  }
}

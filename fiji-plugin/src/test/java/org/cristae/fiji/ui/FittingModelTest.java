package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.ImagePlus;
import ij.process.ByteProcessor;
import java.util.Arrays;
import java.util.List;
import org.cristae.v1.Model;
import org.cristae.v1.VoxelSize;
import org.junit.jupiter.api.Test;

/** Which model a dialog proposes. */
class FittingModelTest {
  private static final List<Model> MODELS =
      Arrays.asList(model("light", 3, 200), model("fine", 1, 4), model("coarse", 1, 30));

  private static Model model(String name, int channels, double nm) {
    VoxelSize size = VoxelSize.newBuilder().setZNm(nm).setYNm(nm).setXNm(nm).build();
    return Model.newBuilder().setName(name).setChannels(channels).setVoxelSize(size).build();
  }

  private static ImagePlus image(double nm) {
    ImagePlus image = new ImagePlus("image.tif", new ByteProcessor(4, 3));
    image.getCalibration().setUnit("nm");
    image.getCalibration().pixelWidth = nm;
    image.getCalibration().pixelHeight = nm;
    image.getCalibration().pixelDepth = nm;
    return image;
  }

  private static String proposed(String last, ImagePlus image) {
    return FittingModel.put(Segmentation.choices().put("model", last), MODELS, image)
        .get("model", "");
  }

  @Test
  void theLastModelIsProposedWhereItFitsElseTheNewestThatDoes() {
    assertEquals("fine", proposed("fine", image(5)));
    assertEquals("coarse", proposed("fine", image(25)));
    assertEquals("fine", proposed("", image(8)));
    assertEquals("fine", proposed("light", new ImagePlus("plain.tif", new ByteProcessor(4, 3))));
  }

  @Test
  void whereNoneFitsTheChoiceStaysAsItWas() {
    assertEquals("light", proposed("light", image(1e6)));
    assertEquals("", proposed("", image(1e6)));
    assertEquals("coarse", proposed("coarse", null));
  }
}

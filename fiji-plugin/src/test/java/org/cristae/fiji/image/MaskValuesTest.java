package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.CristaeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A mask has two values, and what is none is told before it is sent. */
class MaskValuesTest {
  private static void readAll(ImagePlus labels, long unknown) throws CristaeException {
    ImageVolume volume = ImageVolume.masks(labels, null, unknown);
    BlockGrid grid = BlockGrid.of(volume.spec());
    for (int block = 0; block < grid.blockCount(); block++) {
      volume.read(grid.block(block));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 16, 32})
  void eachChannelMayHaveAValueOfItsOwnAndTheUnknownOne(int bits) throws Exception {
    ImagePlus labels = IJ.createHyperStack("m.tif", 8, 6, 2, 3, 1, bits);
    labels.getStack().getProcessor(1).setf(5, 200);
    labels.getStack().getProcessor(2).setf(5, 1);
    labels.getStack().getProcessor(6).setf(7, 255);
    readAll(labels, 255);
    CristaeException failure = assertThrows(CristaeException.class, () -> readAll(labels, 0));
    assertTrue(
        failure.getMessage().contains("values 1 and 255 in channel 2"), failure.getMessage());
  }

  @Test
  void aLabelImageOfClassesIsToldWhatToDo() {
    ImagePlus labels = IJ.createImage("classes.tif", "16-bit black", 8, 6, 2);
    labels.getStack().getProcessor(1).set(3, 4000);
    labels.getStack().getProcessor(2).set(3, 2);
    CristaeException failure = assertThrows(CristaeException.class, () -> readAll(labels, 0));
    assertTrue(failure.getMessage().contains("values 2 and 4000 in one channel"));
    assertTrue(failure.getMessage().contains("task semantic"));
  }

  @Test
  void otherTasksTakeOneChannel() {
    ImagePlus labels = IJ.createHyperStack("m.tif", 8, 6, 2, 3, 1, 8);
    CristaeException failure =
        assertThrows(
            CristaeException.class,
            () -> ImageVolume.labels(labels, null, java.util.Collections.emptyList()));
    assertTrue(failure.getMessage().contains("labels have one. Choose one with Image > Duplicate"));
    CristaeException ofTask =
        assertThrows(
            CristaeException.class,
            () ->
                ImageVolume.labels(
                    labels, null, java.util.Collections.emptyList(), "the target masks"));
    assertTrue(
        ofTask
            .getMessage()
            .contains("If each is a mask, choose the target masks. Else choose one with Image"));
  }
}

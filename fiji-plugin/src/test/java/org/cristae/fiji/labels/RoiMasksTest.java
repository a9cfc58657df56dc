package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import java.util.Collections;
import org.cristae.fiji.client.CristaeException;
import org.junit.jupiter.api.Test;

/** ROIs as masks: those that overlap all count. */
class RoiMasksTest {
  private final ImagePlus source = IJ.createImage("stack.tif", "8-bit black", 20, 20, 3);

  private static Roi roi(int x, int y, int size, String name, int position) {
    Roi roi = new Roi(x, y, size, size);
    roi.setName(name);
    roi.setPosition(position);
    return roi;
  }

  private static RoiLabels masks(ImagePlus source, Roi... rois) throws CristaeException {
    return RoiLabels.draw(source, rois, "masks", Collections.emptyList());
  }

  /** The masks of a voxel, x and y the same, in the order of the channels. */
  private static int[] at(RoiLabels labels, int z, int xy) {
    ImagePlus image = labels.image();
    int[] values = new int[image.getNChannels()];
    for (int c = 0; c < values.length; c++) {
      int plane = image.getStackIndex(c + 1, z, 1);
      values[c] = image.getStack().getProcessor(plane).getPixel(xy, xy);
    }
    return values;
  }

  @Test
  void roisOfDifferentNamesThatOverlapAllCount() throws Exception {
    RoiLabels labels =
        masks(source, roi(0, 0, 12, "cell-1", 1), roi(2, 2, 4, "mito-1", 1), roi(1, 1, 2, "er", 3));
    assertEquals("cell", labels.classes().get(0).getName());
    assertEquals("er", labels.classes().get(2).getName());
    assertArrayEquals(new int[] {20, 20, 3, 3, 1}, labels.image().getDimensions());
    assertArrayEquals(new int[] {1, 1, 0}, at(labels, 1, 3));
    assertArrayEquals(new int[] {1, 0, 0}, at(labels, 1, 9));
    assertArrayEquals(new int[] {0, 0, 1}, at(labels, 3, 1));
  }

  @Test
  void aSliceWithRoisWasLookedThroughAndOneWithoutIsUnknown() throws Exception {
    RoiLabels labels =
        masks(
            source, roi(0, 0, 4, "mito", 1), roi(0, 0, 4, "er", 1), roi(9, 9, 2, "Background", 3));
    int unknown = RoiLabels.UNKNOWN;
    assertArrayEquals(new int[] {0, 0}, at(labels, 1, 15));
    assertArrayEquals(new int[] {unknown, unknown}, at(labels, 2, 15));
    assertArrayEquals(new int[] {0, 0}, at(labels, 3, 15));
  }

  @Test
  void backgroundCutsAHoleIntoWhatWasDrawnBefore() throws Exception {
    RoiLabels labels =
        masks(
            source,
            roi(0, 0, 12, "cell", 1),
            roi(2, 2, 8, "background", 1),
            roi(4, 4, 2, "mito", 1));
    assertArrayEquals(new int[] {1, 0}, at(labels, 1, 1));
    assertArrayEquals(new int[] {0, 0}, at(labels, 1, 3));
    assertArrayEquals(new int[] {0, 1}, at(labels, 1, 5));
  }

  @Test
  void masksOfATimeSeriesOfSlicesKeepItsFrames() throws Exception {
    ImagePlus series = IJ.createHyperStack("t", 20, 20, 1, 1, 4, 8);
    RoiLabels labels = masks(series, roi(0, 0, 4, "mito", 2), roi(0, 0, 4, "er", 2));
    assertArrayEquals(new int[] {20, 20, 2, 1, 4}, labels.image().getDimensions());
    assertEquals(1, labels.image().getStack().getProcessor(4).getPixel(1, 1));
  }

  @Test
  void backgroundAloneIsNothingToFind() {
    CristaeException failure =
        assertThrows(CristaeException.class, () -> masks(source, roi(0, 0, 4, "background", 1)));
    assertTrue(failure.getMessage().contains("All ROIs are background"));
  }
}

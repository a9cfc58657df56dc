package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.CompositeImage;
import ij.IJ;
import ij.ImagePlus;
import ij.process.LUT;
import java.util.ArrayList;
import java.util.List;
import org.cristae.v1.LabelClass;
import org.junit.jupiter.api.Test;

/** Masks are seen over each other, each in its colour and under its name. */
class MaskChannelsTest {
  private static List<LabelClass> masks(int count) {
    List<LabelClass> masks = new ArrayList<>();
    for (int value = 1; value <= count; value++) {
      masks.add(LabelClass.newBuilder().setValue(value).setName("mask " + value).build());
    }
    return masks;
  }

  @Test
  void everyChannelHasItsNameAndItsColourAndBothAreSeen() throws Exception {
    List<LabelClass> masks = masks(2);
    masks.set(1, masks.get(1).toBuilder().setName("crista").setRgb(0x0000ff).build());
    ImagePlus image = IJ.createHyperStack("a-b.tif", 8, 6, 2, 3, 1, 8);
    image.getCalibration().setUnit("nm");
    image.setPosition(1, 3, 1);
    ImagePlus shown = MaskChannels.show(image, masks);
    assertEquals("a-b.tif", shown.getTitle());
    assertEquals("nm", shown.getCalibration().getUnit());
    assertArrayEquals(new int[] {8, 6, 2, 3, 1}, shown.getDimensions());
    assertEquals(3, shown.getZ());
    assertEquals(CompositeImage.COMPOSITE, shown.getDisplayMode());
    for (int z = 1; z <= 3; z++) {
      assertEquals("mask 1", shown.getStack().getSliceLabel(shown.getStackIndex(1, z, 1)));
      assertEquals("crista", shown.getStack().getSliceLabel(shown.getStackIndex(2, z, 1)));
    }
    LUT[] tables = shown.getLuts();
    assertEquals(ClassColors.rgb(1), tables[0].getRGB(255) & 0xffffff);
    assertEquals(0x0000ff, tables[1].getRGB(255) & 0xffffff);
    assertEquals(0, tables[1].getRGB(0) & 0xffffff);
    assertEquals(255, tables[1].max);
  }

  @Test
  void aSingleMaskIsAStackInItsColour() throws Exception {
    ImagePlus shown = MaskChannels.show(IJ.createImage("a", "8-bit black", 8, 6, 2), masks(1));
    assertEquals("mask 1", shown.getStack().getSliceLabel(2));
    assertEquals(ClassColors.rgb(1), shown.getProcessor().getLut().getRGB(255) & 0xffffff);
    assertEquals(255, shown.getDisplayRangeMax());
  }

  @Test
  void moreMasksThanImageJShowsOverEachOtherAreShownOneByOne() throws Exception {
    ImagePlus image = IJ.createHyperStack("a", 8, 6, 12, 2, 1, 8);
    ImagePlus shown = MaskChannels.show(image, masks(12));
    assertEquals(CompositeImage.COLOR, shown.getDisplayMode());
    assertEquals("mask 12", shown.getStack().getSliceLabel(24));
  }
}

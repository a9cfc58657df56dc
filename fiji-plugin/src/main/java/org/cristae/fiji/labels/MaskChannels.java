package org.cristae.fiji.labels;

import ij.CompositeImage;
import ij.ImagePlus;
import ij.process.LUT;
import java.awt.Color;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.LabelClass;

/** Masks that may overlap, one in each channel of a hyperstack, shown over each other. */
public final class MaskChannels {
  private MaskChannels() {}

  /**
   * Colours and names the channels; the voxels stay as they are.
   *
   * @param image from 0 to 255; not shown yet, since a composite image is another object
   * @param masks names and colours in the order of the channels, as many as there are
   * @return the image to show instead, in which the colours of masks that overlap are added
   * @throws CristaeException if the image is a time series of stacks
   */
  public static ImagePlus show(ImagePlus image, List<LabelClass> masks) throws CristaeException {
    PlaneOrder order = PlaneOrder.of(image);
    LUT[] tables = new LUT[order.channels()];
    for (int channel = 0; channel < tables.length; channel++) {
      LabelClass mask = masks.get(channel);
      for (int z = 0; z < order.sections(); z++) {
        image.getStack().setSliceLabel(mask.getName(), order.plane(channel, z));
      }
      int rgb = mask.getRgb() == 0 ? ClassColors.rgb(channel + 1) : mask.getRgb();
      tables[channel] = LUT.createLutFromColor(new Color(rgb));
      tables[channel].min = 0;
      tables[channel].max = 255;
    }
    if (tables.length == 1) {
      image.setLut(tables[0]);
      image.setDisplayRange(0, 255);
      return image;
    }
    CompositeImage composite = new CompositeImage(image, CompositeImage.COMPOSITE);
    composite.setLuts(tables);
    composite.setOpenAsHyperStack(true);
    composite.setPosition(1, order.currentSection(image) + 1, 1);
    return composite;
  }
}

package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.process.LUT;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/** Makes room for greater ids: 8 bits hold 255, 16 bits 65,535, 32-bit float 16,777,216. */
public final class LabelType {
  private LabelType() {}

  /**
   * Makes sure that an image can hold an id, at all.
   *
   * @throws CristaeException if even 32 bits do not hold it exactly
   */
  public static void check(ImagePlus image, long id) throws CristaeException {
    if (id > ReceivedVolume.MAX_EXACT_LABEL) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "\""
              + image.getTitle()
              + "\" has no number left for a new object: ImageJ holds ids up to 16,777,216 exactly."
              + " Number the objects anew, with MorphoLibJ > Label Images > Remap Labels.");
    }
  }

  /**
   * Gives an image the smallest type of ImageJ that holds its voxels and {@code id}; colours,
   * calibration, position and selections stay.
   *
   * @return the bits that it has now; 0 if it had them before
   * @throws CristaeException if no type holds it
   */
  public static int widen(ImagePlus image, int id) throws CristaeException {
    check(image, id);
    int bits = id > 65_535 ? 32 : id > 255 ? 16 : 8;
    if (bits <= image.getBitDepth()) {
      return 0;
    }
    ImageStack before = image.getStack();
    ImageStack after = new ImageStack(image.getWidth(), image.getHeight());
    for (int number = 1; number <= before.getSize(); number++) {
      after.addSlice(before.getSliceLabel(number), widened(before.getPixels(number), bits));
    }
    Roi selection = image.getRoi();
    Overlay overlay = image.getOverlay();
    LUT colours = image.getProcessor().getLut();
    double min = image.getDisplayRangeMin();
    double max = image.getDisplayRangeMax();
    image.setStack(after);
    image.setLut(colours);
    image.setDisplayRange(min, max);
    image.setOverlay(overlay);
    image.setRoi(selection, false);
    return bits;
  }

  private static Object widened(Object plane, int bits) {
    int size = java.lang.reflect.Array.getLength(plane);
    Object wide = bits == 16 ? new short[size] : (Object) new float[size];
    for (int i = 0; i < size; i++) {
      ObjectImage.put(wide, i, ObjectImage.id(plane, i));
    }
    return wide;
  }
}

package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.VirtualStack;
import ij.measure.Calibration;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.Box;

/** One object in its bounding box: 1 inside, 0 outside. Planes are made when they are read. */
public final class ObjectMask extends VirtualStack {
  private final ObjectImage objects;
  private final int id;
  private final Box box;

  private ObjectMask(ObjectImage objects, int id, Box box) {
    super(
        (int) (box.getXStop() - box.getXStart()),
        (int) (box.getYStop() - box.getYStart()),
        (int) (box.getZStop() - box.getZStart()));
    this.objects = objects;
    this.id = id;
    this.box = box;
    setBitDepth(8);
  }

  /** An object as an image of its own, with its voxel size; not to be shown. */
  public static ImagePlus of(ObjectImage objects, int id, Box box) {
    ObjectMask mask = new ObjectMask(objects, id, box);
    ImagePlus image = new ImagePlus(objects.image().getTitle(), mask);
    image.setDimensions(1, mask.getSize(), 1);
    Calibration calibration = objects.image().getCalibration().copy();
    calibration.disableDensityCalibration();
    image.setCalibration(calibration);
    return image;
  }

  @Override
  public ImageProcessor getProcessor(int number) {
    int width = getWidth();
    byte[] mask = new byte[width * getHeight()];
    try {
      Object plane = objects.plane((int) box.getZStart() + number - 1);
      for (int y = 0; y < getHeight(); y++) {
        int row = (int) ((box.getYStart() + y) * objects.image().getWidth() + box.getXStart());
        for (int x = 0; x < width; x++) {
          mask[y * width + x] = (byte) (ObjectImage.id(plane, row + x) == id ? 1 : 0);
        }
      }
    } catch (CristaeException e) {
      throw new IllegalArgumentException(e); // as of a stack that lost its slices
    }
    return new ByteProcessor(width, getHeight(), mask);
  }

  @Override
  public Object getPixels(int number) {
    return getProcessor(number).getPixels();
  }

  @Override
  public String getSliceLabel(int number) {
    return null;
  }
}

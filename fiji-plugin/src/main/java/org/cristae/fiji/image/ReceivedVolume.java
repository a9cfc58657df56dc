package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageProcessor;
import ij.process.ShortProcessor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.BlockSink;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.DataType;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.VolumeSpec;

/**
 * A volume that comes from the server, kept in the smallest ImageJ type that holds it exactly:
 * 8-bit to 255, 16-bit to 65,535, 32-bit float to 16,777,216. It starts small and widens when a
 * greater value arrives; values are never cut.
 */
public final class ReceivedVolume implements BlockSink {
  /** Whole numbers up to here are exact in single precision. */
  public static final long MAX_EXACT_LABEL = 1 << 24;

  /** What can be done with a result that ImageJ cannot hold. */
  static final String WHERE =
      "It stays on the server, whole: `cristae volumes` lists it, and its Zarr folder is in `volumes`"
          + " of the server's home.";

  private final VolumeSpec spec;
  private final int width;
  private final int height;
  private final int sections;
  private final Object[] planes;
  private int bitDepth;
  private long maximum;

  /**
   * An empty volume to be filled.
   *
   * @throws CristaeException if ImageJ can never hold it
   */
  public ReceivedVolume(VolumeSpec spec) throws CristaeException {
    this.spec = spec;
    this.width = (int) spec.getShape().getX();
    this.height = (int) spec.getShape().getY();
    this.sections = (int) spec.getShape().getZ();
    this.planes = new Object[(int) (spec.getShape().getC() * sections)];
    this.bitDepth = spec.getDataType() == DataType.DATA_TYPE_FLOAT32 ? 32 : 8;
    double bytes = (double) planes.length * width * height * bitDepth / 8;
    if (bytes > Runtime.getRuntime().maxMemory()) {
      throw tooLarge();
    }
  }

  private CristaeException tooLarge() {
    return new CristaeException(
        ErrorCode.ERROR_CODE_OUT_OF_MEMORY,
        ResultRoom.doesNotFit(spec.getShape(), Runtime.getRuntime().maxMemory(), "may use")
            + "Give it more in Edit > Options > Memory & Threads, restart it, and open the result with"
            + " Plugins > Cristae > Cristae Jobs. "
            + WHERE);
  }

  /** What it is, without its voxels. */
  public VolumeSpec spec() {
    return spec;
  }

  /** The greatest label that arrived; 0 for floating-point volumes. */
  public long maximum() {
    return maximum;
  }

  /** The bits of a voxel in ImageJ: 8, 16 or 32. */
  public int bitDepth() {
    return bitDepth;
  }

  @Override
  public void write(BlockGrid.Block block, byte[] voxels) throws CristaeException {
    try {
      fill(block, voxels);
    } catch (OutOfMemoryError e) {
      throw tooLarge();
    }
  }

  private void fill(BlockGrid.Block block, byte[] voxels) throws CristaeException {
    ByteBuffer in = ByteBuffer.wrap(voxels).order(ByteOrder.LITTLE_ENDIAN);
    if (spec.getDataType() != DataType.DATA_TYPE_FLOAT32) {
      widenFor(in);
    }
    for (int z = 0; z < block.depth; z++) {
      int number = block.c * sections + block.z + z;
      if (planes[number] == null) {
        planes[number] = empty(bitDepth);
      }
      for (int y = 0; y < block.height; y++) {
        int start = (block.y + y) * width + block.x;
        for (int x = 0; x < block.width; x++) {
          put(planes[number], start + x, in);
        }
      }
    }
  }

  private void put(Object plane, int index, ByteBuffer in) {
    if (spec.getDataType() == DataType.DATA_TYPE_FLOAT32) {
      ((float[]) plane)[index] = in.getFloat();
      return;
    }
    long value = next(in);
    if (plane instanceof byte[]) {
      ((byte[]) plane)[index] = (byte) value;
    } else if (plane instanceof short[]) {
      ((short[]) plane)[index] = (short) value;
    } else {
      ((float[]) plane)[index] = value;
    }
  }

  private long next(ByteBuffer in) {
    switch (spec.getDataType()) {
      case DATA_TYPE_UINT8:
        return in.get() & 0xff;
      case DATA_TYPE_UINT16:
        return in.getShort() & 0xffff;
      default:
        return in.getInt() & 0xffffffffL;
    }
  }

  private void widenFor(ByteBuffer in) throws CristaeException {
    while (in.hasRemaining()) {
      maximum = Math.max(maximum, next(in));
    }
    in.rewind();
    if (maximum > MAX_EXACT_LABEL) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "The result has "
              + String.format(java.util.Locale.ROOT, "%,d", maximum)
              + " labels; ImageJ shows at most 16,777,216 exactly. "
              + WHERE);
    }
    int needed = maximum > 65535 ? 32 : maximum > 255 ? 16 : 8;
    if (needed > bitDepth) {
      bitDepth = needed;
      for (int i = 0; i < planes.length; i++) {
        planes[i] = planes[i] == null ? null : widened(planes[i]);
      }
    }
  }

  private Object widened(Object plane) {
    Object wide = empty(bitDepth);
    for (int i = 0; i < width * height; i++) {
      int value =
          plane instanceof byte[] ? ((byte[]) plane)[i] & 0xff : ((short[]) plane)[i] & 0xffff;
      if (wide instanceof short[]) {
        ((short[]) wide)[i] = (short) value;
      } else {
        ((float[]) wide)[i] = value;
      }
    }
    return wide;
  }

  private Object empty(int bits) {
    int size = width * height;
    return bits == 8 ? new byte[size] : bits == 16 ? new short[size] : (Object) new float[size];
  }

  /**
   * The volume as an image, not yet shown. It takes over the pixels: call it once.
   *
   * @param title its title
   * @param source the image that it was made from, whose calibration, slices or frames, names of
   *     sections and position it gets; null if that is not open any more: then the volume's own
   *     voxel size is taken
   */
  public ImagePlus toImage(String title, ImagePlus source) throws CristaeException {
    return shaped(spec, toStack(), title, source);
  }

  /** The planes as a stack, which takes over the pixels. */
  ImageStack toStack() {
    int channels = (int) spec.getShape().getC();
    ImageStack stack = new ImageStack(width, height);
    for (int z = 0; z < sections; z++) {
      for (int c = 0; c < channels; c++) {
        stack.addSlice(null, planes[c * sections + z]);
      }
    }
    return stack;
  }

  /** A copy of the voxels of a section of the first channel, from 0; it must have arrived. */
  ImageProcessor copy(int section) {
    Object plane = planes[section];
    return plane instanceof byte[]
        ? new ByteProcessor(width, height, ((byte[]) plane).clone())
        : plane instanceof short[]
            ? new ShortProcessor(width, height, ((short[]) plane).clone(), null)
            : new FloatProcessor(width, height, ((float[]) plane).clone());
  }

  /**
   * The planes of a volume, a section's channels behind each other, as an image; see {@link
   * #toImage}.
   */
  static ImagePlus shaped(VolumeSpec spec, ImageStack stack, String title, ImagePlus source)
      throws CristaeException {
    int channels = (int) spec.getShape().getC();
    int sections = (int) spec.getShape().getZ();
    if (source != null && channels == 1) {
      nameSections(stack, source);
    }
    ImagePlus image = new ImagePlus(title, stack);
    if (source != null && channels == 1) {
      PlaneOrder.of(source).withChannels(1).shape(image);
    } else {
      image.setDimensions(channels, sections, 1);
      image.setOpenAsHyperStack(channels > 1);
    }
    if (source != null) {
      ij.measure.Calibration calibration = source.getCalibration().copy();
      calibration.disableDensityCalibration();
      image.setCalibration(calibration);
      image.setPosition(1, source.getZ(), source.getT());
    } else if (spec.hasVoxelSize()) {
      image.setCalibration(VoxelSizes.calibration(spec.getVoxelSize()));
    }
    return image;
  }

  /** Names sections as those of the image that they were made from are, such as by their files. */
  private static void nameSections(ImageStack stack, ImagePlus source) throws CristaeException {
    PlaneOrder order = PlaneOrder.of(source);
    for (int z = 0; z < Math.min(stack.getSize(), order.sections()); z++) {
      String label = source.getStack().getSliceLabel(order.plane(0, z));
      if (label != null) { // behind its first line some formats leave all that they tell
        stack.setSliceLabel(label.split("\n", 2)[0], z + 1);
      }
    }
  }
}

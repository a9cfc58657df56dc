package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.io.FileInfo;
import ij.plugin.FileInfoVirtualStack;
import ij.process.ImageProcessor;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.BlockSource;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.DataType;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VoxelSize;

/**
 * An ImageJ image as a volume in the order c, z, y, x. Planes are read one by one when they are
 * needed, from virtual stacks too; at most 64 MiB or one plane are kept. The image is never
 * changed.
 */
public final class ImageVolume implements BlockSource {
  private static final int MAX_NAME_LENGTH = 120;

  /** So much of the end of a longer title is kept: titles often differ there only. */
  private static final int END_LENGTH = 40;

  private static final String LEFT_OUT = "...";

  /** So many channels are more often slices that another program saved without a word. */
  private static final int FEWEST_DOUBTED_CHANNELS = 5;

  private static final String SENT =
      "was closed, or lost slices, before all of it was sent. Leave it open until the job has"
          + " started, and begin again.";
  private static final String LOOKED_AT =
      "was changed or closed while it was looked at. If it is still open, look again.";

  private final String title;
  private final ImageStack stack;
  private final PlaneOrder order;
  private final VolumeSpec spec;
  private final BlockGrid grid;
  private final File file;
  private final boolean nanAllowed;

  /** ImageJ keeps signed 16-bit numbers as unsigned ones, 32,768 too great, with a calibration. */
  private final boolean isSigned;

  /** Only of masks. */
  private MaskValues maskValues;

  private final Object[] slab;
  private int slabChannel = -1;
  private int slabSection = -1;

  /**
   * A title as the name of a volume: without control characters, of a long one beginning and end.
   */
  static String name(String title) {
    int[] points = title.codePoints().map(c -> Character.isISOControl(c) ? ' ' : c).toArray();
    if (points.length <= MAX_NAME_LENGTH) {
      return new String(points, 0, points.length);
    }
    int begin = MAX_NAME_LENGTH - LEFT_OUT.length() - END_LENGTH;
    String end = new String(points, points.length - END_LENGTH, END_LENGTH);
    return new String(points, 0, begin) + LEFT_OUT + end;
  }

  private ImageVolume(
      ImagePlus image, VoxelSize voxelSize, List<LabelClass> classes, boolean nanAllowed)
      throws CristaeException {
    this.title = image.getTitle();
    this.order = PlaneOrder.of(image);
    this.stack = image.getStack();
    this.file = file(image);
    this.nanAllowed = nanAllowed;
    this.isSigned = image.getBitDepth() == 16 && image.getCalibration().isSigned16Bit();
    DataType type = isSigned ? DataType.DATA_TYPE_FLOAT32 : type(image, !nanAllowed);
    this.grid =
        BlockGrid.of(order.channels(), order.sections(), image.getHeight(), image.getWidth(), type);
    this.slab = new Object[(int) grid.blockShape().getZ()];
    VolumeSpec.Builder builder =
        VolumeSpec.newBuilder()
            .setShape(grid.shape())
            .setBlockShape(grid.blockShape())
            .setDataType(type)
            .setName(name(title))
            .addAllClasses(classes);
    if (voxelSize != null) {
      builder.setVoxelSize(voxelSize);
    } else {
      VoxelSizes.of(image.getCalibration()).ifPresent(builder::setVoxelSize);
    }
    this.spec = builder.build();
  }

  /**
   * An image to segment or to learn from.
   *
   * @param voxelSize taken instead of the image's calibration; null for the calibration
   * @throws CristaeException if it is an RGB image or a time series of stacks
   */
  public static ImageVolume image(ImagePlus image, VoxelSize voxelSize) throws CristaeException {
    return new ImageVolume(image, voxelSize, java.util.Collections.emptyList(), true);
  }

  /**
   * An image of labels: whole numbers, NaN is refused when it is read.
   *
   * @param classes the class table; may be empty
   * @throws CristaeException if it is an RGB image, has channels or is a time series of stacks
   */
  public static ImageVolume labels(ImagePlus labels, VoxelSize voxelSize, List<LabelClass> classes)
      throws CristaeException {
    return labels(labels, voxelSize, classes, "");
  }

  /**
   * The same where masks could have been chosen.
   *
   * @param masks the choice that takes them, for the sentence: "the task masks"; empty if none does
   */
  public static ImageVolume labels(
      ImagePlus labels, VoxelSize voxelSize, List<LabelClass> classes, String masks)
      throws CristaeException {
    ImageVolume volume = new ImageVolume(labels, voxelSize, classes, false);
    if (volume.order.channels() > 1) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "The labels \""
              + labels.getTitle()
              + "\" have "
              + volume.order.channels()
              + " channels; labels have one. "
              + (masks.isEmpty()
                  ? "Choose"
                  : "If each is a mask, choose " + masks + ". Else choose")
              + " one with Image > Duplicate, or, if these are slices, correct the dimensions in"
              + " Image > Properties.");
    }
    return volume;
  }

  /**
   * An image of labels with a mask in each channel; what is none is refused when it is read.
   *
   * @param unknown the value of voxels that nobody knows; 0 if there are none
   * @throws CristaeException if it is an RGB image or a time series of stacks
   */
  public static ImageVolume masks(ImagePlus labels, VoxelSize voxelSize, long unknown)
      throws CristaeException {
    ImageVolume volume =
        new ImageVolume(labels, voxelSize, java.util.Collections.emptyList(), false);
    volume.maskValues = new MaskValues(volume.title, volume.order.channels(), unknown);
    return volume;
  }

  /**
   * Reads labels that are kept in memory, of those in files the slice that is shown, so that what
   * is none is refused before they are used here. Those of the server are labels.
   *
   * @throws CristaeException if they hold a fraction, NaN or a number below 0
   */
  public static void checkLabels(ImagePlus labels) throws CristaeException {
    if (labels.getBitDepth() == 32 && !(labels.getStack() instanceof DistantStack)) {
      ImageVolume volume = labels(labels, null, java.util.Collections.emptyList());
      boolean isFar = volume.stack.isVirtual();
      int first = isFar ? labels.getCurrentSlice() : 1;
      int last = isFar ? first : volume.stack.getSize();
      for (int number = first; number <= last; number++) {
        volume.plane(number, LOOKED_AT);
      }
    }
  }

  private static DataType type(ImagePlus image, boolean isOfLabels) throws CristaeException {
    switch (image.getBitDepth()) {
      case 8:
        return DataType.DATA_TYPE_UINT8;
      case 16:
        return DataType.DATA_TYPE_UINT16;
      case 32:
        return DataType.DATA_TYPE_FLOAT32;
      default:
        throw new CristaeException(
            ErrorCode.ERROR_CODE_INVALID_INPUT,
            "\""
                + image.getTitle()
                + "\" is an RGB colour image. "
                + (isOfLabels
                    ? "Labels are numbers, one for each class or object, and a conversion would mix the"
                        + " colours up: take the image of numbers, 8-bit or 16-bit, that the program"
                        + " which drew them saves besides the coloured picture."
                    : "Cristae takes 8-bit, 16-bit and 32-bit images: convert it with Image > Type >"
                        + " 8-bit, or split its colours with Image > Color > Make Composite."));
    }
  }

  @Override
  public VolumeSpec spec() {
    return spec;
  }

  /** Which plane is which section. */
  public PlaneOrder order() {
    return order;
  }

  /** What is to be said of the order of its planes; empty if there is nothing strange. */
  public String doubt() {
    if (order.isTimeTakenAsSections()) {
      return "\"" + title + "\" is a time series; its time points are taken as slices.";
    }
    if (order.sections() == 1 && order.channels() >= FEWEST_DOUBTED_CHANNELS) {
      return "\""
          + title
          + "\" has "
          + order.channels()
          + " channels and one slice. If these are slices, say so in Image > Properties, and begin"
          + " again.";
    }
    return "";
  }

  /**
   * True if an image still has the size and the planes that it had here; what is in them may have
   * changed. It can have others if it was cropped or converted, for example.
   */
  public boolean isOf(ImagePlus image) {
    if (image.getWidth() != spec.getShape().getX() || image.getHeight() != spec.getShape().getY()) {
      return false;
    }
    if (image.getStack() == stack) {
      return true; // also one that is just cropped, which loses its planes one by one
    }
    // ImageJ makes a stack anew each time it is asked for that of a single plane.
    ImageProcessor single = image.getStackSize() == 1 ? image.getProcessor() : null;
    return single != null && stack.getSize() == 1 && single.getPixels() == stack.getPixels(1);
  }

  @Override
  public byte[] read(BlockGrid.Block block) throws CristaeException {
    load(block);
    int width = (int) spec.getShape().getX();
    byte[] bytes = new byte[block.bytes()];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int z = 0; z < block.depth; z++) {
      for (int y = 0; y < block.height; y++) {
        int start = (block.y + y) * width + block.x;
        copyRow(slab[z], start, block.width, out);
      }
    }
    return bytes;
  }

  /** Lets go of the planes that were read last: of a virtual stack, they are nowhere else. */
  public void forget() {
    Arrays.fill(slab, null);
    slabChannel = -1;
  }

  /** Puts some values of a plane into bytes, little-endian as they are sent. */
  static void copyRow(Object plane, int start, int count, ByteBuffer out) {
    if (plane instanceof byte[]) {
      out.put((byte[]) plane, start, count);
    } else if (plane instanceof short[]) {
      out.asShortBuffer().put((short[]) plane, start, count);
      out.position(out.position() + 2 * count);
    } else {
      out.asFloatBuffer().put((float[]) plane, start, count);
      out.position(out.position() + 4 * count);
    }
  }

  /** Reads the planes that the block's slab needs, unless they are here. */
  private void load(BlockGrid.Block block) throws CristaeException {
    if (block.c == slabChannel && block.z == slabSection) {
      return;
    }
    slabChannel = -1;
    for (int z = 0; z < block.depth; z++) {
      slab[z] = plane(order.plane(block.c, block.z + z), SENT);
      if (maskValues != null) {
        maskValues.check(block.c, slab[z]);
      }
    }
    slabChannel = block.c;
    slabSection = block.z;
  }

  /**
   * The values of a channel of a section, row by row, in an array of the type that is sent: to be
   * looked at by itself.
   */
  Object plane(int channel, int section) throws CristaeException {
    return plane(order.plane(channel, section), LOOKED_AT);
  }

  private Object plane(int number, String ifGone) throws CristaeException {
    ImageProcessor processor = processor(number, ifGone);
    Object pixels = processor == null ? null : processor.getPixels();
    boolean expected =
        spec.getDataType() == DataType.DATA_TYPE_UINT8
            ? pixels instanceof byte[]
            : spec.getDataType() == DataType.DATA_TYPE_UINT16 || isSigned
                ? pixels instanceof short[]
                : pixels instanceof float[];
    if (!expected
        || isFileGone(number)
        || processor.getWidth() != spec.getShape().getX()
        || processor.getHeight() != spec.getShape().getY()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "Plane "
              + number
              + " of \""
              + title
              + "\" could not be read, or has another type or size than the first. If it is a"
              + " virtual stack, check its files.");
    }
    Object values = isSigned ? signed((short[]) pixels) : pixels;
    if (!nanAllowed && values instanceof float[]) {
      checkWhole((float[]) values, number);
    }
    if (stack instanceof DistantStack && ((DistantStack) stack).isOfLabels32()) {
      checkExact((float[]) values, number);
    }
    return values;
  }

  /** ImageJ hands out a black plane of a virtual stack whose file it does not find. */
  private boolean isFileGone(int number) {
    if (stack instanceof FileInfoVirtualStack) {
      return file != null && !file.exists();
    }
    if (stack.getClass() != VirtualStack.class) {
      return false;
    }
    VirtualStack files = (VirtualStack) stack;
    String folder = files.getDirectory();
    String name = folder == null ? null : files.getFileName(number);
    return name != null && !new File(folder, name).exists();
  }

  /** The file that an image was opened from; null if it was not, or from the web. */
  private static File file(ImagePlus image) {
    FileInfo info = image.getOriginalFileInfo();
    boolean isFile = info != null && info.directory != null && info.fileName != null;
    return isFile && (info.url == null || info.url.isEmpty())
        ? new File(info.directory, info.fileName)
        : null;
  }

  /** Closing or changing an image empties its stack, which may be while it is read. */
  private ImageProcessor processor(int number, String ifGone) throws CristaeException {
    try {
      return stack instanceof DistantStack
          ? ((DistantStack) stack).planeOrFail(number)
          : stack.getProcessor(number);
    } catch (IllegalArgumentException e) {
      if (e.getCause() instanceof CristaeException) {
        throw (CristaeException) e.getCause();
      }
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT, "\"" + title + "\" " + ifGone, e);
    }
  }

  private static float[] signed(short[] pixels) {
    float[] values = new float[pixels.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (pixels[i] & 0xffff) - 32768;
    }
    return values;
  }

  private void checkWhole(float[] pixels, int number) throws CristaeException {
    for (float value : pixels) {
      // NaN differs from itself
      if (value < 0 || value != Math.rint(value) || Float.isInfinite(value)) {
        boolean isWhole = value == Math.rint(value) && !Float.isInfinite(value);
        throw new CristaeException(
            ErrorCode.ERROR_CODE_INVALID_INPUT,
            "The labels \""
                + title
                + "\" contain "
                + (isWhole ? String.valueOf((long) value) : String.valueOf(value))
                + " in plane "
                + number
                + "; labels are whole numbers, none below 0: 0 is background, 1, 2, ... are classes or"
                + " objects."
                + wayOut(value));
      }
    }
  }

  /** Ids of the server that are beyond ImageJ's numbers must not go back as other ones. */
  private void checkExact(float[] pixels, int number) throws CristaeException {
    for (float value : pixels) {
      if (value > ReceivedVolume.MAX_EXACT_LABEL) {
        throw new CristaeException(
            ErrorCode.ERROR_CODE_UNSUPPORTED,
            "\""
                + title
                + "\" has ids above 16,777,216 in plane "
                + number
                + ", which ImageJ does not hold exactly, so it cannot be sent from here. It is on the"
                + " server already: use it with the voxel size that it has there, or with the `cristae`"
                + " command line.");
      }
    }
  }

  /** How a value that no label can have becomes one that means "not known". */
  private String wayOut(float value) {
    String condition = Float.isNaN(value) ? "isNaN(v)" : value < 0 ? "v < 0" : "";
    return condition.isEmpty()
        ? " Probabilities need a threshold first: Image > Adjust > Threshold."
        : " If it means \"not known\", give it a value that no label has:"
            + (isSigned ? " Image > Type > 32-bit, then" : "")
            + " Process > Math > Macro with the code \"if ("
            + condition
            + ") v = 65535\", and 65535 as the unknown value.";
  }
}

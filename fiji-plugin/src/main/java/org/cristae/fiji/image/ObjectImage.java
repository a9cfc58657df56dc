package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.Box;
import org.cristae.v1.ErrorCode;

/**
 * A label image with one number for each object, its id; 0 is background. It is read plane by
 * plane, and changed in place unless its stack is virtual.
 */
public final class ObjectImage {
  private final ImagePlus image;
  private final PlaneOrder order;
  private final int width;
  private final int height;

  private ObjectImage(ImagePlus image, PlaneOrder order) {
    this.image = image;
    this.order = order;
    width = image.getWidth();
    height = image.getHeight();
  }

  /**
   * The objects of an image.
   *
   * @throws CristaeException if it is an RGB image, one of signed numbers, has channels, or is a
   *     time series of stacks
   */
  public static ObjectImage of(ImagePlus image) throws CristaeException {
    PlaneOrder order = PlaneOrder.of(image);
    if (image.getBitDepth() == 24) {
      throw invalid(
          "\""
              + image.getTitle()
              + "\" is an RGB colour image. Objects are in a label image of 8, 16 or 32 bits, with"
              + " one number for each.");
    }
    if (order.channels() > 1) {
      throw invalid(
          "\""
              + image.getTitle()
              + "\" has "
              + order.channels()
              + " channels; a label image of objects has one. Choose one with Image > Duplicate,"
              + " or, if these are slices, correct the dimensions in Image > Properties.");
    }
    if (image.getBitDepth() == 16 && image.getCalibration().isSigned16Bit()) {
      throw invalid(
          "\""
              + image.getTitle()
              + "\" has signed numbers, and ids are none below 0. Convert it with Image > Type >"
              + " 32-bit.");
    }
    return new ObjectImage(image, order);
  }

  private static CristaeException invalid(String sentence) {
    return new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, sentence);
  }

  /** The window of the objects. */
  public ImagePlus image() {
    return image;
  }

  /** Which plane is which section. */
  public PlaneOrder order() {
    return order;
  }

  /**
   * Makes sure that voxels can be changed, and are those of objects.
   *
   * @throws CristaeException if the planes of the image are not kept in memory, or it holds grey
   *     values
   */
  public void checkEditable() throws CristaeException {
    ImageStack stack = image.getStack();
    if (stack instanceof ArrivingVolume.Arrived) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "\""
              + image.getTitle()
              + "\" is still arriving from the server. Wait until its title says no more that it is"
              + " arriving, and change it then.");
    }
    if (stack.isVirtual()) {
      String where = stack instanceof ServedStack ? "come from the server" : "are read from files";
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "\""
              + image.getTitle()
              + "\" is a virtual stack: its slices "
              + where
              + " when they are looked at, and cannot be changed. Make a copy with Image >"
              + " Duplicate (or of the slices in question), and change that.");
    }
    if (ValueSample.of(image).isGrey()) {
      throw invalid(
          "\""
              + image.getTitle()
              + "\" holds grey values, not the numbers of objects. Click into the window of the"
              + " objects, and begin again.");
    }
  }

  /**
   * Makes sure, when voxels are about to be changed, that the image is still the one that was
   * looked at.
   *
   * @throws CristaeException if it was closed, has another size or other slices by now, or its
   *     planes are not kept in memory
   */
  public void checkStillEditable() throws CristaeException {
    checkOpen(image);
    if (image.getStack().getSize() == 0) {
      throw gone();
    }
    ObjectImage now = of(image);
    if (now.order.sections() != order.sections() || now.width != width || now.height != height) {
      throw invalid(
          "\""
              + image.getTitle()
              + "\" has another size or other slices than when this began. Begin again.");
    }
    now.checkEditable();
  }

  /**
   * Makes sure that a person has not closed the window of an image. ImageJ keeps the voxels of one
   * that is locked, and they could be changed, for nobody to see.
   *
   * @throws CristaeException if it was closed
   */
  public static void checkOpen(ImagePlus image) throws CristaeException {
    if (wasClosed(image)) {
      throw invalid("\"" + image.getTitle() + "\" was closed meanwhile; nothing was changed.");
    }
  }

  /** True of an image whose window was closed; one that never had a window is used by a macro. */
  public static boolean wasClosed(ImagePlus image) {
    return image.getWindow() != null && image.getWindow().isClosed();
  }

  private CristaeException gone() {
    return invalid("\"" + image.getTitle() + "\" was closed, or lost slices, meanwhile.");
  }

  /**
   * The voxels of a section, from 0, row by row: byte[], short[] or float[].
   *
   * @throws CristaeException if the image has no such section any more, or its server does not send
   *     it
   */
  public Object plane(int section) throws CristaeException {
    try {
      ImageStack stack = image.getStack();
      int number = order.plane(0, section);
      Object pixels =
          stack instanceof DistantStack
              ? ((DistantStack) stack).planeOrFail(number).getPixels()
              : stack.getPixels(number);
      if (pixels != null) {
        return pixels;
      }
    } catch (IllegalArgumentException e) {
      // it lost its slices
    }
    throw gone();
  }

  /** The id at an index of a plane; -1 where no id can be: a fraction, negative, NaN, too great. */
  public static int id(Object plane, int index) {
    if (plane instanceof byte[]) {
      return ((byte[]) plane)[index] & 0xff;
    }
    if (plane instanceof short[]) {
      return ((short[]) plane)[index] & 0xffff;
    }
    float value = ((float[]) plane)[index];
    boolean isId = value >= 0 && value <= ReceivedVolume.MAX_EXACT_LABEL && value == (int) value;
    return isId ? (int) value : -1;
  }

  /** Puts an id at an index of a plane whose type holds it. */
  static void put(Object plane, int index, int id) {
    if (plane instanceof byte[]) {
      ((byte[]) plane)[index] = (byte) id;
    } else if (plane instanceof short[]) {
      ((short[]) plane)[index] = (short) id;
    } else {
      ((float[]) plane)[index] = id;
    }
  }

  /** True if a voxel, counted from 0, lies in the image. */
  public boolean contains(long section, long row, long column) {
    return 0 <= section
        && section < order.sections()
        && 0 <= row
        && row < image.getHeight()
        && 0 <= column
        && column < image.getWidth();
  }

  /** The id of a voxel of the image, counted from 0; -1 if it has none. */
  public int idAt(int section, int row, int column) throws CristaeException {
    return id(plane(section), row * image.getWidth() + column);
  }

  /** Sees runs of voxels of one id, in a plane row by row. */
  interface Runs {
    void see(int section, Object plane, int start, int stop, int id) throws CristaeException;
  }

  /**
   * Goes through all voxels.
   *
   * @throws CristaeException if a voxel has no id, or it was cancelled
   */
  void scan(String stage, Progress progress, Cancellation cancellation, Runs runs)
      throws CristaeException {
    for (int section = 0; section < order.sections(); section++) {
      cancellation.check();
      progress.update(stage, (double) section / order.sections(), "");
      Object plane = plane(section);
      int size = java.lang.reflect.Array.getLength(plane);
      int start = 0;
      while (start < size) {
        int id = id(plane, start);
        if (id < 0) {
          throw noId(section, ((float[]) plane)[start]);
        }
        int stop = start + 1;
        while (stop < size && id(plane, stop) == id) {
          stop++;
        }
        runs.see(section, plane, start, stop, id);
        start = stop;
      }
    }
  }

  private CristaeException noId(int section, float value) {
    return invalid(
        "\""
            + image.getTitle()
            + "\" contains "
            + (value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value))
            + " in slice "
            + (section + 1)
            + "; ids of objects are whole numbers from 0 to 16,777,216.");
  }

  /** How many voxels each object has. */
  public Map<Integer, Long> voxels() throws CristaeException {
    Map<Integer, Long> voxels = new HashMap<>();
    scan(
        "Counting voxels",
        Progress.NONE,
        new Cancellation(),
        (section, plane, start, stop, id) -> {
          if (id > 0) {
            voxels.merge(id, (long) stop - start, Long::sum);
          }
        });
    return voxels;
  }

  /** Those of some ids that are in the image. */
  public Set<Integer> found(Set<Integer> ids, Progress progress, Cancellation cancellation)
      throws CristaeException {
    Set<Integer> found = new TreeSet<>();
    scan(
        "Looking for objects",
        progress,
        cancellation,
        (section, plane, start, stop, id) -> {
          if (ids.contains(id)) {
            found.add(id);
          }
        });
    return found;
  }

  /** Where an object lies, and the greatest id of the image. */
  public static final class Place {
    private int largest;
    private int firstSection = Integer.MAX_VALUE;
    private int lastSection = -1;
    private int firstRow = Integer.MAX_VALUE;
    private int lastRow = -1;
    private int firstColumn = Integer.MAX_VALUE;
    private int lastColumn = -1;

    /** The greatest id of the image. */
    public int largest() {
      return largest;
    }

    /** The bounding box of the object, which is there. */
    public Box box() {
      return Box.newBuilder()
          .setZStart(firstSection)
          .setZStop(lastSection + 1L)
          .setYStart(firstRow)
          .setYStop(lastRow + 1L)
          .setXStart(firstColumn)
          .setXStop(lastColumn + 1L)
          .build();
    }

    private void add(int section, int start, int stop, int width) {
      firstSection = Math.min(firstSection, section);
      lastSection = section;
      firstRow = Math.min(firstRow, start / width);
      lastRow = Math.max(lastRow, (stop - 1) / width);
      boolean isInRow = start / width == (stop - 1) / width;
      firstColumn = Math.min(firstColumn, isInRow ? start % width : 0);
      lastColumn = Math.max(lastColumn, isInRow ? (stop - 1) % width : width - 1);
    }
  }

  /** Looks where an object lies, and for the greatest id. */
  public Place place(int wanted, Progress progress, Cancellation cancellation)
      throws CristaeException {
    Place place = new Place();
    int width = image.getWidth();
    scan(
        "Looking for object " + wanted,
        progress,
        cancellation,
        (section, plane, start, stop, id) -> {
          place.largest = Math.max(place.largest, id);
          if (id == wanted) {
            place.add(section, start, stop, width);
          }
        });
    return place;
  }
}

package org.cristae.fiji.image;

import ij.ImageStack;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.Box;
import org.cristae.v1.ErrorCode;

/**
 * A change of a label image, which can be taken back: only runs of voxels that were changed are
 * kept, with the ids that they had and got.
 */
public final class ObjectEdit {
  /** Section, first index in the plane, index behind the last one, id before, id after. */
  private static final int FIELDS = 5;

  private final int width;
  private final int height;
  private final int sections;
  private int[] runs = new int[FIELDS * 64];
  private int length;
  private String words = "";

  private ObjectEdit(ObjectImage objects) {
    width = objects.image().getWidth();
    height = objects.image().getHeight();
    sections = objects.order().sections();
  }

  /** Gives all of some objects one id. Nothing is changed if it fails or is cancelled. */
  public static ObjectEdit merge(
      ObjectImage objects, Set<Integer> ids, int into, Progress progress, Cancellation cancellation)
      throws CristaeException {
    ObjectEdit edit = new ObjectEdit(objects);
    try {
      objects.scan(
          "Merging objects",
          progress,
          cancellation,
          (section, plane, start, stop, id) -> {
            if (id != into && ids.contains(id)) {
              edit.write(section, plane, start, stop, id, into);
            }
          });
    } catch (CristaeException | RuntimeException | Error e) {
      edit.takeBack(objects);
      throw e;
    }
    return edit;
  }

  /**
   * Gives the parts of an object their ids. Voxels that do not belong to it any more stay.
   *
   * @param id the object's id, which its part 1 keeps
   * @param box its bounding box
   * @param parts of each voxel of the box the number of the part, from 1; 0 outside of the object
   * @param firstNew the id of part 2; the others follow
   */
  public static ObjectEdit split(
      ObjectImage objects, int id, Box box, ImageStack parts, int firstNew)
      throws CristaeException {
    ObjectEdit edit = new ObjectEdit(objects);
    int columns = (int) (box.getXStop() - box.getXStart());
    int rows = (int) (box.getYStop() - box.getYStart());
    try {
      for (int z = 0; z < parts.getSize(); z++) {
        int section = (int) box.getZStart() + z;
        Object plane = objects.plane(section);
        Object part = parts.getPixels(z + 1);
        for (int y = 0; y < rows; y++) {
          int first = (int) ((box.getYStart() + y) * edit.width + box.getXStart());
          edit.splitRow(section, plane, first, part, y * columns, columns, id, firstNew);
        }
      }
    } catch (CristaeException | RuntimeException | Error e) {
      edit.takeBack(objects);
      throw e;
    }
    return edit;
  }

  private void splitRow(
      int section,
      Object plane,
      int first,
      Object parts,
      int firstPart,
      int count,
      int id,
      int firstNew) {
    int x = 0;
    while (x < count) {
      int part = part(plane, first + x, parts, firstPart + x, id);
      int start = x;
      x++;
      while (x < count && part(plane, first + x, parts, firstPart + x, id) == part) {
        x++;
      }
      if (part > 1) {
        write(section, plane, first + start, first + x, id, firstNew + part - 2);
      }
    }
  }

  private static int part(Object plane, int index, Object parts, int partIndex, int id) {
    return ObjectImage.id(plane, index) == id ? ObjectImage.id(parts, partIndex) : 0;
  }

  private void write(int section, Object plane, int start, int stop, int before, int after) {
    if (length + FIELDS > runs.length) {
      runs = Arrays.copyOf(runs, 2 * runs.length);
    }
    int[] run = {section, start, stop, before, after};
    System.arraycopy(run, 0, runs, length, FIELDS);
    length += FIELDS; // kept first: what fails half-way can be taken back
    for (int i = start; i < stop; i++) {
      ObjectImage.put(plane, i, after);
    }
  }

  /**
   * Gives the voxels the ids that they had before. Those that were changed since stay.
   *
   * @return how many voxels were changed since
   * @throws CristaeException if the image has other slices by now
   */
  public long takeBack(ObjectImage objects) throws CristaeException {
    boolean isSame =
        objects.image().getWidth() == width
            && objects.image().getHeight() == height
            && objects.order().sections() == sections
            && greatestBefore() <= greatestOf(objects.image().getBitDepth());
    if (!isSame) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "\""
              + objects.image().getTitle()
              + "\" has another size, type or other slices than when its objects were changed; that cannot"
              + " be taken back any more.");
    }
    long changedSince = 0;
    for (int at = length - FIELDS; at >= 0; at -= FIELDS) {
      Object plane = objects.plane(runs[at]);
      for (int i = runs[at + 1]; i < runs[at + 2]; i++) {
        if (ObjectImage.id(plane, i) == runs[at + 4]) {
          ObjectImage.put(plane, i, runs[at + 3]);
        } else {
          changedSince++;
        }
      }
    }
    return changedSince;
  }

  private int greatestBefore() {
    int greatest = 0;
    for (int at = 0; at < length; at += FIELDS) {
      greatest = Math.max(greatest, runs[at + 3]);
    }
    return greatest;
  }

  private static int greatestOf(int bitDepth) {
    return bitDepth >= 32 ? Integer.MAX_VALUE : (1 << bitDepth) - 1;
  }

  /** How many voxels got each new id. */
  public Map<Integer, Long> voxels() {
    Map<Integer, Long> voxels = new TreeMap<>();
    for (int at = 0; at < length; at += FIELDS) {
      voxels.merge(runs[at + 4], (long) runs[at + 2] - runs[at + 1], Long::sum);
    }
    return voxels;
  }

  /** Says in words what was done: "the merge of 3, 7". */
  public ObjectEdit called(String what) {
    words = what;
    return this;
  }

  /** What was done, in words. */
  public String words() {
    return words;
  }

  /** The memory that it takes. */
  public long bytes() {
    return 4L * runs.length;
  }
}

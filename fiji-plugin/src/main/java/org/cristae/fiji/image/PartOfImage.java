package org.cristae.fiji.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.Box;
import org.cristae.v1.GreySample;
import org.cristae.v1.GreyStatistics;

/** What a preview needs of an image: the voxels of a box, and mean and deviation of others. */
public final class PartOfImage {
  private PartOfImage() {}

  /**
   * The voxels of a box in the order c, z, y, x, little-endian.
   *
   * @throws CristaeException if a plane cannot be read
   */
  public static byte[] voxels(ImageVolume image, Box box) throws CristaeException {
    int width = (int) image.spec().getShape().getX();
    int columns = (int) (box.getXStop() - box.getXStart());
    long rows = box.getYStop() - box.getYStart();
    long sections = box.getZStop() - box.getZStart();
    int channels = image.order().channels();
    int item = BlockGrid.itemBytes(image.spec().getDataType());
    byte[] bytes = new byte[Math.toIntExact(channels * sections * rows * columns * item)];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int c = 0; c < channels; c++) {
      for (long z = box.getZStart(); z < box.getZStop(); z++) {
        Object plane = image.plane(c, (int) z);
        for (long y = box.getYStart(); y < box.getYStop(); y++) {
          ImageVolume.copyRow(plane, (int) (y * width + box.getXStart()), columns, out);
        }
      }
    }
    return bytes;
  }

  /**
   * Mean and deviation of each channel in the boxes of a sample. Voxels that are 0, NaN or infinite
   * do not count; each plane is read once.
   *
   * @throws CristaeException if a plane cannot be read
   */
  public static GreyStatistics measured(ImageVolume image, GreySample sample)
      throws CristaeException {
    SortedSet<Integer> sections = new TreeSet<>();
    for (Box box : sample.getBoxesList()) {
      for (long z = box.getZStart(); z < box.getZStop(); z++) {
        sections.add((int) z);
      }
    }
    GreyStatistics.Builder result = GreyStatistics.newBuilder();
    for (int c = 0; c < image.order().channels(); c++) {
      Moments moments = new Moments();
      for (int z : sections) {
        moments.addPlane(image, c, z, sample.getBoxesList());
      }
      result.addMean(moments.mean()).addDeviation(moments.deviation());
    }
    return result.build();
  }

  /** Sums over the voxels that count. */
  private static final class Moments {
    private long count;
    private double sum;
    private double squares;

    void addPlane(ImageVolume image, int channel, int section, List<Box> boxes)
        throws CristaeException {
      Object plane = image.plane(channel, section);
      int width = (int) image.spec().getShape().getX();
      for (Box box : boxes) {
        if (box.getZStart() > section || section >= box.getZStop()) {
          continue;
        }
        for (long y = box.getYStart(); y < box.getYStop(); y++) {
          int row = (int) y * width;
          addRow(plane, row + (int) box.getXStart(), row + (int) box.getXStop());
        }
      }
    }

    private void addRow(Object plane, int start, int stop) {
      for (int i = start; i < stop; i++) {
        double value =
            plane instanceof byte[]
                ? ((byte[]) plane)[i] & 0xff
                : plane instanceof short[] ? ((short[]) plane)[i] & 0xffff : ((float[]) plane)[i];
        if (value != 0 && !Double.isNaN(value) && !Double.isInfinite(value)) {
          count++;
          sum += value;
          squares += value * value;
        }
      }
    }

    double mean() {
      return sum / Math.max(1, count);
    }

    double deviation() {
      return Math.sqrt(Math.max(0, squares / Math.max(1, count) - mean() * mean()));
    }
  }
}

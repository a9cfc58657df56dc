package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.ImageStack;
import ij.process.ImageProcessor;
import java.util.Arrays;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.BlockSink;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.DataType;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.VolumeSpec;

/**
 * Labels that are looked at while they come from the server. A slice is seen when all of it is
 * there; until then a text stands in its place, which no command and no job takes for labels.
 */
public final class ArrivingVolume implements BlockSink {
  private final VolumeSpec spec;
  private final BlockGrid grid;
  private final ReceivedVolume received;

  /** How many blocks each slab still lacks. */
  private final long[] lacking;

  private int slices;

  /**
   * An empty volume to be filled.
   *
   * @throws CristaeException if ImageJ can never hold it
   */
  public ArrivingVolume(VolumeSpec spec) throws CristaeException {
    this.spec = spec;
    grid = BlockGrid.of(spec);
    received = new ReceivedVolume(spec);
    BlockGrid.Slab slab = grid.slab(0, 0);
    lacking = new long[(int) (grid.blockCount() / slab.blocks)];
    Arrays.fill(lacking, slab.blocks);
  }

  /** Whether there is anything to see before the end: labels in several slabs of one channel. */
  public static boolean isOfSeveralSlabs(VolumeSpec spec) {
    return spec.getDataType() != DataType.DATA_TYPE_FLOAT32
        && spec.getShape().getC() == 1
        && spec.getShape().getZ() > spec.getBlockShape().getZ();
  }

  /**
   * The number of the first block of the slab with the slice that {@code source} shows.
   *
   * @param source the image that it was made from; null if that is not open any more
   * @throws CristaeException if that is a time series of stacks
   */
  public long firstBlock(ImagePlus source) throws CristaeException {
    int section = source == null ? 0 : PlaneOrder.of(source).currentSection(source);
    return grid.slab(0, Math.min(section, count() - 1)).firstBlock;
  }

  @Override
  public synchronized void write(BlockGrid.Block block, byte[] voxels) throws CristaeException {
    received.write(block, voxels);
    int slab = slab(block.z);
    lacking[slab]--;
    slices += lacking[slab] == 0 ? block.depth : 0;
  }

  private int slab(int section) {
    BlockGrid.Slab slab = grid.slab(0, section);
    return (int) (slab.firstBlock / slab.blocks);
  }

  /** How many slices it has. */
  public int count() {
    return (int) spec.getShape().getZ();
  }

  /** How many slices are there. */
  public synchronized int slices() {
    return slices;
  }

  /** The greatest label that arrived. */
  public synchronized long maximum() {
    return received.maximum();
  }

  /**
   * What has arrived as an image, not yet shown, of as many bits as that needs; see {@link
   * ReceivedVolume#toImage}.
   */
  public ImagePlus toImage(String title, ImagePlus source) throws CristaeException {
    return ReceivedVolume.shaped(spec, new Arrived(), title, source);
  }

  /**
   * Has an image show what has arrived since.
   *
   * @return whether its type was changed, since the labels need more bits by now: then it needs its
   *     colours anew
   */
  public boolean update(ImagePlus image) {
    // ImageJ takes this lock, too, when somebody goes to another slice meanwhile.
    synchronized (image) {
      if (image.getBitDepth() != bitDepth()) {
        image.setStack(new Arrived());
        return true;
      }
      image.getProcessor().setPixels(image.getStack().getPixels(image.getCurrentSlice()));
      return false;
    }
  }

  /** Gives an image the whole volume, to be changed like any other: it takes over the pixels. */
  public void complete(ImagePlus image) {
    ImageStack whole = received.toStack();
    synchronized (image) {
      image.setStack(whole);
    }
  }

  private synchronized int bitDepth() {
    return received.bitDepth();
  }

  /** The slices that are there, of as many bits as they needed when it was made. */
  final class Arrived extends DistantStack {
    /** The thread that fills the volume and shows it, whatever its name; it uses no voxels. */
    private final Thread filling = Thread.currentThread();

    private Arrived() {
      super((int) spec.getShape().getX(), (int) spec.getShape().getY(), count(), bitDepth());
    }

    /** A copy: who paints on a slice that will be replaced changes no label. */
    @Override
    ImageProcessor planeOrFail(int number) throws CristaeException {
      synchronized (ArrivingVolume.this) {
        if (lacking[slab(number - 1)] > 0 || received.bitDepth() != getBitDepth()) {
          throw new CristaeException(
              ErrorCode.ERROR_CODE_INVALID_INPUT,
              String.format(
                  "\"%s\" is still arriving from the server: %d of %d slices are here, and slice %d"
                      + " is not yet. Wait until its title says no more that it is arriving.",
                  spec.getName(), slices, count(), number));
        }
        return received.copy(number - 1);
      }
    }

    @Override
    boolean isUsed() {
      return Thread.currentThread() != filling && super.isUsed();
    }

    @Override
    boolean isOfLabels() {
      return true;
    }

    @Override
    boolean isOfLabels32() {
      return false; // what ImageJ does not hold exactly is not received
    }

    @Override
    String missing() {
      return "This slice has not arrived yet";
    }

    @Override
    void isMissed(String sentence) {} // it is seen, and passes
  }
}

package org.cristae.fiji.client;

import org.cristae.v1.DataType;
import org.cristae.v1.Shape;
import org.cristae.v1.VolumeSpec;

/**
 * How a volume is cut into blocks: the rule at the top of {@code volumes.proto}.
 *
 * <p>Axes are c, z, y, x; blocks are numbered from 0 with x fastest; the last ones of an axis may
 * be smaller.
 */
public final class BlockGrid {
  private static final long SLAB_BYTES = 67108864;
  private static final long BLOCK_BYTES = 1048576;

  private final long[] shape;
  private final long[] block;
  private final long[] counts;
  private final int itemBytes;

  private BlockGrid(long[] shape, long[] block, int itemBytes) {
    this.shape = shape;
    this.block = block;
    this.itemBytes = itemBytes;
    this.counts = new long[4];
    for (int axis = 0; axis < 4; axis++) {
      counts[axis] = (shape[axis] + block[axis] - 1) / block[axis];
    }
  }

  /** The grid that every client must choose for a volume of this shape and type. */
  public static BlockGrid of(long c, long z, long y, long x, DataType type) {
    int item = itemBytes(type);
    long bz = Math.max(1, Math.min(SLAB_BYTES / (y * x * item), Math.min(16, z)));
    long side = 16;
    while (4 * side * side * bz * item <= BLOCK_BYTES) {
      side *= 2;
    }
    long bx = Math.min(x, side);
    long by = Math.min(y, Math.max(side, BLOCK_BYTES / (bz * bx * item)));
    return new BlockGrid(new long[] {c, z, y, x}, new long[] {1, bz, by, bx}, item);
  }

  /** The grid as the server states it. */
  public static BlockGrid of(VolumeSpec spec) {
    return new BlockGrid(
        axes(spec.getShape()), axes(spec.getBlockShape()), itemBytes(spec.getDataType()));
  }

  /** The bytes of a voxel. */
  public static int itemBytes(DataType type) {
    switch (type) {
      case DATA_TYPE_UINT8:
        return 1;
      case DATA_TYPE_UINT16:
        return 2;
      case DATA_TYPE_UINT32:
      case DATA_TYPE_FLOAT32:
        return 4;
      default:
        throw new IllegalArgumentException("not a type of voxels: " + type);
    }
  }

  private static long[] axes(Shape shape) {
    return new long[] {shape.getC(), shape.getZ(), shape.getY(), shape.getX()};
  }

  /** The shape of the volume. */
  public Shape shape() {
    return message(shape);
  }

  /** The shape of a block that is not cut. */
  public Shape blockShape() {
    return message(block);
  }

  private static Shape message(long[] axes) {
    return Shape.newBuilder().setC(axes[0]).setZ(axes[1]).setY(axes[2]).setX(axes[3]).build();
  }

  /** How many blocks there are. */
  public long blockCount() {
    return counts[0] * counts[1] * counts[2] * counts[3];
  }

  /** The bytes of all blocks. */
  public long totalBytes() {
    return shape[0] * shape[1] * shape[2] * shape[3] * itemBytes;
  }

  /** The block of number {@code index}, from 0 to {@code blockCount() - 1}. */
  public Block block(long index) {
    if (index < 0 || index >= blockCount()) {
      throw new IndexOutOfBoundsException("no block " + index);
    }
    return new Block(index);
  }

  /** The number of the block that starts at {@code offset} bytes; blockCount() at the end. */
  public long indexAt(long offset) {
    long low = 0;
    long high = blockCount();
    while (low < high) {
      long middle = (low + high) >>> 1;
      if (block(middle).offset() < offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The blocks that hold a plane, and with it its neighbours. */
  public Slab slab(int channel, int section) {
    return new Slab(channel, section / block[1]);
  }

  /** All blocks of one channel at the same sections; their numbers follow each other. */
  public final class Slab {
    /** The number of its first block. */
    public final long firstBlock;

    /** How many blocks it has. */
    public final long blocks;

    /** Its first section. */
    public final int z;

    /** Its sections. */
    public final int depth;

    private Slab(int channel, long number) {
      blocks = counts[2] * counts[3];
      firstBlock = (channel * counts[1] + number) * blocks;
      z = (int) (number * block[1]);
      depth = (int) Math.min(block[1], shape[1] - z);
    }
  }

  /** One block: a box of one channel. */
  public final class Block {
    /** Its number, from 0. */
    public final long index;

    /** Its channel. */
    public final int c;

    /** Its first section. */
    public final int z;

    /** Its first row. */
    public final int y;

    /** Its first column. */
    public final int x;

    /** Its sections. */
    public final int depth;

    /** Its rows. */
    public final int height;

    /** Its columns. */
    public final int width;

    private Block(long index) {
      this.index = index;
      long rest = index;
      long[] start = new long[4];
      for (int axis = 3; axis >= 0; axis--) {
        start[axis] = rest % counts[axis] * block[axis];
        rest /= counts[axis];
      }
      c = (int) start[0];
      z = (int) start[1];
      y = (int) start[2];
      x = (int) start[3];
      depth = (int) Math.min(block[1], shape[1] - z);
      height = (int) Math.min(block[2], shape[2] - y);
      width = (int) Math.min(block[3], shape[3] - x);
    }

    /** The number of its bytes. */
    public int bytes() {
      return depth * height * width * itemBytes;
    }

    /** The number of bytes of all blocks before it. */
    public long offset() {
      long voxels =
          ((c * shape[1] + z) * shape[2] + (long) y * depth) * shape[3] + (long) x * depth * height;
      return voxels * itemBytes;
    }
  }
}

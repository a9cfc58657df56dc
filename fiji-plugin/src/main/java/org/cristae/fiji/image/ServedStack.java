package org.cristae.fiji.image;

import ij.IJ;
import ij.ImagePlus;
import ij.process.ImageProcessor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.v1.DataType;
import org.cristae.v1.Volume;

/**
 * A volume that is larger than ImageJ's memory: planes come from the server when they are looked
 * at, a slab of neighbouring ones at a time. The planes looked at last are kept.
 */
public final class ServedStack extends DistantStack {
  private static final int MOST_PARTS_OF_MEMORY = 8;

  private final Client client;
  private final Volume volume;
  private final BlockGrid grid;
  private final int channels;
  private final DataType type;

  /** Voxels of slabs by the number of their first block; the one used last stands last. */
  private final Map<Long, byte[]> slabs = new LinkedHashMap<>(16, 0.75f, true);

  private final long mostBytes;
  private String lastFailure = "";

  /** A stack of the planes of {@code volume}; nothing is fetched yet. */
  public ServedStack(Client client, Volume volume) {
    this(client, volume, Runtime.getRuntime().maxMemory() / MOST_PARTS_OF_MEMORY);
  }

  ServedStack(Client client, Volume volume, long mostBytes) {
    super(
        (int) volume.getSpec().getShape().getX(),
        (int) volume.getSpec().getShape().getY(),
        (int) (volume.getSpec().getShape().getC() * volume.getSpec().getShape().getZ()),
        8 * BlockGrid.itemBytes(volume.getSpec().getDataType()));
    this.client = client;
    this.volume = volume;
    this.mostBytes = mostBytes;
    grid = BlockGrid.of(volume.getSpec());
    channels = (int) volume.getSpec().getShape().getC();
    type = volume.getSpec().getDataType();
  }

  /**
   * The stack as an image, not yet shown.
   *
   * @param title its title
   * @param source the image that it was made from; null if that is not open any more
   */
  public ImagePlus toImage(String title, ImagePlus source) throws CristaeException {
    return ReceivedVolume.shaped(volume.getSpec(), this, title, source);
  }

  @Override
  boolean isOfLabels() {
    return type == DataType.DATA_TYPE_UINT16 || type == DataType.DATA_TYPE_UINT32;
  }

  @Override
  boolean isOfLabels32() {
    return type == DataType.DATA_TYPE_UINT32;
  }

  /** The id of the volume, by which a server that has it is spared to be sent it. */
  public String volumeId() {
    return volume.getVolumeId();
  }

  @Override
  String missing() {
    return "This slice could not be fetched: see the Log window";
  }

  @Override
  public ImageProcessor planeOrFail(int number) throws CristaeException {
    int section = (number - 1) / channels;
    BlockGrid.Slab slab = grid.slab((number - 1) % channels, section);
    ImageProcessor plane = plane(voxels(slab), section - slab.z);
    lastFailure = "";
    return plane;
  }

  /** Says in the log why a slice is missing, once. */
  @Override
  void isMissed(String sentence) {
    if (!sentence.equals(lastFailure)) {
      IJ.log("Cristae: " + sentence);
      lastFailure = sentence;
    }
  }

  private synchronized byte[] voxels(BlockGrid.Slab slab) throws CristaeException {
    byte[] kept = slabs.get(slab.firstBlock);
    if (kept != null) {
      return kept;
    }
    int rowBytes = getWidth() * BlockGrid.itemBytes(type);
    byte[] voxels = new byte[slab.depth * getHeight() * rowBytes];
    makeRoomFor(voxels.length);
    Download.slab(
        client,
        volume,
        slab,
        (block, bytes) -> place(voxels, slab, block, bytes),
        new Cancellation());
    slabs.put(slab.firstBlock, voxels);
    return voxels;
  }

  private void makeRoomFor(long bytes) {
    long held = bytes;
    for (byte[] one : slabs.values()) {
      held += one.length;
    }
    Iterator<byte[]> oldest = slabs.values().iterator();
    while (held > mostBytes && oldest.hasNext()) {
      held -= oldest.next().length;
      oldest.remove();
    }
  }

  private void place(byte[] voxels, BlockGrid.Slab slab, BlockGrid.Block block, byte[] bytes) {
    int item = BlockGrid.itemBytes(type);
    int from = 0;
    for (int z = 0; z < block.depth; z++) {
      for (int y = 0; y < block.height; y++) {
        long row = (long) (block.z - slab.z + z) * getHeight() + block.y + y;
        int to = (int) ((row * getWidth() + block.x) * item);
        System.arraycopy(bytes, from, voxels, to, block.width * item);
        from += block.width * item;
      }
    }
  }

  private ImageProcessor plane(byte[] voxels, int z) {
    int size = getWidth() * getHeight();
    int bytes = size * BlockGrid.itemBytes(type);
    ByteBuffer in =
        ByteBuffer.wrap(voxels, z * bytes, bytes).slice().order(ByteOrder.LITTLE_ENDIAN);
    ImageProcessor plane = empty();
    switch (type) {
      case DATA_TYPE_UINT8:
        in.get((byte[]) plane.getPixels());
        break;
      case DATA_TYPE_UINT16:
        in.asShortBuffer().get((short[]) plane.getPixels());
        break;
      case DATA_TYPE_FLOAT32:
        in.asFloatBuffer().get((float[]) plane.getPixels());
        break;
      default:
        float[] labels = (float[]) plane.getPixels();
        for (int i = 0; i < size; i++) {
          labels[i] = number(in.getInt());
        }
    }
    return plane;
  }

  /**
   * An unsigned label as ImageJ's number: exact to 16,777,216; of a greater one, a number that is
   * greater, too. Rounded, 16,777,217 would be the id of another object.
   */
  static float number(int label) {
    long exact = label & 0xffffffffL;
    return exact > ReceivedVolume.MAX_EXACT_LABEL
        ? Math.max(exact, ReceivedVolume.MAX_EXACT_LABEL + 2)
        : exact;
  }
}

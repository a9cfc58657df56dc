package org.cristae.fiji.client;

/** Takes the blocks of a volume that comes from the server. */
public interface BlockSink {
  /**
   * Takes one block; called once for each, in the order of their numbers from the first one that
   * was asked for; behind the last one come those before it.
   *
   * @param block where it belongs
   * @param voxels its voxels in C order (z, y, x), little-endian
   * @throws CristaeException if the voxels cannot be kept; the download then ends
   */
  void write(BlockGrid.Block block, byte[] voxels) throws CristaeException;
}

package org.cristae.fiji.client;

import org.cristae.v1.VolumeSpec;

/** A volume on this side, read block by block and never as a whole. */
public interface BlockSource {
  /** What the volume is; the block shape is that of {@link BlockGrid}. */
  VolumeSpec spec();

  /**
   * The voxels of one block in C order (z, y, x), little-endian: a fresh array. Asked in the order
   * of the blocks' numbers, usually twice: once for the digest, once for sending.
   *
   * @throws CristaeException if the voxels cannot be read
   */
  byte[] read(BlockGrid.Block block) throws CristaeException;
}

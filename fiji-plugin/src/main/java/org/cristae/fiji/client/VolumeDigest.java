package org.cristae.fiji.client;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.cristae.v1.DataType;
import org.cristae.v1.Shape;
import org.cristae.v1.VolumeSpec;

/** The name of a volume: the SHA-256 of its content, by the rule at the top of volumes.proto. */
public final class VolumeDigest {
  private VolumeDigest() {}

  /**
   * Reads a volume once and gives its digest, 64 lower-case hex digits.
   *
   * @throws CristaeException if reading failed or was cancelled
   */
  public static String of(BlockSource source, Progress progress, Cancellation cancellation)
      throws CristaeException {
    VolumeSpec spec = source.spec();
    BlockGrid grid = BlockGrid.of(spec);
    MessageDigest whole = sha256();
    MessageDigest part = sha256();
    whole.update("cristae.volume.1\n".getBytes(StandardCharsets.US_ASCII));
    whole.update(header(spec).getBytes(StandardCharsets.UTF_8));
    whole.update((byte) '\n');
    long count = grid.blockCount();
    for (long index = 0; index < count; index++) {
      cancellation.check();
      whole.update(part.digest(source.read(grid.block(index))));
      progress.update("Reading " + spec.getName(), (index + 1.0) / count, "");
    }
    return hex(whole.digest());
  }

  /** The line of JSON that stands before the digests of the blocks. */
  static String header(VolumeSpec spec) {
    boolean known = spec.hasVoxelSize();
    return "{\"dtype\":\""
        + name(spec.getDataType())
        + "\",\"shape\":"
        + list(spec.getShape())
        + ",\"block\":"
        + list(spec.getBlockShape())
        + ",\"voxel_nm\":[\""
        + (known ? bits(spec.getVoxelSize().getZNm()) : "")
        + "\",\""
        + (known ? bits(spec.getVoxelSize().getYNm()) : "")
        + "\",\""
        + (known ? bits(spec.getVoxelSize().getXNm()) : "")
        + "\"],\"unit\":\""
        + (known ? spec.getVoxelSize().getDisplayUnit() : "")
        + "\"}";
  }

  private static String name(DataType type) {
    return type.name().substring("DATA_TYPE_".length()).toLowerCase(java.util.Locale.ROOT);
  }

  private static String list(Shape s) {
    return "[" + s.getC() + "," + s.getZ() + "," + s.getY() + "," + s.getX() + "]";
  }

  private static String bits(double value) {
    return String.format("%016x", Double.doubleToLongBits(value));
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) {
      text.append(String.format("%02x", b));
    }
    return text.toString();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}

package org.cristae.fiji.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.cristae.v1.DataType;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VoxelSize;

/** The vectors in tests/contract/digests.json, which Python checks too. */
final class DigestVectors {
  private DigestVectors() {}

  static JsonObject file() throws IOException {
    byte[] bytes = Files.readAllBytes(Paths.get("..", "tests", "contract", "digests.json"));
    return JsonParser.parseString(new String(bytes, StandardCharsets.UTF_8)).getAsJsonObject();
  }

  static List<JsonObject> cases() throws IOException {
    List<JsonObject> cases = new ArrayList<>();
    file().getAsJsonArray("cases").forEach(one -> cases.add(one.getAsJsonObject()));
    return cases;
  }

  static DataType type(JsonObject one) {
    if (one.has("item_bytes")) { // the block rule asks for the size only
      int bytes = one.get("item_bytes").getAsInt();
      return bytes == 1
          ? DataType.DATA_TYPE_UINT8
          : bytes == 2 ? DataType.DATA_TYPE_UINT16 : DataType.DATA_TYPE_FLOAT32;
    }
    return DataType.valueOf("DATA_TYPE_" + one.get("dtype").getAsString().toUpperCase(Locale.ROOT));
  }

  static long[] longs(JsonObject one, String key) {
    JsonArray array = one.getAsJsonArray(key);
    long[] values = new long[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).getAsLong();
    }
    return values;
  }

  static BlockGrid grid(JsonObject one) {
    long[] s = longs(one, "shape");
    return BlockGrid.of(s[0], s[1], s[2], s[3], type(one));
  }

  /** The volume of a case, its voxels made by the formula in the file. */
  static BlockSource source(JsonObject one) {
    BlockGrid grid = grid(one);
    VolumeSpec.Builder spec =
        VolumeSpec.newBuilder()
            .setShape(grid.shape())
            .setBlockShape(grid.blockShape())
            .setDataType(type(one));
    JsonElement nm = one.get("voxel_nm");
    if (!nm.isJsonNull()) {
      JsonArray zyx = nm.getAsJsonArray();
      spec.setVoxelSize(
          VoxelSize.newBuilder()
              .setZNm(zyx.get(0).getAsDouble())
              .setYNm(zyx.get(1).getAsDouble())
              .setXNm(zyx.get(2).getAsDouble())
              .setDisplayUnit(one.get("unit").getAsString()));
    }
    return new Formula(spec.build(), one.getAsJsonObject("voxels"));
  }

  private static final class Formula implements BlockSource {
    private final VolumeSpec spec;
    private final JsonObject terms;

    Formula(VolumeSpec spec, JsonObject terms) {
      this.spec = spec;
      this.terms = terms;
    }

    @Override
    public VolumeSpec spec() {
      return spec;
    }

    @Override
    public byte[] read(BlockGrid.Block block) {
      ByteBuffer out = ByteBuffer.allocate(block.bytes()).order(ByteOrder.LITTLE_ENDIAN);
      for (int z = 0; z < block.depth; z++) {
        for (int y = 0; y < block.height; y++) {
          for (int x = 0; x < block.width; x++) {
            long row =
                (block.c * spec.getShape().getZ() + block.z + z) * spec.getShape().getY()
                    + block.y
                    + y;
            put(out, row * spec.getShape().getX() + block.x + x);
          }
        }
      }
      return out.array();
    }

    private void put(ByteBuffer out, long index) {
      long remainder = (index * term("multiplier") + term("addend")) % term("modulus");
      double value = (double) remainder / term("divisor") - term("subtrahend");
      switch (spec.getDataType()) {
        case DATA_TYPE_UINT8:
          out.put((byte) (long) value);
          break;
        case DATA_TYPE_UINT16:
          out.putShort((short) (long) value);
          break;
        case DATA_TYPE_UINT32:
          out.putInt((int) (long) value);
          break;
        default:
          out.putFloat((float) value);
      }
    }

    private long term(String name) {
      return terms.get(name).getAsLong();
    }
  }
}

package org.cristae.fiji.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.stream.Stream;
import org.cristae.v1.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The block grid and the digest are those that Python computes. */
class VolumeDigestTest {
  static Stream<JsonObject> cases() throws Exception {
    return DigestVectors.cases().stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theSameImageHasTheSameNameInBothLanguages(JsonObject one) throws Exception {
    String digest = VolumeDigest.of(DigestVectors.source(one), Progress.NONE, new Cancellation());
    assertEquals(one.get("digest").getAsString(), digest, one.get("name").getAsString());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theImageIsCutAsTheContractSays(JsonObject one) {
    BlockGrid grid = DigestVectors.grid(one);
    assertArrayEquals(DigestVectors.longs(one, "block"), axes(grid.blockShape()));
    assertEquals(one.get("block_count").getAsLong(), grid.blockCount());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void offsetsAreTheSumOfTheBlocksBefore(JsonObject one) {
    BlockGrid grid = DigestVectors.grid(one);
    long offset = 0;
    for (long index = 0; index < grid.blockCount(); index++) {
      assertEquals(offset, grid.block(index).offset());
      assertEquals(index, grid.indexAt(offset));
      offset += grid.block(index).bytes();
    }
    assertEquals(grid.totalBytes(), offset);
    assertEquals(grid.blockCount(), grid.indexAt(offset));
  }

  @Test
  void theRuleHoldsForVolumesOfAnySize() throws Exception {
    for (JsonElement element : DigestVectors.file().getAsJsonArray("block_rule")) {
      JsonObject one = element.getAsJsonObject();
      BlockGrid grid = DigestVectors.grid(one);
      assertArrayEquals(DigestVectors.longs(one, "block"), axes(grid.blockShape()), one.toString());
    }
  }

  @Test
  void readingCanBeCancelled() throws Exception {
    Cancellation cancellation = new Cancellation();
    cancellation.cancel();
    List<JsonObject> cases = DigestVectors.cases();
    assertThrows(
        CristaeException.class,
        () -> VolumeDigest.of(DigestVectors.source(cases.get(0)), Progress.NONE, cancellation));
  }

  private static long[] axes(Shape shape) {
    return new long[] {shape.getC(), shape.getZ(), shape.getY(), shape.getX()};
  }
}

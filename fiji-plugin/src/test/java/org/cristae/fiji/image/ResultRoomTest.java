package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Shape;
import org.junit.jupiter.api.Test;

/** A result that does not fit comes slice by slice; one that may not fit is told beforehand. */
class ResultRoomTest {
  /** A volume of as many bytes as ImageJ may use, in these parts of it. */
  private static Shape share(double part) {
    long planes = (long) (Runtime.getRuntime().maxMemory() * part) >> 20;
    return Shape.newBuilder().setC(1).setZ(planes).setY(1024).setX(1024).build();
  }

  @Test
  void whatIsGreaterThanTheMemoryIsServedSliceBySlice() throws Exception {
    ResultRoom.check(share(0.3));
    Shape channels = share(0.3).toBuilder().setC(4).build();
    for (Shape large : new Shape[] {share(1.1), channels}) {
      assertThrows(CristaeException.class, () -> ResultRoom.check(large));
    }
    String said = ResultRoom.isServed(share(1.1));
    assertTrue(said.contains("does not fit into the"), said);
    assertTrue(said.contains("It is shown as a virtual stack"), said);
  }

  @Test
  void mapsThatDoNotFitAreRefusedAndNoVirtualStackIsPromised() throws Exception {
    ResultRoom.checkMaps(share(0.05)); // 32 bits a voxel
    CristaeException refused =
        assertThrows(CristaeException.class, () -> ResultRoom.checkMaps(share(0.3)));
    assertEquals(ErrorCode.ERROR_CODE_OUT_OF_MEMORY, refused.code());
    String said = refused.getMessage();
    assertTrue(said.startsWith("The maps, 1 of 1024 x 1024 in "), said);
    assertTrue(said.contains("Choose fewer slices or a part of them"), said);
  }

  @Test
  void whatFitsOnlyWithSmallNumbersIsTold() {
    assertEquals("", ResultRoom.warning(share(0.1), 1));
    assertTrue(ResultRoom.warning(share(0.5), 4).contains("B of memory left"));
    assertEquals("", ResultRoom.warning(1e9, 1e9));
    assertTrue(
        ResultRoom.warning(2.5e9, 1e9)
            .startsWith("The result needs up to 2.5 GB, and ImageJ has 1.0 GB"));
    assertTrue(ResultRoom.warning(44.1e6, 38.4e6).contains("up to 44 MB, and ImageJ has 38 MB"));
  }
}

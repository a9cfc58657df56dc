package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.DataType;
import org.cristae.v1.Shape;
import org.cristae.v1.VolumeSpec;
import org.junit.jupiter.api.Test;

/** What is seen of labels that are still arriving, and when. */
class ArrivingVolumeTest {
  /** Three slabs of 2, 2 and 1 slices, each of two blocks. */
  private static VolumeSpec spec(DataType type) {
    return VolumeSpec.newBuilder()
        .setName("cells")
        .setShape(Shape.newBuilder().setC(1).setZ(5).setY(4).setX(6))
        .setBlockShape(Shape.newBuilder().setC(1).setZ(2).setY(4).setX(3))
        .setDataType(type)
        .build();
  }

  /** Sends a block in which every voxel is {@code label}. */
  private static void send(ArrivingVolume volume, VolumeSpec spec, long number, int label)
      throws Exception {
    BlockGrid.Block block = BlockGrid.of(spec).block(number);
    int item = BlockGrid.itemBytes(spec.getDataType());
    byte[] voxels = new byte[block.bytes()];
    for (int i = 0; i < voxels.length; i += item) {
      for (int b = 0; b < item; b++) {
        voxels[i + b] = (byte) (label >> 8 * b);
      }
    }
    volume.write(block, voxels);
  }

  @Test
  void onlyLabelsInSeveralSlabsOfOneChannelAreSeenEarly() {
    VolumeSpec labels = spec(DataType.DATA_TYPE_UINT8);
    assertTrue(ArrivingVolume.isOfSeveralSlabs(labels));
    assertFalse(ArrivingVolume.isOfSeveralSlabs(spec(DataType.DATA_TYPE_FLOAT32)));
    Shape.Builder masks = labels.getShape().toBuilder().setC(2);
    assertFalse(ArrivingVolume.isOfSeveralSlabs(labels.toBuilder().setShape(masks).build()));
    Shape.Builder small = labels.getShape().toBuilder().setZ(2);
    assertFalse(ArrivingVolume.isOfSeveralSlabs(labels.toBuilder().setShape(small).build()));
  }

  @Test
  void theFirstBlockIsThatOfTheSliceThatIsSeen() throws Exception {
    ArrivingVolume volume = new ArrivingVolume(spec(DataType.DATA_TYPE_UINT8));
    ImagePlus raw = IJ.createImage("raw.tif", "8-bit black", 6, 4, 10);
    raw.setDimensions(2, 5, 1);
    raw.setPosition(2, 4, 1);
    assertEquals(2, volume.firstBlock(raw)); // slice 4 of 5 in the second slab
    raw.setPosition(1, 5, 1);
    assertEquals(4, volume.firstBlock(raw));
    assertEquals(0, volume.firstBlock(null));
  }

  @Test
  void halfASlabIsNotSeenAndWhatIsPaintedOnAPartIsNotInTheWhole() throws Exception {
    VolumeSpec spec = spec(DataType.DATA_TYPE_UINT16);
    ArrivingVolume volume = new ArrivingVolume(spec);
    send(volume, spec, 2, 7);
    assertEquals(0, volume.slices());
    ImagePlus image = volume.toImage("cells", null);
    DistantStack stack = (DistantStack) image.getStack();
    CristaeException half = assertThrows(CristaeException.class, () -> stack.planeOrFail(3));
    assertTrue(
        half.getMessage().contains("0 of 5 slices are here, and slice 3 is"), half.getMessage());
    send(volume, spec, 3, 8);
    assertEquals(2, volume.slices());
    assertEquals(8, stack.getProcessor(4).get(5, 3));
    stack.getProcessor(4).set(5, 3, 99);
    assertEquals(8, stack.planeOrFail(4).get(5, 3));
    assertFalse(volume.update(image));
    for (int block : new int[] {4, 5, 0}) {
      send(volume, spec, block, 9);
    }
    send(volume, spec, 1, 300);
    assertThrows(CristaeException.class, () -> stack.planeOrFail(4), "300 is not cut to 8 bits");
    image.setSlice(4);
    assertTrue(volume.update(image), "it needs 16 bits");
    assertEquals(16, image.getBitDepth());
    assertEquals(8, image.getProcessor().get(5, 3));
    volume.complete(image);
    assertFalse(image.getStack().isVirtual());
    int[] expected = {9, 9, 7, 7, 9};
    for (int slice = 1; slice <= 5; slice++) {
      assertEquals(expected[slice - 1], image.getStack().getProcessor(slice).get(0, 0));
    }
    assertEquals(300, image.getStack().getProcessor(2).get(5, 3));
    assertEquals(300, volume.maximum());
  }

  @Test
  void aLabelThatImageJDoesNotHoldIsRefused() throws Exception {
    VolumeSpec spec = spec(DataType.DATA_TYPE_UINT32);
    ArrivingVolume volume = new ArrivingVolume(spec);
    send(volume, spec, 0, 16_777_216);
    CristaeException failure =
        assertThrows(CristaeException.class, () -> send(volume, spec, 1, 16_777_217));
    assertTrue(failure.getMessage().contains("16,777,217"), failure.getMessage());
  }
}

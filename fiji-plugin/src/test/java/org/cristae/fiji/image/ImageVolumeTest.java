package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import ij.IJ;
import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.io.FileSaver;
import ij.plugin.FolderOpener;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ImageConverter;
import ij.process.ImageProcessor;
import ij.process.StackConverter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.DataType;
import org.cristae.v1.Shape;
import org.cristae.v1.VolumeSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every ImageJ image arrives with each voxel in its place, and comes back the same. */
class ImageVolumeTest {
  /** A hyperstack whose voxel (c, z, y, x) tells where it is. */
  private static ImagePlus hyperstack(int bits, int c, int z, int t, int y, int x) {
    ImagePlus image = IJ.createHyperStack("stack.tif", x, y, c, z, t, bits);
    for (int plane = 1; plane <= image.getStackSize(); plane++) {
      ImageProcessor ip = image.getStack().getProcessor(plane);
      int[] at = image.convertIndexToPosition(plane);
      int section = (at[1] - 1) + (at[2] - 1) * z;
      for (int i = 0; i < x * y; i++) {
        ip.setf(i, value(bits, at[0] - 1, section, i / x, i % x));
      }
    }
    return image;
  }

  private static float value(int bits, int c, int z, int y, int x) {
    int value = 7 * c + 5 * z + 3 * y + x;
    return bits == 8 ? value % 256 : bits == 16 ? value * 97 % 65536 : value / 8f - 100;
  }

  private static float decode(ByteBuffer in, DataType type) {
    switch (type) {
      case DATA_TYPE_UINT8:
        return in.get() & 0xff;
      case DATA_TYPE_UINT16:
        return in.getShort() & 0xffff;
      default:
        return in.getFloat();
    }
  }

  private static void assertEveryVoxelInPlace(ImagePlus image, int bits) throws Exception {
    ImageVolume volume = ImageVolume.image(image, null);
    BlockGrid grid = BlockGrid.of(volume.spec());
    DataType type = volume.spec().getDataType();
    for (long i = 0; i < grid.blockCount(); i++) {
      BlockGrid.Block block = grid.block(i);
      ByteBuffer in = ByteBuffer.wrap(volume.read(block)).order(ByteOrder.LITTLE_ENDIAN);
      for (int z = 0; z < block.depth; z++) {
        for (int y = 0; y < block.height; y++) {
          for (int x = 0; x < block.width; x++) {
            float expected = value(bits, block.c, block.z + z, block.y + y, block.x + x);
            if (expected != decode(in, type)) {
              fail("voxel " + block.c + " " + (block.z + z) + " " + (block.y + y) + " " + x);
            }
          }
        }
      }
      assertFalse(in.hasRemaining());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 16, 32})
  void aHyperstackOfAnyTypeIsChannelsSectionsRowsColumns(int bits) throws Exception {
    assertEveryVoxelInPlace(hyperstack(bits, 2, 19, 1, 30, 300), bits);
  }

  @Test
  void aResultThatCannotFitIntoTheMemoryIsToldBeforeItIsFetched() {
    Shape shape = Shape.newBuilder().setC(1).setZ(100_000).setY(20_000).setX(20_000).build();
    VolumeSpec spec =
        VolumeSpec.newBuilder().setShape(shape).setDataType(DataType.DATA_TYPE_UINT8).build();
    CristaeException failure = assertThrows(CristaeException.class, () -> new ReceivedVolume(spec));
    assertTrue(failure.getMessage().contains("20000 x 20000 in 100000 slices, does not fit"));
    assertTrue(failure.getMessage().contains("`cristae volumes`"), failure.getMessage());
  }

  @Test
  void signedNumbersArriveAsTheyAreNotAsImageJKeepsThem() throws Exception {
    ImagePlus labels = IJ.createImage("signed.tif", "16-bit black", 3, 1, 1);
    labels.getProcessor().setPixels(new short[] {(short) 32768, (short) 32769, 32767});
    labels.getCalibration().setSigned16BitCalibration();
    ImageVolume volume = ImageVolume.image(labels, null);
    assertEquals(DataType.DATA_TYPE_FLOAT32, volume.spec().getDataType());
    byte[] bytes = volume.read(BlockGrid.of(volume.spec()).block(0));
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(0, in.getFloat());
    assertEquals(1, in.getFloat());
    assertEquals(-1, in.getFloat());
  }

  @Test
  void planesThatWereLetGoAreReadAgain() throws Exception {
    int[] reads = new int[1];
    ImageStack counting =
        new VirtualStack(4, 3, 2) {
          @Override
          public ImageProcessor getProcessor(int plane) {
            reads[0]++;
            return new ByteProcessor(4, 3, new byte[] {5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7});
          }
        };
    ImageVolume volume = ImageVolume.image(new ImagePlus("virtual.tif", counting), null);
    BlockGrid.Block block = BlockGrid.of(volume.spec()).block(0);
    reads[0] = 0;
    byte[] first = volume.read(block);
    volume.read(block);
    assertEquals(2, reads[0], "two planes, kept");
    volume.forget();
    assertArrayEquals(first, volume.read(block));
    assertEquals(4, reads[0]);
  }

  @Test
  void whatWasCroppedOrConvertedHasOtherPlanesThanBefore() throws Exception {
    for (int sections : new int[] {1, 3}) {
      ImagePlus image = hyperstack(16, 1, sections, 1, 12, 9);
      ImageVolume before = ImageVolume.image(image, null);
      image.getProcessor().set(0, 0, 7);
      image.setSlice(sections);
      assertTrue(before.isOf(image), "the same planes");
      image.setRoi(2, 3, 5, 4);
      image.setStack(image.crop("stack").getStack());
      assertFalse(before.isOf(image), "another size");
      ImageVolume cropped = ImageVolume.image(image, null);
      if (sections > 1) {
        new StackConverter(image).convertToGray8();
      } else {
        new ImageConverter(image).convertToGray8();
      }
      assertFalse(cropped.isOf(image), "another type");
      ImageVolume converted = ImageVolume.image(image, null);
      assertTrue(converted.isOf(image));
      image.flush();
      assertFalse(converted.isOf(image), "closed");
    }
  }

  @Test
  void anImageThatLosesItsPlanesWhileItIsLookedAtIsToldSo() throws Exception {
    ImagePlus image = hyperstack(8, 1, 3, 1, 12, 9);
    ImageVolume volume = ImageVolume.image(image, null);
    image.getStack().deleteLastSlice(); // as ImageJ does while it crops
    assertTrue(volume.isOf(image));
    CristaeException failure = assertThrows(CristaeException.class, () -> volume.plane(0, 2));
    assertEquals(
        "\""
            + image.getTitle()
            + "\" was changed or closed while it was looked at. If it is still open, look again.",
        failure.getMessage());
  }

  @Test
  void aSingleImageHasOneSection() throws Exception {
    ImagePlus image = hyperstack(16, 1, 1, 1, 12, 9);
    assertEveryVoxelInPlace(image, 16);
    assertEquals(1, ImageVolume.image(image, null).spec().getShape().getZ());
  }

  @Test
  void manyChannelsOfOneSliceAreDoubted() throws Exception {
    String doubt = ImageVolume.image(hyperstack(8, 12, 1, 1, 8, 9), null).doubt();
    assertTrue(doubt.contains("has 12 channels and one slice. If these are slices"), doubt);
    assertEquals("", ImageVolume.image(hyperstack(8, 12, 2, 1, 8, 9), null).doubt());
    assertEquals("", ImageVolume.image(hyperstack(8, 4, 1, 1, 8, 9), null).doubt());
  }

  @Test
  void aStackOpenedAsTimeSeriesIsTakenAsSections() throws Exception {
    ImagePlus image = hyperstack(8, 1, 1, 5, 8, 9);
    assertEveryVoxelInPlace(image, 8);
    assertTrue(ImageVolume.image(image, null).order().isTimeTakenAsSections());
  }

  @Test
  void aTimeSeriesOfStacksIsRefusedWithAdvice() {
    CristaeException failure =
        assertThrows(
            CristaeException.class, () -> ImageVolume.image(hyperstack(8, 1, 3, 2, 8, 8), null));
    assertTrue(failure.getMessage().contains("3 slices and 2 time points"));
  }

  @Test
  void anRgbImageIsRefusedWithAdvice() {
    ImagePlus rgb = IJ.createImage("photo.png", "RGB", 5, 5, 1);
    CristaeException failure =
        assertThrows(CristaeException.class, () -> ImageVolume.image(rgb, null));
    assertTrue(failure.getMessage().contains("Image > Type > 8-bit"));
  }

  @Test
  void aVirtualStackIsReadPlaneByPlaneAndNeverWhole() throws Exception {
    List<Integer> reads = new ArrayList<>();
    VirtualStack stack =
        new VirtualStack(1200, 1200, 40) {
          @Override
          public ImageProcessor getProcessor(int n) {
            reads.add(n);
            return new ByteProcessor(1200, 1200);
          }

          @Override
          public int getBitDepth() {
            return 8;
          }
        };
    ImageVolume volume = ImageVolume.image(new ImagePlus("virtual.tif", stack), null);
    reads.clear();
    BlockGrid grid = BlockGrid.of(volume.spec());
    volume.read(grid.block(0));
    assertTrue(reads.size() <= 16, "one slab at a time");
    for (long i = 1; i < grid.blockCount(); i++) {
      volume.read(grid.block(i));
    }
    assertEquals(40, reads.size(), "each plane once for a pass");
  }

  @Test
  void nanInLabelsIsRefusedAndInImagesTravels() throws Exception {
    FloatProcessor ip = new FloatProcessor(4, 4);
    ip.setf(5, Float.NaN);
    ImagePlus image = new ImagePlus("nan.tif", ip);
    ImageVolume raw = ImageVolume.image(image, null);
    assertEquals(64, raw.read(BlockGrid.of(raw.spec()).block(0)).length);
    ImageVolume labels = ImageVolume.labels(image, null, Collections.emptyList());
    CristaeException failure =
        assertThrows(
            CristaeException.class, () -> labels.read(BlockGrid.of(labels.spec()).block(0)));
    assertTrue(failure.getMessage().contains("NaN"));
  }

  @Test
  void aVirtualStackWhoseFilesWentAwayIsRefusedAndNotSentBlack(@TempDir Path folder)
      throws Exception {
    Path one = folder.resolve("stack.tif");
    Path slices = Files.createDirectory(folder.resolve("slices"));
    ImagePlus image = hyperstack(8, 1, 3, 1, 8, 9);
    assertTrue(new FileSaver(image).saveAsTiff(one.toString()));
    for (int z = 1; z <= 3; z++) {
      ImagePlus slice = new ImagePlus("s", image.getStack().getProcessor(z));
      assertTrue(new FileSaver(slice).saveAsTiff(slices.resolve("s" + z + ".tif").toString()));
    }
    ImageVolume ofFile = ImageVolume.image(IJ.openVirtual(one.toString()), null);
    ImageVolume ofFolder = ImageVolume.image(FolderOpener.open(slices.toString(), "virtual"), null);
    BlockGrid.Block all = BlockGrid.of(ofFile.spec()).block(0);
    byte[] voxels = ImageVolume.image(image, null).read(all);
    assertArrayEquals(voxels, ImageVolume.image(IJ.openVirtual(one.toString()), null).read(all));
    assertArrayEquals(
        voxels, ImageVolume.image(FolderOpener.open(slices.toString(), "virtual"), null).read(all));
    Files.delete(one);
    Files.delete(slices.resolve("s2.tif"));
    for (ImageVolume volume : new ImageVolume[] {ofFile, ofFolder}) {
      CristaeException failure =
          assertThrows(
              CristaeException.class, () -> volume.read(BlockGrid.of(volume.spec()).block(0)));
      assertTrue(failure.getMessage().contains("check its files"), failure.getMessage());
    }
  }

  @Test
  void anImageThatIsClosedWhileItIsSentIsToldInWords() throws Exception {
    ImagePlus image = hyperstack(8, 1, 3, 1, 8, 9);
    ImageVolume volume = ImageVolume.image(image, null);
    image.flush(); // as its window does when it is closed
    CristaeException failure =
        assertThrows(
            CristaeException.class, () -> volume.read(BlockGrid.of(volume.spec()).block(0)));
    assertTrue(failure.getMessage().contains("\"stack.tif\" was closed"), failure.getMessage());
  }

  @Test
  void negativeLabelsAreRefusedHereSinceTheContractCannotNameThemAsUnknown() throws Exception {
    FloatProcessor plane = new FloatProcessor(4, 4);
    plane.setf(5, -2);
    ImagePlus image = new ImagePlus("labels.tif", plane);
    ImageVolume labels = ImageVolume.labels(image, null, Collections.emptyList());
    CristaeException failure =
        assertThrows(
            CristaeException.class, () -> labels.read(BlockGrid.of(labels.spec()).block(0)));
    assertTrue(failure.getMessage().contains("contain -2 in plane 1"), failure.getMessage());
  }

  @Test
  void labelsWithChannelsAreRefused() {
    assertThrows(
        CristaeException.class,
        () -> ImageVolume.labels(hyperstack(8, 2, 3, 1, 8, 8), null, Collections.emptyList()));
  }

  @ParameterizedTest
  @ValueSource(longs = {3, 255, 256, 65535, 65536, 70000, 1 << 24})
  void labelsComeBackExactInTheSmallestTypeThatFits(long greatest) throws Exception {
    ImageStack stack = new ImageStack(300, 30);
    for (int z = 0; z < 9; z++) {
      stack.addSlice(new FloatProcessor(300, 30));
    }
    for (int i = 0; i < 300 * 30 * 9; i++) {
      float value = Math.min(greatest, i);
      stack.getProcessor(i / 9000 + 1).setf(i % 9000, i == 80_999 ? greatest : value);
    }
    ImageVolume sent = ImageVolume.labels(new ImagePlus("l", stack), null, Collections.emptyList());
    ReceivedVolume received = new ReceivedVolume(asUint32(sent));
    BlockGrid grid = BlockGrid.of(sent.spec());
    for (long i = 0; i < grid.blockCount(); i++) {
      received.write(grid.block(i), uint32(sent.read(grid.block(i))));
    }
    ImagePlus image = received.toImage("r", null);
    assertEquals(greatest, received.maximum());
    assertEquals(greatest > 65535 ? 32 : greatest > 255 ? 16 : 8, image.getBitDepth());
    for (int z = 1; z <= 9; z++) {
      assertArrayEquals(
          (float[]) stack.getPixels(z),
          (float[]) image.getStack().getProcessor(z).convertToFloatProcessor().getPixels());
    }
  }

  private static org.cristae.v1.VolumeSpec asUint32(ImageVolume volume) {
    return volume.spec().toBuilder().setDataType(DataType.DATA_TYPE_UINT32).build();
  }

  private static byte[] uint32(byte[] floats) {
    ByteBuffer in = ByteBuffer.wrap(floats).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer out = ByteBuffer.allocate(floats.length).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      out.putInt((int) in.getFloat());
    }
    return out.array();
  }

  @Test
  void labelsBeyondSixteenMillionStayOnTheServer() throws Exception {
    ImageVolume one = ImageVolume.image(hyperstack(32, 1, 1, 1, 1, 1), null);
    ReceivedVolume received = new ReceivedVolume(asUint32(one));
    byte[] voxel = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(20_000_000).array();
    CristaeException failure =
        assertThrows(
            CristaeException.class, () -> received.write(BlockGrid.of(one.spec()).block(0), voxel));
    assertTrue(failure.getMessage().contains("20,000,000"));
  }

  @Test
  void theResultHasCalibrationShapePositionAndNamesOfSectionsOfTheSource() throws Exception {
    ImagePlus source = hyperstack(8, 2, 4, 1, 8, 9);
    source.getStack().setSliceLabel("section_03.tif\n0008,0008 what a scanner tells", 5);
    source.getStack().setSliceLabel("the other channel", 6);
    source.getCalibration().setUnit("micron");
    source.getCalibration().pixelDepth = 0.05;
    source.getCalibration().xOrigin = 3;
    source.setPosition(2, 3, 1);
    ImageVolume labels = ImageVolume.image(hyperstack(8, 1, 4, 1, 8, 9), null);
    ReceivedVolume received = new ReceivedVolume(labels.spec());
    BlockGrid.Block block = BlockGrid.of(labels.spec()).block(0);
    received.write(block, labels.read(block));
    ImagePlus result = received.toImage("r", source);
    assertArrayEquals(new int[] {9, 8, 1, 4, 1}, result.getDimensions());
    assertEquals("micron", result.getCalibration().getUnit());
    assertEquals(0.05, result.getCalibration().pixelDepth);
    assertEquals(3, result.getCalibration().xOrigin);
    assertEquals(3, result.getCurrentSlice());
    assertEquals("section_03.tif", result.getStack().getSliceLabel(3));
    assertNull(result.getStack().getSliceLabel(2));
  }

  @Test
  void aTitleIsTheNameOfAVolumeWithBeginningAndEndAndNoControlCharacters() {
    assertEquals("stack.tif", ImageVolume.name("stack.tif"));
    assertEquals("a b c.tif", ImageVolume.name("a\tb\nc.tif"));
    String longest = String.join("", Collections.nCopies(120, "\ud83d\udd2c"));
    assertEquals(longest, ImageVolume.name(longest));
    String name = ImageVolume.name(longest + "_left.tif");
    assertEquals(120, name.codePointCount(0, name.length()));
    assertTrue(name.startsWith("\ud83d\udd2c") && name.endsWith("_left.tif"), name);
  }
}

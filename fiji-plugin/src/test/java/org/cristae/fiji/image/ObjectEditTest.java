package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import ij.process.FloatProcessor;
import ij.process.ShortProcessor;
import java.util.Arrays;
import java.util.Collections;
import java.util.Random;
import java.util.TreeSet;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.Box;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.Test;

/** Ids that are changed in place, and what is refused. */
class ObjectEditTest {
  /** Two sections of 2 rows of 4 voxels. */
  private static ImagePlus cells() {
    ImageStack stack = new ImageStack(4, 2);
    stack.addSlice(null, new byte[] {1, 1, 0, 2, 1, 3, 3, 2});
    stack.addSlice(null, new byte[] {0, 7, 7, 2, 0, 0, 7, 0});
    return new ImagePlus("cells.tif", stack);
  }

  private static ObjectEdit merge(ImagePlus image, int into, Integer... ids) throws Exception {
    return ObjectEdit.merge(
        ObjectImage.of(image),
        new TreeSet<>(Arrays.asList(ids)),
        into,
        Progress.NONE,
        new Cancellation());
  }

  private static byte[] plane(ImagePlus image, int number) {
    return (byte[]) image.getStack().getPixels(number);
  }

  @Test
  void allOfTheObjectsGetTheOneIdAndNothingElseChanges() throws Exception {
    ImagePlus image = cells();
    ObjectEdit edit = merge(image, 2, 2, 3, 7);
    assertArrayEquals(new byte[] {1, 1, 0, 2, 1, 2, 2, 2}, plane(image, 1));
    assertArrayEquals(new byte[] {0, 2, 2, 2, 0, 0, 2, 0}, plane(image, 2));
    assertEquals(Collections.singletonMap(2, 5L), edit.voxels());
  }

  @Test
  void whatIsTakenBackIsAsBeforeAndWhatWasPaintedSinceStays() throws Exception {
    ImagePlus image = cells();
    ObjectEdit edit = merge(image, 1, 1, 2, 7);
    plane(image, 2)[1] = 9;
    assertEquals(1, edit.takeBack(ObjectImage.of(image)));
    assertArrayEquals(plane(cells(), 1), plane(image, 1));
    assertArrayEquals(new byte[] {0, 9, 7, 2, 0, 0, 7, 0}, plane(image, 2));
    image.getStack().deleteLastSlice();
    CristaeException refused =
        assertThrows(CristaeException.class, () -> edit.takeBack(ObjectImage.of(image)));
    assertTrue(refused.getMessage().contains("other slices"), refused.getMessage());
  }

  @Test
  void idsThatTheImageCannotHoldAnyMoreAreNotTakenBack() throws Exception {
    ImageStack wide = new ImageStack(2, 1);
    wide.addSlice(new ShortProcessor(2, 1, new short[] {7, 300}, null));
    ImagePlus image = new ImagePlus("cells", wide);
    ObjectEdit edit = merge(image, 7, 7, 300);
    ImageStack narrow = new ImageStack(2, 1);
    narrow.addSlice(new ByteProcessor(2, 1, new byte[] {7, 7}));
    image.setStack(narrow);
    CristaeException refused =
        assertThrows(CristaeException.class, () -> edit.takeBack(ObjectImage.of(image)));
    assertTrue(refused.getMessage().contains("another size, type"), refused.getMessage());
    assertArrayEquals(new byte[] {7, 7}, plane(image, 1));
  }

  @Test
  void aMergeThatIsCancelledChangesNothing() {
    ImagePlus image = cells();
    Cancellation cancellation = new Cancellation();
    Progress second =
        (stage, fraction, detail) -> {
          if (fraction > 0) {
            cancellation.cancel();
          }
        };
    ImageStack three = image.getStack();
    three.addSlice(null, new byte[] {2, 2, 2, 2, 2, 2, 2, 2});
    image.setStack(three);
    assertThrows(
        CristaeException.class,
        () ->
            ObjectEdit.merge(
                ObjectImage.of(image),
                new TreeSet<>(Arrays.asList(1, 2)),
                1,
                second,
                cancellation));
    assertArrayEquals(plane(cells(), 1), plane(image, 1));
  }

  @Test
  void theBoxOfAnObjectIsThatOfAllItsVoxels() throws Exception {
    Random random = new Random(3);
    for (int trial = 0; trial < 50; trial++) {
      ImageStack stack = new ImageStack(5, 4);
      int[] low = {9, 9, 9};
      int[] high = {0, 0, 0};
      int largest = 0;
      for (int z = 0; z < 3; z++) {
        short[] ids = new short[20];
        for (int i = 0; i < 20; i++) {
          ids[i] = (short) (random.nextInt(4) == 0 ? 700 : random.nextInt(3));
          int[] place = {z, i / 5, i % 5};
          largest = Math.max(largest, ids[i]);
          for (int axis = 0; axis < 3 && ids[i] == 700; axis++) {
            low[axis] = Math.min(low[axis], place[axis]);
            high[axis] = Math.max(high[axis], place[axis] + 1);
          }
        }
        stack.addSlice(null, ids);
      }
      ObjectImage objects = ObjectImage.of(new ImagePlus("ids", stack));
      ObjectImage.Place place = objects.place(700, Progress.NONE, new Cancellation());
      Box box = place.box();
      assertEquals(largest, place.largest());
      assertArrayEquals(
          new long[] {low[0], low[1], low[2], high[0], high[1], high[2]},
          new long[] {
            box.getZStart(),
            box.getYStart(),
            box.getXStart(),
            box.getZStop(),
            box.getYStop(),
            box.getXStop()
          });
    }
  }

  @Test
  void theMaskOfAnObjectIsOneInsideOfItsBox() throws Exception {
    ImagePlus image = cells();
    image.getCalibration().setUnit("nm");
    image.getCalibration().pixelDepth = 30;
    ObjectImage objects = ObjectImage.of(image);
    Box box = objects.place(7, Progress.NONE, new Cancellation()).box();
    ImagePlus mask = ObjectMask.of(objects, 7, box);
    assertEquals(30, mask.getCalibration().pixelDepth);
    ImageVolume volume = ImageVolume.labels(mask, null, Collections.emptyList());
    assertEquals(1, volume.spec().getShape().getZ());
    assertArrayEquals(new byte[] {1, 1, 0, 1}, (byte[]) volume.plane(0, 0));
  }

  @Test
  void partsGetTheirIdsOnlyWhereTheObjectIs() throws Exception {
    ImagePlus image = cells();
    ImageStack parts = new ImageStack(2, 2);
    parts.addSlice(null, new byte[] {2, 1, 0, 3});
    Box box =
        Box.newBuilder()
            .setZStart(1)
            .setZStop(2)
            .setYStart(0)
            .setYStop(2)
            .setXStart(1)
            .setXStop(3)
            .build();
    ObjectEdit edit = ObjectEdit.split(ObjectImage.of(image), 7, box, parts, 8);
    assertArrayEquals(new byte[] {0, 8, 7, 2, 0, 0, 9, 0}, plane(image, 2));
    edit.takeBack(ObjectImage.of(image));
    assertArrayEquals(plane(cells(), 2), plane(image, 2));
  }

  @Test
  void framesAreSectionsAndWhatHasChannelsOrColoursIsRefusedInASentence() throws Exception {
    ImagePlus frames = cells();
    frames.setDimensions(1, 1, 2);
    assertEquals(2, ObjectImage.of(frames).order().sections());
    ImagePlus channels = cells();
    channels.setDimensions(2, 1, 1);
    assertRefused(channels, "has 2 channels");
    assertRefused(IJ.createHyperStack("both", 2, 2, 1, 2, 2, 8), "2 slices and 2 time points");
    assertRefused(IJ.createImage("rgb", "RGB", 2, 2, 1), "RGB colour image");
    ImagePlus signed = IJ.createImage("signed", "16-bit", 2, 2, 1);
    signed.getCalibration().setSigned16BitCalibration();
    assertRefused(signed, "signed numbers");
  }

  private static void assertRefused(ImagePlus image, String words) {
    CristaeException refused = assertThrows(CristaeException.class, () -> ObjectImage.of(image));
    assertTrue(refused.getMessage().contains(words), refused.getMessage());
  }

  @Test
  void fractionsAndVirtualStacksAreRefusedInASentence() throws Exception {
    float[] values = {1, 2, 0.5f, 0};
    ImagePlus fractions = new ImagePlus("p", new FloatProcessor(2, 2, values));
    CristaeException refused =
        assertThrows(CristaeException.class, () -> merge(fractions, 1, 1, 2));
    assertTrue(refused.getMessage().contains("contains 0.5 in slice 1"), refused.getMessage());
    assertEquals(2, values[1]);
    ObjectImage objects = ObjectImage.of(cells());
    Box box = objects.place(7, Progress.NONE, new Cancellation()).box();
    ImagePlus mask = ObjectMask.of(objects, 7, box);
    CristaeException isVirtual =
        assertThrows(CristaeException.class, () -> ObjectImage.of(mask).checkEditable());
    assertTrue(isVirtual.getMessage().contains("Image > Duplicate"), isVirtual.getMessage());
  }

  @Test
  void aMicrographIsNotTakenForObjects() throws Exception {
    ImagePlus grey = IJ.createImage("raw.tif", "8-bit noise", 64, 64, 1);
    CristaeException refused =
        assertThrows(CristaeException.class, () -> ObjectImage.of(grey).checkEditable());
    assertTrue(
        refused.getMessage().contains("\"raw.tif\" holds grey values"), refused.getMessage());
    ObjectImage.of(cells()).checkEditable();
  }

  @Test
  void idsBeyondTheTypeAreNeverCut() throws Exception {
    ImagePlus image = cells();
    image.setSlice(2);
    image.getStack().setSliceLabel("two", 2);
    image.getCalibration().setUnit("nm");
    Roi selection = new Roi(1, 0, 2, 1);
    image.setRoi(selection);
    Overlay overlay = new Overlay(new Roi(0, 0, 1, 1));
    image.setOverlay(overlay);
    assertEquals(0, LabelType.widen(image, 255));
    assertEquals(16, LabelType.widen(image, 256));
    assertEquals(16, image.getBitDepth());
    assertArrayEquals(
        new short[] {0, 7, 7, 2, 0, 0, 7, 0}, (short[]) image.getStack().getPixels(2));
    assertEquals(2, image.getCurrentSlice());
    assertEquals("two", image.getStack().getSliceLabel(2));
    assertEquals("nm", image.getCalibration().getUnit());
    assertEquals(selection.getBounds(), image.getRoi().getBounds());
    assertSame(overlay, image.getOverlay());
    assertEquals(32, LabelType.widen(image, 65_536));
    assertEquals(7, ((float[]) image.getStack().getPixels(2))[1]);
    CristaeException full =
        assertThrows(CristaeException.class, () -> LabelType.widen(image, 16_777_217));
    assertEquals(ErrorCode.ERROR_CODE_UNSUPPORTED, full.code());
    ImagePlus one = new ImagePlus("one", new ByteProcessor(2, 1, new byte[] {-1, 3}));
    LabelType.widen(one, 256);
    assertTrue(one.getProcessor() instanceof ShortProcessor);
    assertEquals(255, one.getProcessor().get(0));
  }
}

package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.gui.Line;
import ij.gui.PointRoi;
import ij.gui.Roi;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.LabelClass;
import org.junit.jupiter.api.Test;

/** What a person draws is what is learnt: class, section and width of every ROI. */
class RoiLabelsTest {
  private final ImagePlus source = IJ.createImage("stack.tif", "8-bit black", 20, 20, 5);

  private static Roi named(Roi roi, String name, int position) {
    roi.setName(name);
    roi.setPosition(position);
    return roi;
  }

  private static int at(RoiLabels labels, int z, int x, int y) {
    return labels.image().getStack().getProcessor(z).getPixel(x, y);
  }

  /** A ROI, and one voxel of background, without which one class teaches nothing. */
  private static Roi[] withBackground(Roi roi) {
    return new Roi[] {roi, named(new Roi(19, 19, 1, 1), "background", 1)};
  }

  private static List<String> names(RoiLabels labels) {
    return labels.classes().stream().map(LabelClass::getName).collect(Collectors.toList());
  }

  private static RoiLabels draw(ImagePlus source, Roi[] rois, boolean instances, String... names)
      throws CristaeException {
    List<LabelClass> named = new ArrayList<>();
    for (String name : names) {
      named.add(LabelClass.newBuilder().setValue(named.size() + 1).setName(name).build());
    }
    return RoiLabels.draw(source, rois, instances ? "instances" : "classes", named);
  }

  @Test
  void namedClassesKeepTheirOrderWhateverWasDrawnFirst() throws Exception {
    Roi[] rois = {
      named(new Roi(0, 0, 4, 4), "vesicle-1", 1),
      named(new Roi(8, 0, 4, 4), "mito-1", 1),
      named(new Roi(0, 8, 4, 4), "background", 1)
    };
    RoiLabels labels = draw(source, rois, false, "mito", "vesicle");
    assertEquals(java.util.Arrays.asList("mito", "vesicle"), names(labels));
    assertEquals(2, at(labels, 1, 1, 1));
    assertEquals(1, at(labels, 1, 9, 1));
    assertEquals(0, at(labels, 1, 1, 9));
    CristaeException failure =
        assertThrows(CristaeException.class, () -> draw(source, rois, false, "mito"));
    assertTrue(failure.getMessage().contains("\"vesicle\", which is none of those named: mito."));
  }

  @Test
  void aClassThatLaterRoisCoverIsRefusedUnlessItIsSeenElsewhere() throws Exception {
    Roi under = named(new Roi(2, 2, 4, 4), "mito-1", 1);
    Roi above = named(new Roi(2, 2, 5, 5), "background", 1);
    Roi elsewhere = named(new Roi(2, 2, 4, 4), "mito-2", 2);
    CristaeException failure =
        assertThrows(CristaeException.class, () -> draw(source, new Roi[] {under, above}, false));
    assertTrue(
        failure
            .getMessage()
            .startsWith("The ROI \"mito-1\" leaves no voxel of its kind: it is wholly"));
    assertEquals(1, at(draw(source, new Roi[] {above, under}, false), 1, 3, 3));
    RoiLabels labels = draw(source, new Roi[] {under, above, elsewhere}, false);
    assertEquals(0, at(labels, 1, 3, 3));
    assertEquals(1, at(labels, 2, 3, 3));
    Roi point = named(new PointRoi(3, 3), "first", 1);
    Roi covering = named(new Roi(2, 2, 4, 4), "second", 1);
    assertThrows(CristaeException.class, () -> draw(source, new Roi[] {point, covering}, true));
  }

  @Test
  void itIsKnownWhereThereAreRoisAndWhetherTheyLeaveAnythingUnknown() throws Exception {
    Roi background = named(new Roi(0, 0, 20, 20), "background", 1);
    RoiLabels labels =
        draw(source, new Roi[] {background, named(new Roi(2, 2, 4, 4), "mito", 4)}, false);
    assertEquals(new TreeSet<>(Arrays.asList(0, 3)), labels.sections());
    assertTrue(labels.haveUnknown());
    ImagePlus single = IJ.createImage("single.tif", "8-bit black", 20, 20, 1);
    Roi mito = named(new Roi(2, 2, 4, 4), "mito", 1);
    assertFalse(draw(single, new Roi[] {background, mito}, false).haveUnknown());
    assertFalse(draw(single, new Roi[] {background, mito}, true).haveUnknown());
    Roi partly = named(new Roi(0, 0, 20, 19), "background", 1);
    assertTrue(draw(single, new Roi[] {partly, mito}, true).haveUnknown());
  }

  @Test
  void aRoiOfASliceThatIsNotThereIsTold() {
    Roi[] rois = {named(new Roi(0, 0, 4, 4), "mito-1", 9)};
    CristaeException failure =
        assertThrows(CristaeException.class, () -> draw(source, rois, false));
    assertTrue(failure.getMessage().contains("\"mito-1\" belongs to slice 9"));
    assertTrue(failure.getMessage().contains("slices 1-5"), failure.getMessage());
  }

  @Test
  void aPointCountsForTheVoxelThatItLiesIn() throws Exception {
    RoiLabels labels = draw(source, withBackground(new PointRoi(10.7, 4.9)), false);
    assertEquals(1, at(labels, 1, 10, 4));
    assertEquals(RoiLabels.UNKNOWN, at(labels, 1, 11, 5));
  }

  @Test
  void aFewStrokesOnAHugeVirtualStackNeedNoMemory() throws Exception {
    ImagePlus huge = new ImagePlus("huge.tif", new VirtualStack(1000, 1000, 100_000));
    Roi[] rois = withBackground(named(new Roi(5, 5, 4, 4), "mito-1", 70_000));
    ImageStack drawn = draw(huge, rois, false).image().getStack();
    assertEquals(100_000, drawn.size());
    assertEquals(1, drawn.getProcessor(70_000).getPixel(6, 6));
    rois[0].setLocation(50, 50); // the ROI of the Manager goes on to be the person's
    assertEquals(1, drawn.getProcessor(70_000).getPixel(6, 6));
  }

  @Test
  void theNameWithoutItsNumberIsTheClass() throws Exception {
    RoiLabels labels =
        draw(
            source,
            new Roi[] {
              named(new Roi(0, 0, 4, 4), "mito-1", 1),
              named(new Roi(8, 0, 4, 4), "vesicle 7", 1),
              named(new Roi(0, 8, 4, 4), "mito-2", 2),
              named(new Roi(8, 8, 4, 4), "Background", 2)
            },
            false);
    assertEquals(java.util.Arrays.asList("mito", "vesicle"), names(labels));
    assertEquals(1, at(labels, 1, 1, 1));
    assertEquals(2, at(labels, 1, 9, 1));
    assertEquals(1, at(labels, 2, 1, 9));
    assertEquals(0, at(labels, 2, 9, 9));
    assertEquals(RoiLabels.UNKNOWN, at(labels, 1, 9, 9));
    assertEquals(RoiLabels.UNKNOWN, at(labels, 3, 1, 1));
  }

  @Test
  void theGroupComesBeforeTheName() throws Exception {
    Roi roi = named(new Roi(0, 0, 4, 4), "mito-1", 1);
    roi.setGroup(3);
    RoiLabels labels = draw(source, withBackground(roi), false);
    assertEquals(java.util.Collections.singletonList("group 3"), names(labels));
  }

  @Test
  void aRoiWithoutPositionBelongsToTheCurrentSectionOnly() throws Exception {
    source.setSlice(4);
    RoiLabels labels = draw(source, withBackground(new Roi(2, 2, 3, 3)), false);
    for (int z = 1; z <= 5; z++) {
      assertEquals(z == 4 ? 1 : RoiLabels.UNKNOWN, at(labels, z, 3, 3));
    }
  }

  @Test
  void linesCountWithTheirWidth() throws Exception {
    Line line = new Line(2, 10, 18, 10);
    line.setStrokeWidth(5);
    line.setPosition(1);
    RoiLabels labels = draw(source, withBackground(line), false);
    assertEquals(1, at(labels, 1, 10, 8));
    assertEquals(1, at(labels, 1, 10, 11));
    assertEquals(RoiLabels.UNKNOWN, at(labels, 1, 10, 14));
  }

  @Test
  void everyPointIsDrawnInItsOwnSection() throws Exception {
    PointRoi points = new PointRoi();
    source.setSlice(2);
    points.addPoint(source, 5, 5);
    source.setSlice(3);
    points.addPoint(source, 9, 9);
    RoiLabels labels = draw(source, withBackground(points), false);
    assertEquals(1, at(labels, 2, 5, 5));
    assertEquals(1, at(labels, 3, 9, 9));
    assertEquals(RoiLabels.UNKNOWN, at(labels, 2, 9, 9));
  }

  @Test
  void laterRoisLieAboveEarlierOnes() throws Exception {
    RoiLabels labels =
        draw(
            source,
            new Roi[] {
              named(new Roi(0, 0, 10, 10), "cell", 1), named(new Roi(2, 2, 2, 2), "mito", 1)
            },
            false);
    assertEquals(1, at(labels, 1, 1, 1));
    assertEquals(2, at(labels, 1, 2, 2));
  }

  @Test
  void onAHyperstackTheSliceCountsNotThePlane() throws Exception {
    ImagePlus hyper = IJ.createHyperStack("h", 20, 20, 2, 4, 1, 8);
    Roi roi = new Roi(0, 0, 3, 3);
    roi.setPosition(2, 3, 1);
    RoiLabels labels = draw(hyper, withBackground(roi), false);
    assertArrayEquals(new int[] {20, 20, 1, 4, 1}, labels.image().getDimensions());
    assertEquals(1, at(labels, 3, 1, 1));
  }

  @Test
  void forInstancesEveryRoiIsAnObjectOfItsOwn() throws Exception {
    RoiLabels labels =
        draw(
            source,
            new Roi[] {
              named(new Roi(0, 0, 3, 3), "0001-0002-0003", 1),
              named(new Roi(5, 0, 3, 3), "0001-0002-0007", 1),
              named(new Roi(0, 5, 3, 3), "cell-1", 1),
              named(new Roi(0, 5, 3, 3), "cell-1", 2)
            },
            true);
    float[] values = new float[4];
    values[0] = labels.image().getStack().getProcessor(1).getf(1, 1);
    values[1] = labels.image().getStack().getProcessor(1).getf(6, 1);
    values[2] = labels.image().getStack().getProcessor(1).getf(1, 6);
    values[3] = labels.image().getStack().getProcessor(2).getf(1, 6);
    assertArrayEquals(new float[] {1, 2, 3, 3}, values);
    assertEquals(
        RoiLabels.unknown(true), (int) labels.image().getStack().getProcessor(5).getf(1, 1));
  }

  private String refused(Roi... rois) {
    return assertThrows(CristaeException.class, () -> draw(source, rois, false)).getMessage();
  }

  @Test
  void roisOutsideOfTheImageAreToldAndThoseOnItsEdgeAreCutOff() throws Exception {
    Roi background = named(new Roi(0, 0, 2, 2), "background", 1);
    Roi cut = named(new Roi(18, 18, 4, 4), "mito-1", 1);
    Roi far = named(new Roi(30, 3, 4, 4), "mito-2", 1);
    Line wide = new Line(22, 2, 22, 18);
    wide.setStrokeWidth(9);
    RoiLabels labels = draw(source, new Roi[] {background, cut, named(wide, "mito-3", 2)}, false);
    assertEquals(1, at(labels, 1, 19, 19));
    assertEquals(1, at(labels, 2, 19, 9));
    String some = refused(background, cut, far);
    assertTrue(
        some.startsWith(
            "Some ROIs lie outside of the image \"stack.tif\", which is 20 x 20: \"mito-2\"."),
        some);
    wide.setStrokeWidth(1);
    Roi[] lost = {far, named(new PointRoi(20.5, 3), "background", 1), named(wide, "mito-3", 2)};
    String all = refused(lost);
    assertTrue(all.startsWith("All ROIs lie outside"), all);
    assertTrue(all.contains("\"mito-2\", \"background\", \"mito-3\"."), all);
  }

  @Test
  void oneClassWithoutBackgroundIsToldBeforeAnythingIsSent() throws Exception {
    Roi mito = named(new Roi(0, 0, 4, 4), "mito-1", 1);
    String sentence = refused(mito, named(new Roi(8, 8, 4, 4), "mito-2", 2));
    assertTrue(sentence.contains("\"mito\""), sentence);
    assertTrue(sentence.contains("draw some background too, and call it background"), sentence);
    Roi background = named(new Roi(0, 0, 2, 2), "background", 1);
    assertTrue(refused(background).contains("draw what is to be found too"));
    draw(source, new Roi[] {mito}, true); // an object has a boundary
  }

  @Test
  void noRoisAreToldWithAdvice() {
    CristaeException failure =
        assertThrows(CristaeException.class, () -> draw(source, new Roi[0], false));
    assertTrue(failure.getMessage().contains("ROI Manager"));
  }
}

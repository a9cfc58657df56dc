package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Arrow;
import ij.gui.ImageRoi;
import ij.gui.Line;
import ij.gui.Roi;
import ij.gui.TextRoi;
import ij.process.ByteProcessor;
import java.util.Collections;
import org.cristae.fiji.client.CristaeException;
import org.junit.jupiter.api.Test;

/** What explains an image is no label. */
class RoiDecorationsTest {
  private final ImagePlus source = IJ.createImage("stack.tif", "8-bit black", 200, 200, 2);

  private RoiLabels draw(Roi... rois) throws CristaeException {
    return RoiLabels.draw(source, rois, "classes", Collections.emptyList());
  }

  private static Roi named(Roi roi, String name) {
    roi.setName(name);
    return roi;
  }

  @Test
  void textsArrowsAndPicturesAreLeftOutWithASentence() throws Exception {
    RoiLabels labels =
        draw(
            new TextRoi(5, 5, "a mitochondrion"),
            named(new Roi(50, 50, 10, 10), "mito-1"),
            named(new Arrow(10, 10, 50, 50), "mito-2"),
            new ImageRoi(100, 100, new ByteProcessor(20, 20)),
            named(new Line(80, 80, 90, 80), "er-1"));
    assertEquals(2, labels.classes().size());
    assertEquals("er", labels.classes().get(1).getName());
    assertEquals(RoiLabels.UNKNOWN, labels.image().getProcessor().getPixel(30, 30));
    assertEquals(1, labels.image().getProcessor().getPixel(55, 55));
    assertTrue(labels.leftOut().startsWith("3 ROIs are no label and left out"), labels.leftOut());
  }

  @Test
  void theMarkOfAClickedObjectIsNoLabel() throws Exception {
    ObjectMark.put(source, new Roi(20, 20, 9, 9), 0);
    Roi mark = source.getOverlay().get(0);
    Roi mito = named(new Roi(50, 50, 10, 10), "mito-1");
    RoiLabels labels = draw(mito, named(new Line(80, 80, 90, 80), "er-1"), mark);
    assertEquals(2, labels.classes().size());
    assertEquals(RoiLabels.UNKNOWN, labels.image().getProcessor().getPixel(22, 22));
    assertTrue(labels.leftOut().startsWith("1 ROI is no label"), labels.leftOut());
  }

  @Test
  void anImageWithNothingElseIsRefused() {
    Roi[] bar = {named(new Roi(150, 150, 40, 4), "|SB|"), new TextRoi(150, 160, "1 um")};
    CristaeException failure = assertThrows(CristaeException.class, () -> draw(bar));
    assertTrue(failure.getMessage().startsWith("All ROIs are texts, arrows"), failure.getMessage());
  }

  @Test
  void itIsToldForWhichClassTheRoisWereTakenAlsoThoseWithoutANameOfTheirOwn() throws Exception {
    Roi background = named(new Roi(0, 0, 9, 9), "background");
    Roi mito = named(new Roi(50, 50, 10, 10), "mito-1");
    Roi[] forgotten = {
      named(new Roi(80, 50, 5, 5), "0001-0032-0045"), named(new Roi(90, 50, 5, 5), null)
    };
    RoisTaken taken = draw(background, mito, forgotten[0], forgotten[1]).taken();
    assertTrue(taken.areUnnamed());
    assertEquals(
        "The ROIs are these classes: background (1 ROI), mito (1 ROI), foreground (2 ROIs). 2 ROIs"
            + " without a group or a name with letters count as foreground (0001-0032-0045, no name):"
            + " name what is something else. What no ROI covers is unknown.",
        taken.told());
    forgotten[1].setGroup(3);
    assertTrue(
        draw(background, mito, forgotten[0], forgotten[1])
            .taken()
            .told()
            .contains(" 1 ROI without a group or a name with letters counts as foreground"));
    RoisTaken named = draw(background, mito).taken();
    assertFalse(named.areUnnamed());
    assertEquals(
        "The ROIs are these classes: background (1 ROI), mito (1 ROI). What no ROI covers is unknown.",
        named.told());
  }

  @Test
  void ofObjectsItIsToldHowManyTheRoisAreAndNamesOfImageJAreFine() throws Exception {
    Roi[] rois = {
      named(new Roi(0, 0, 9, 9), "background"),
      named(new Roi(50, 50, 9, 9), "0001-0032-0045"),
      named(new Roi(70, 50, 9, 9), "cell-7"),
      named(new Roi(90, 50, 9, 9), "cell-7")
    };
    RoisTaken taken = RoiLabels.draw(source, rois, "instances", Collections.emptyList()).taken();
    assertFalse(taken.areUnnamed());
    assertEquals(
        "The ROIs are 2 objects (3 ROIs) and background (1 ROI). What no ROI covers is unknown.",
        taken.told());
  }

  @Test
  void ofLabelsAloneNothingIsSaid() throws Exception {
    Roi mito = named(new Roi(50, 50, 10, 10), "mito-1");
    assertEquals("", draw(mito, named(new Roi(0, 0, 9, 9), "background")).leftOut());
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ResultProperties;
import org.junit.jupiter.api.Test;

/** Which image is taken for the labels, and for which task. */
class ImagePairsTest {
  private final ImagePairs pairs = new ImagePairs();

  private static ImagePlus mask() {
    ImagePlus mask = IJ.createImage("mask.tif", "8-bit black", 256, 4, 1);
    mask.getProcessor().set(7, 255);
    return mask;
  }

  @Test
  void onlyAHyperstackThatIsCalledSoIsTakenForMasks() {
    ImagePlus image = IJ.createImage("stack.tif", "8-bit black", 8, 6, 3);
    ImagePlus masks = IJ.createHyperStack("stack-masks.tif", 8, 6, 2, 3, 1, 8);
    assertTrue(ImagePairs.fits(image, masks));
    masks.setTitle("fluorescence.tif");
    assertTrue(!ImagePairs.fits(image, masks));
  }

  @Test
  void theTaskIsThatOfTheLabelsWhateverWasChosenTheLastTime() {
    ImagePlus many = IJ.createImage("labels.tif", "8-bit ramp", 256, 4, 1);
    assertEquals("instances", pairs.task(many, "semantic"));
    assertEquals("semantic", pairs.task(mask(), "instances"));
    assertEquals("semantic", pairs.task(mask(), "masks"));
    ImagePlus masks = IJ.createHyperStack("masks.tif", 8, 6, 2, 3, 1, 8);
    assertEquals("masks", pairs.task(masks, "semantic"));
  }

  @Test
  void theLastTaskCountsWhereTheLabelsDoNotTell() {
    ImagePlus few = mask();
    few.getProcessor().set(9, 2);
    assertEquals("instances", pairs.task(few, "instances"));
    assertEquals("semantic", pairs.task(few, "semantic"));
    assertEquals("masks", pairs.task(null, "masks"));
  }

  private static ImagePlus grey(String title) {
    return IJ.createImage(title, "8-bit ramp", 256, 4, 1);
  }

  private static ImagePlus mask(String title) {
    ImagePlus mask = mask();
    mask.setTitle(title);
    return mask;
  }

  @Test
  void aPersonsLabelsGoBeforeWhatAModelMade() {
    ImagePlus raw = grey("raw.tif");
    ImagePlus cells = mask("cells.tif");
    ImagePlus result = mask("raw-neu.tif");
    List<ImagePlus> open = Arrays.asList(raw, result, cells);
    assertSame(result, pairs.drawnLabels(raw, open), "it has the image's name");
    result.setProp(ResultProperties.MODEL, "neu");
    assertSame(cells, pairs.drawnLabels(raw, open));
    assertSame(result, pairs.drawnLabels(raw, Arrays.asList(raw, result)), "it may be corrected");
    assertEquals("neu", ImagePairs.modelOf(result));
  }

  @Test
  void anImageWithoutLabelsAndRoisGivesWayToOneThatSomebodyLabelled() {
    ImagePlus raw = grey("raw.tif");
    ImagePlus labels = mask("raw-labels.tif");
    ImagePlus other = grey("other.tif");
    List<ImagePlus> open = Arrays.asList(raw, labels, other);
    assertSame(raw, pairs.labelled(other, false, open));
    assertSame(other, pairs.labelled(other, true, open), "it has ROIs");
    labels.setProp(ResultProperties.MODEL, "neu");
    assertSame(other, pairs.labelled(other, false, open), "a model made the labels");
  }

  @Test
  void itIsToldThatAnImageHasNoLabelsAndWhichOnesAreNotOfItsSize() {
    ImagePlus raw = grey("raw.tif");
    String advice =
        ". Draw on it and add each ROI to the ROI Manager with T, or open a label image of its size.";
    assertEquals(
        "No ROIs are drawn on \"raw.tif\", and no open image looks like its labels" + advice,
        pairs.aboutLack(raw, Arrays.asList(raw, grey("other.tif"))));
    ImagePlus small = IJ.createImage("small-labels.tif", "8-bit black", 8, 4, 1);
    assertEquals(
        "No ROIs are drawn on \"raw.tif\", and no open image looks like its labels (not of its size:"
            + " small-labels.tif)"
            + advice,
        pairs.aboutLack(raw, Arrays.asList(raw, small)));
  }

  @Test
  void ofSeveralImagesOfOneSizeEachHasItsOwnLabels() {
    ImagePlus nameless = grey("other.tif");
    ImagePlus one = grey("cell1.tif");
    ImagePlus twelve = grey("cell12.tif");
    ImagePlus left = grey("left over.tif");
    ImagePlus ofNameless = mask("drawn.tif");
    ImagePlus ofTwelve = mask("cell12-labels.tif");
    ImagePlus ofOne = mask("cell1-labels.tif");
    Map<ImagePlus, ImagePlus> found =
        pairs.furtherPairs(Arrays.asList(nameless, ofTwelve, one, ofOne, twelve, ofNameless, left));
    assertEquals(Arrays.asList(nameless, one, twelve, left), new ArrayList<>(found.keySet()));
    assertEquals(Arrays.asList(ofNameless, ofOne, ofTwelve, null), new ArrayList<>(found.values()));
  }

  @Test
  void furtherImagesLearnFromWhatAModelMadeOnlyWhereNobodyDrewAnything() {
    ImagePlus one = grey("one.tif");
    ImagePlus two = grey("two.tif");
    ImagePlus made = mask("one-neu.tif");
    made.setProp(ResultProperties.MODEL, "neu");
    ImagePlus drawn = mask("cells.tif");
    Map<ImagePlus, ImagePlus> found = pairs.furtherPairs(Arrays.asList(one, two, made, drawn));
    assertEquals(Arrays.asList(drawn, made), new ArrayList<>(found.values()));
  }

  @Test
  void labelsMayBeNamedAfterTheirImageAnywhere() {
    ImagePlus cell = grey("cell.tif");
    ImagePlus cell2 = grey("cell2.tif");
    ImagePlus ofCell2 = mask("mitochondria of cell2.tif");
    ImagePlus ofCell = mask("mitochondria of cell.tif");
    Map<ImagePlus, ImagePlus> found =
        pairs.furtherPairs(Arrays.asList(cell, cell2, ofCell2, ofCell));
    assertEquals(Arrays.asList(ofCell, ofCell2), new ArrayList<>(found.values()));
  }

  @Test
  void imagesAndLabelsOfOneSizeGoTogetherInTheOrderInWhichTheyWereOpened() {
    ImagePlus a = grey("a.tif");
    ImagePlus b = grey("b.tif");
    ImagePlus c = grey("c.tif");
    ImagePlus first = mask("m1.tif");
    ImagePlus second = mask("m2.tif");
    ImagePlus third = mask("m3.tif");
    for (List<ImagePlus> open :
        Arrays.asList(
            Arrays.asList(a, b, c, first, second, third),
            Arrays.asList(a, first, b, second, c, third))) {
      assertSame(first, pairs.likelyLabels(a, open));
      assertSame(second, pairs.likelyLabels(b, open));
      assertSame(third, pairs.likelyLabels(c, open));
    }
    ImagePlus ofB = mask("b-labels.tif");
    List<ImagePlus> open = Arrays.asList(a, b, c, first, ofB, third);
    assertSame(first, pairs.likelyLabels(a, open));
    assertSame(ofB, pairs.likelyLabels(b, open));
    assertSame(third, pairs.likelyLabels(c, open));
  }

  @Test
  void labelsAreNamedAfterTheImageOfTheLongestNameThatTheyHold() {
    ImagePlus cell = grey("cell.tif");
    ImagePlus other = grey("other-cell.tif");
    ImagePlus nameless = grey("");
    ImagePlus ofOther = mask("other-cell-labels.tif");
    ImagePlus ofCell = mask("cell-labels.tif");
    List<ImagePlus> open = Arrays.asList(nameless, cell, other, ofOther, ofCell);
    assertSame(ofCell, pairs.likelyLabels(cell, open));
    assertSame(ofOther, pairs.likelyLabels(other, open));
    assertSame(ofCell, pairs.likelyLabels(cell, Arrays.asList(cell, ofOther, other, ofCell)));
  }

  @Test
  void aMicrographAsTheLabelsOfItsMaskIsRefusedAndNothingElse() throws Exception {
    ImagePlus grey = IJ.createImage("raw.tif", "8-bit ramp", 256, 4, 1);
    CristaeException failure =
        assertThrows(CristaeException.class, () -> ImagePairs.checkNotSwapped(mask(), grey));
    assertEquals(
        "The image \"mask.tif\" looks like labels, and the labels \"raw.tif\" are grey values: choose"
            + " them the other way round.",
        failure.getMessage());
    ImagePairs.checkNotSwapped(grey, mask());
    ImagePairs.checkNotSwapped(mask(), mask());
    ImagePairs.checkNotSwapped(grey, grey);
  }
}

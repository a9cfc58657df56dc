package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import ij.IJ;
import ij.ImagePlus;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Which images Evaluate takes for the prediction and the truth. */
class EvaluationProposalTest {
  private static ImagePlus single(String title, int value) {
    ImagePlus image = IJ.createImage(title, "8-bit black", 1, 1, 1);
    image.getProcessor().set(0, 0, value);
    return image;
  }

  /** Four values, of which no two neighbours are equal. */
  private static ImagePlus dark(String title) {
    ImagePlus image = IJ.createImage(title, "8-bit black", 8, 6, 1);
    for (int i = 0; i < 48; i++) {
      image.getProcessor().set(i, 1 + i % 4);
    }
    return image;
  }

  /** Two objects of 4 x 6 voxels. */
  private static ImagePlus patches(String title) {
    ImagePlus image = IJ.createImage(title, "8-bit black", 8, 6, 1);
    for (int i = 0; i < 48; i++) {
      image.getProcessor().set(i, i % 8 < 4 ? 1 : 2);
    }
    return image;
  }

  private static ImagePlus made(ImagePlus image) {
    image.setProp("cristae.output", "labels");
    return image;
  }

  private static EvaluationProposal proposal(ImagePlus active, ImagePlus... open) {
    return new EvaluationProposal(new ImagePairs(), active, Arrays.asList(open));
  }

  @Test
  void anImageOfOneVoxelIsNoTruthUnlessItsTitleSaysSo() {
    ImagePlus raw = single("stack.tif", 7);
    ImagePlus found = made(single("stack-mito.tif", 1));
    assertNull(proposal(found, raw, found).truth());
    assertEquals(found, proposal(raw, raw, found).prediction());
    ImagePlus truth = single("stack_gt.tif", 1);
    assertEquals(truth, proposal(found, raw, found, truth).truth());
    assertEquals(truth, proposal(raw, raw, found, truth).truth());
  }

  @Test
  void aMicrographOfFewValuesIsNoTruthWhereLabelsAreOpenOrNone() {
    ImagePlus raw = dark("a.tif");
    ImagePlus found = made(patches("a-mito.tif"));
    ImagePlus other = patches("b.tif");
    assertNull(proposal(found, raw, found).truth());
    assertEquals(other, proposal(found, raw, found, other).truth());
    assertEquals(found, proposal(raw, raw, found, other).prediction());
  }

  @Test
  void whatIsCalledTheTruthIsNotProposedAsThePrediction() {
    ImagePlus raw = dark("a.tif");
    ImagePlus truth = patches("truth.tif");
    assertEquals(raw, proposal(raw, raw, truth).prediction());
    assertEquals(truth, proposal(raw, raw, truth).truth());
  }

  @Test
  void aWordThatOnlyContainsTheLettersOfATitleOfTruthTellsNothing() {
    ImagePlus active = patches("wavelength.tif"); // g, t
    ImagePlus other = patches("cells.tif");
    assertEquals(active, proposal(active, active, other).prediction());
    assertEquals(other, proposal(active, active, other).truth());
  }
}

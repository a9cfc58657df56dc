package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.ImageStack;
import ij.process.ByteProcessor;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.Test;

/** What the window of a preview says while nothing is seen yet, and which failures it tells. */
class PreviewWindowTest {
  private static final CristaeException LIMIT =
      new CristaeException(ErrorCode.ERROR_CODE_BUSY, "It took longer than 60 s.");
  private static final CristaeException CANCELLED =
      new CristaeException(ErrorCode.ERROR_CODE_CANCELLED, "Cancelled.");

  private static String body(String text) {
    return "<html><body style='width:330px'>" + text + "</body></html>";
  }

  @Test
  void afterSomeSecondsTheFirstLookSaysWhatTakesSoLong() {
    assertEquals(
        body("Looking ..."), PreviewWindow.waiting("Looking", 3999, true, null).wrapped(330));
    assertEquals(
        body("Looking ... (loading the model; the first look takes longest)"),
        PreviewWindow.waiting("Looking", 4000, true, null).wrapped(330));
    assertEquals(
        body("Looking ... (since 12 s)"),
        PreviewWindow.waiting("Looking", 12_400, false, null).wrapped(330));
    assertEquals(
        body("Starting the Cristae server ... (since 12 s)"),
        PreviewWindow.waiting("Starting the Cristae server", 12_400, true, null).wrapped(330));
  }

  @Test
  void anImageIsNotLookedAtWhileItsSlicesAreReplaced() {
    ImageStack slices = new ImageStack(4, 3);
    slices.addSlice(new ByteProcessor(4, 3));
    slices.addSlice(new ByteProcessor(4, 3));
    ImagePlus image = new ImagePlus("stack.tif", slices);
    slices.deleteLastSlice(); // as ImageJ does while it crops
    assertFalse(PreviewWindow.hasNoSlices(image));
    slices.deleteLastSlice();
    assertTrue(PreviewWindow.hasNoSlices(image));
    assertFalse(PreviewWindow.hasNoSlices(new ImagePlus("one.tif", new ByteProcessor(4, 3))));
  }

  @Test
  void aFailureStaysInSightWhileTheNextSliceIsLookedAt() {
    String shown = PreviewWindow.waiting("Looking", 0, true, LIMIT).wrapped(330);
    assertTrue(shown.contains("It took longer than 60 s."), shown);
    assertTrue(shown.contains("<br>Looking ..."), shown);
  }

  @Test
  void aFailureIsToldAlsoIfTheSliceHasChangedMeanwhile() {
    assertTrue(PreviewWindow.isTold(LIMIT, false, true));
    assertTrue(PreviewWindow.isTold(LIMIT, true, true));
    assertFalse(PreviewWindow.isTold(LIMIT, true, false), "a newer one was answered since");
    assertFalse(PreviewWindow.isTold(CANCELLED, true, true));
  }
}

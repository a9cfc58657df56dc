package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** What stands in the window of a job. */
class SentencesTest {
  @Test
  void warningsStandAboveThePlanInTheirOrderAndAreWhatIsSeenFirst() {
    Sentences log = new Sentences();
    log.add("8 of 12 sections carry labels.", false);
    log.add("The network works in 2D.", false);
    log.add("No voxel has the unknown value 7.", true);
    log.add("The model is not validated.", true);
    log.add("The training takes 5 minutes.", false);
    assertEquals(
        "! No voxel has the unknown value 7.\n! The model is not validated.\n"
            + "8 of 12 sections carry labels.\nThe network works in 2D.\n"
            + "The training takes 5 minutes.\n",
        log.getText());
    assertEquals(0, log.getCaretPosition());
  }

  @Test
  void whatIsToldAgainAfterABreakStandsOnce() {
    Sentences log = new Sentences();
    for (int begun = 0; begun < 2; begun++) {
      log.add("The model is not validated.", true);
      log.add("The network works in 2D.", false);
    }
    assertEquals("! The model is not validated.\nThe network works in 2D.\n", log.getText());
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.cristae.fiji.client.Progress;
import org.junit.jupiter.api.Test;

/** What is told while several images are sent. */
class OneOfSeveralTest {
  private final List<String> told = new ArrayList<>();

  private final Progress listener =
      new Progress() {
        @Override
        public void update(String stage, double fraction, String detail) {
          told.add(stage + " " + fraction + detail);
        }

        @Override
        public void note(String sentence, boolean isWarning) {
          told.add(sentence + isWarning);
        }
      };

  @Test
  void eachImageIsCountedAndTheBarShowsAllOfThem() {
    Progress third = OneOfSeveral.of(listener, 3, 4);
    third.update("Sending b.tif", 0, "");
    third.update("Sending b.tif", 0.5, "!");
    third.note("A sentence.", true);
    assertEquals(
        Arrays.asList(
            "Sending b.tif, 3 of 4 0.5", "Sending b.tif, 3 of 4 0.625!", "A sentence.true"),
        told);
  }

  @Test
  void anImageAndItsLabelsAreNotCounted() {
    assertSame(listener, OneOfSeveral.of(listener, 2, 2));
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import org.junit.jupiter.api.Test;

/** What was chosen is proposed again, and is not changed for whoever still works with it. */
class LastTimeTest {
  @Test
  void whatIsChosenTheNextTimeIsNotChosenForTheWorkThatRuns() {
    LastTime last = new LastTime();
    Choices running =
        Segmentation.choices().put(ModelOnServerImage.KEY, "one").put("model", "mito");
    last.keep(running, "stack.tif");
    Choices again = last.of("stack.tif", Segmentation.choices());
    assertEquals("mito", again.get("model", ""));
    again.put("device", "cpu");
    last.put("model", "newer");
    assertEquals("", running.get("device", ""));
    assertEquals("mito", running.get("model", ""));
    assertEquals("newer", last.of("stack.tif", Segmentation.choices()).get("model", ""));
    Choices other = Segmentation.choices();
    assertSame(other, last.of("other.tif", other));
  }

  @Test
  void theFieldThatWasRefusedIsKnownTheNextTime() {
    LastTime last = new LastTime();
    Choices choices = Segmentation.choices().put(ModelOnServerImage.KEY, "one");
    last.keep(choices, "stack.tif");
    choices.wrong("device", "one that is there");
    assertEquals("device", last.of("stack.tif", Segmentation.choices()).takeRefused());
  }
}

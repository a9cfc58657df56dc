package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is done stands in the status bar from the beginning to the end, whatever writes over it. */
class StatusBarTest {
  private final List<String> lines = new ArrayList<>();

  @Test
  void whatIsDoneIsSaidAtOnceAndBeforeEachStageAndAgainUntilTheEnd() {
    StatusBar status = new StatusBar("Splitting object 12", lines::add);
    status.again();
    status.update("Sending", 0.5, "");
    status.again();
    status.update("Cutting", 0.5, "3 s left");
    status.end();
    status.again();
    assertEquals(
        Arrays.asList(
            "Splitting object 12 ...",
            "Splitting object 12 ...",
            "Splitting object 12: Sending ...",
            "Splitting object 12: Sending ...",
            "Splitting object 12: Cutting: 3 s left"),
        lines);
  }

  @Test
  void whereItIsKnownWhatIsDoneTheStagesAreEnough() {
    new StatusBar("", lines::add).update("Sending", 0, "");
    assertEquals(Arrays.asList("Sending ..."), lines);
  }
}

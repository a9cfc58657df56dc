package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.LocalTime;
import org.junit.jupiter.api.Test;

/** What the window Jobs says below its list. */
class JobsWindowTest {
  @Test
  void asLongAsNoListCameTheServerIsSaidToBeAsked() {
    assertEquals("Asking the server ...", JobsWindow.withoutJob(null));
    assertEquals("", JobsWindow.withoutJob(LocalTime.NOON));
  }

  @Test
  void aListThatIsOldBecauseTheServerDoesNotAnswerSaysSinceWhen() {
    LocalTime listed = LocalTime.of(14, 3, 12, 999);
    assertEquals("", JobsWindow.late(4999, listed));
    String words = JobsWindow.late(5000, listed);
    assertTrue(words.startsWith("The server has not answered since 14:03:12:"), words);
  }
}

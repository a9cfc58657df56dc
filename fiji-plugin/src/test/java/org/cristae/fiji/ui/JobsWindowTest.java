package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.LocalTime;
import org.junit.jupiter.api.Test;

/** What the window Jobs says below its list. */
class JobsWindowTest {
  @Test
  void asLongAsNoListCameTheServerIsSaidToBeAsked() {
    assertEquals("Asking the server ...", JobsWindow.withoutJob(null, 0));
    assertEquals("", JobsWindow.withoutJob(LocalTime.NOON, 199));
    assertTrue(JobsWindow.withoutJob(LocalTime.NOON, 0).startsWith("No jobs yet"));
    assertTrue(JobsWindow.withoutJob(LocalTime.NOON, 200).startsWith("The newest 200 jobs"));
  }

  @Test
  void aServerThatRefusesTheConnectionIsToldWithTheTimeOfTheList() {
    String why = "The server does not answer.";
    assertEquals(why, JobsWindow.unanswered(why, null));
    assertEquals(
        why + " The list is as it was at 14:03:12; it is asked for again and again.",
        JobsWindow.unanswered(why, LocalTime.of(14, 3, 12, 999)));
  }

  @Test
  void aListThatIsOldBecauseTheServerDoesNotAnswerSaysSinceWhen() {
    LocalTime listed = LocalTime.of(14, 3, 12, 999);
    assertEquals("", JobsWindow.late(4999, listed));
    String words = JobsWindow.late(5000, listed);
    assertTrue(words.startsWith("The server has not answered since 14:03:12:"), words);
  }
}

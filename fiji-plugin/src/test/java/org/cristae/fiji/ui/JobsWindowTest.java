package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.LocalTime;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.JobState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the window Jobs says below its list, and what it offers to do. */
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

  @Test
  void ofSeveralJobsThoseThatHaveNotEndedAreCancelledAndTheWaitingOnesFirst() {
    List<Job> jobs =
        Arrays.asList(
            job("running", JobState.JOB_STATE_RUNNING),
            job("done", JobState.JOB_STATE_DONE),
            job("later", JobState.JOB_STATE_QUEUED),
            job("cancelling", JobState.JOB_STATE_CANCELLING),
            job("next", JobState.JOB_STATE_QUEUED));
    assertEquals(
        Arrays.asList("later", "next", "running"),
        JobsWindow.cancellable(jobs).stream().map(Job::getTitle).collect(Collectors.toList()));
  }

  @ParameterizedTest
  @CsvSource({
    "labels, The labels are ready: Open Result fetches them.",
    "instances, The instances are ready: Open Result fetches them.",
    "probabilities, The probabilities are ready: Open Result fetches them.",
    "uncertainty, The uncertainty is ready: Open Result fetches it.",
    "activations, The maps are ready: Open Result fetches them."
  })
  void whatIsReadyIsCalledWhatItIs(String output, String words) {
    Job.Builder job = job("other.tif with mito", JobState.JOB_STATE_DONE).toBuilder();
    job.setKind(JobKind.JOB_KIND_PREDICTION).getPredictionBuilder().setOutput(output);
    assertEquals(words, JobsWindow.words(job.build()));
  }

  private static Job job(String title, JobState state) {
    return Job.newBuilder().setTitle(title).setState(state).build();
  }
}

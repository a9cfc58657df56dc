package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.ServerAddress;
import org.cristae.v1.Job;
import org.cristae.v1.JobState;
import org.junit.jupiter.api.Test;

/** Which jobs are deleted, and what is asked before. */
class JobDeletionTest {
  private static Job job(String title, JobState state) {
    return Job.newBuilder().setJobId("id of " + title).setTitle(title).setState(state).build();
  }

  private static final Job DONE = job("done", JobState.JOB_STATE_DONE);
  private static final Job FAILED = job("failed", JobState.JOB_STATE_FAILED);

  @Test
  void onlyJobsThatHaveEndedAreDeleted() {
    List<Job> all =
        Arrays.asList(
            DONE,
            job("running", JobState.JOB_STATE_RUNNING),
            job("waiting", JobState.JOB_STATE_QUEUED),
            job("cancelling", JobState.JOB_STATE_CANCELLING),
            FAILED);
    assertEquals(Arrays.asList(DONE, FAILED), JobDeletion.ended(all));
  }

  @Test
  void oneIsAskedForByItsNameAndSeveralByTheirNumber() {
    assertTrue(
        JobDeletion.question(Collections.singletonList(DONE)).contains("\"done\"? Its place"));
    assertTrue(JobDeletion.question(Arrays.asList(DONE, FAILED)).contains("2 jobs"));
    String two = JobDeletion.question(Arrays.asList(DONE, FAILED));
    assertTrue(two.contains("ended? Their places in the list, their logs, files that they"), two);
  }

  @Test
  void theServerIsAskedToFinishAndToDelete() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      new Jobs(client).finish("one");
      new Jobs(client).delete("two");
      assertEquals(Arrays.asList("finish one", "delete two"), server.asked);
    }
  }

  @Test
  void aServerThatIsStoppedSaysWhatWillGoOnThere() {
    String none = Connection.stopped(Collections.emptyList());
    assertTrue(none.contains("No job waited or ran"), none);
    String one = Connection.stopped(Collections.singletonList("mito"));
    assertTrue(one.contains("One job there had not ended (mito) and will go on"), one);
    String many = Connection.stopped(Arrays.asList("a", "b", "c", "d"));
    assertTrue(many.contains("4 jobs there had not ended (a, b, c, ...)"), many);
    assertFalse(many.contains("d)"), many);
  }

  @Test
  void onlyJobsOfThisMachineAreToldThatItsServerIsStoppedEachOnce() throws Exception {
    ServerAddress address = ServerAddress.parse("127.0.0.1:7867");
    Patience none = new Patience(0);
    try (Client elsewhere = new Client(address, () -> "token", none);
        Client here = new Client(address, () -> null, () -> "token", none);
        Client before = new Client(address, () -> null, () -> "token", none)) {
      before.setStopped(true);
      assertEquals(
          Collections.singletonList(here),
          Connection.concerned(Arrays.asList(elsewhere, here, before)));
    }
  }
}

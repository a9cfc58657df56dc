package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.command.RealImageJ;
import org.cristae.v1.Job;
import org.cristae.v1.JobState;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The server on this machine is stopped while another one is in use. */
@Timeout(300)
class StopServerIT {
  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterAll
  static void stop() throws Exception {
    Connection.choose("", "", Connection.command());
    RealImageJ.stop();
  }

  @Test
  void itsJobsAreToldAndNotThoseOfTheServerInUse() throws Exception {
    Connection.open(Progress.NONE, new Cancellation());
    RealImageJ.cancelJobs();
    try (FakeServer box = new FakeServer()) {
      Job running = Job.newBuilder().setState(JobState.JOB_STATE_RUNNING).setTitle("box").build();
      box.jobs.add(running);
      Connection.choose(box.address().toString(), FakeServer.TOKEN, Connection.command());
      Connection.open(Progress.NONE, new Cancellation());
      assertEquals(
          "The server on this machine was stopped. No job waited or ran there.",
          Connection.stopRunning());
      assertFalse(Connection.local().isOurs());
    }
  }
}

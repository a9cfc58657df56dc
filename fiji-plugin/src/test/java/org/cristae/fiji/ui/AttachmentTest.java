package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ij.Prefs;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A job that is followed is the server's from the first moment. */
@Timeout(60)
class AttachmentTest {
  @AfterEach
  void forget() {
    Prefs.set("cristae.address", "");
  }

  @Test
  void theWindowOfAPredictionSaysWhatItMakes() {
    Job.Builder job = Job.newBuilder().setTitle("other.tif with mito");
    job.setKind(JobKind.JOB_KIND_PREDICTION).getPredictionBuilder().setOutput("probabilities");
    assertEquals(
        "Segmenting other.tif with mito (probabilities)", new Attachment(job.build()).title());
  }

  @Test
  void aWindowThatIsClosedBeforeTheServerIsFoundLeavesItsJobAlone() {
    Prefs.set("cristae.address", "127.0.0.1:1"); // nobody listens there
    List<String> told = new ArrayList<>();
    JobListener listener =
        new JobListener() {
          @Override
          public void update(String stage, double fraction, String detail) {}

          @Override
          public void submitted(String jobId) {
            told.add(jobId);
          }
        };
    Attachment followed = new Attachment(Job.newBuilder().setJobId("one").build());
    assertThrows(
        CristaeException.class,
        () -> followed.run(listener, new Cancellation(), new Cancellation()));
    assertEquals(Collections.singletonList("one"), told);
  }
}

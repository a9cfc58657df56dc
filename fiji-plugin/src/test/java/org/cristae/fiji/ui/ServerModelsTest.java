package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.JobState;
import org.cristae.v1.Model;
import org.junit.jupiter.api.Test;

/** Which names of models are taken, and what is said of them. */
class ServerModelsTest {
  private static Job job(String title, JobKind kind, JobState state) {
    return Job.newBuilder().setJobId(title).setTitle(title).setKind(kind).setState(state).build();
  }

  @Test
  void namesOfModelsAndOfTrainingsThatHaveNotEndedAreTaken() throws Exception {
    JobKind training = JobKind.JOB_KIND_TRAINING;
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.models.add(Model.newBuilder().setName("mito").putMetrics("dice", 0.876).build());
      server.models.add(Model.newBuilder().setName("er").build());
      server.jobs.add(job("done", training, JobState.JOB_STATE_DONE));
      server.jobs.add(job("er", training, JobState.JOB_STATE_RUNNING));
      server.jobs.add(job("coming", training, JobState.JOB_STATE_QUEUED));
      server.jobs.add(job("failed", training, JobState.JOB_STATE_FAILED));
      server.jobs.add(job("a", JobKind.JOB_KIND_PREDICTION, JobState.JOB_STATE_QUEUED));
      Map<String, String> taken = ServerModels.taken(new Jobs(client));
      assertEquals(3, taken.size(), taken.toString());
      assertTrue(taken.get("mito").contains("\"mito\" already (Dice 0.88)"), taken.get("mito"));
      assertEquals(ServerModels.isComing("coming"), taken.get("coming"));
      String both = taken.get("er");
      assertTrue(both.contains("\"er\" already:"), both);
      assertTrue(both.endsWith(ServerModels.isComing("er")), both);
    }
  }

  @Test
  void aNameThatNobodyHasIsFree() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      assertTrue(ServerModels.taken(new Jobs(client)).isEmpty());
    }
  }
}

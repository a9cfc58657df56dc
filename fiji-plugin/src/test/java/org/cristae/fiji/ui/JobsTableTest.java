package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Collections;
import org.cristae.v1.CleaningSpec;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.SplitObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the jobs in the list are called. */
class JobsTableTest {
  private static Object kind(CleaningSpec.Builder spec) {
    JobsTable table = new JobsTable();
    Job job = Job.newBuilder().setKind(JobKind.JOB_KIND_CLEANING).setCleaning(spec).build();
    table.show(Collections.singletonList(job));
    return table.getValueAt(0, 1);
  }

  @ParameterizedTest
  @CsvSource({
    "'', segmentation (labels)",
    "labels, segmentation (labels)",
    "instances, segmentation (instances)",
    "probabilities, segmentation (probabilities)",
    "uncertainty, segmentation (uncertainty)",
    "activations, activations"
  })
  void aPredictionSaysWhatItMakes(String output, String kind) {
    Job.Builder job = Job.newBuilder().setKind(JobKind.JOB_KIND_PREDICTION);
    job.getPredictionBuilder().setOutput(output);
    JobsTable table = new JobsTable();
    table.show(Collections.singletonList(job.build()));
    assertEquals(kind, table.getValueAt(0, 1));
  }

  @Test
  void aJobThatOnlySplitsIsASplitAndNoCleaning() {
    SplitObject split = SplitObject.newBuilder().setId(1).build();
    assertEquals("split", kind(CleaningSpec.newBuilder().addSplits(split)));
    assertEquals("cleaning", kind(CleaningSpec.newBuilder().addSplits(split).setFillHoles(true)));
    assertEquals("cleaning", kind(CleaningSpec.newBuilder().setMinimumVoxels(5)));
  }
}

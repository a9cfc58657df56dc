package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.Map;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;

/** Follows a job that the server has already, perhaps since before ImageJ was started. */
final class Attachment implements Work {
  private final Job job;

  /** Of what made tables, when they are there. */
  private JobTables tables;

  Attachment(Job job) {
    this.job = job;
  }

  @Override
  public String title() {
    switch (job.getKind()) {
      case JOB_KIND_TRAINING:
        return "Training " + job.getTitle();
      case JOB_KIND_EVALUATION:
        return "Evaluating " + job.getTitle();
      case JOB_KIND_MEASUREMENT:
        return "Measuring " + JobTables.name(job.getMeasurement().getLabels().getName(), job);
      case JOB_KIND_CLEANING:
        return "Cleaning " + JobTables.name(job.getCleaning().getLabels().getName(), job);
      default:
        return ActivationMaps.isOf(job)
            ? "Showing " + job.getTitle()
            : PredictedKind.titled("Segmenting " + job.getTitle(), PredictedKind.of(job));
    }
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    listener.submitted(job.getJobId()); // before a server is sought: to close is not to cancel
    Client client = Connection.open(listener, cancellation);
    if (job.getKind() == JobKind.JOB_KIND_TRAINING && !Jobs.isEnd(job.getState())) {
      listener.isTraining(Finishing.of(client, job.getJobId()));
    }
    Job done = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    if (JobTables.areMadeBy(done)) {
      tables = JobTables.fetch(client, done, listener, Cancellation.either(cancellation, detach));
      tables.show();
      return null;
    }
    if (done.getKind() == JobKind.JOB_KIND_CLEANING) {
      Cancellation either = Cancellation.either(cancellation, detach);
      return CleanObjects.fetch(client, done, null, listener, either);
    }
    return done.getKind() == JobKind.JOB_KIND_PREDICTION
        ? Results.fetch(client, done, null, listener, Cancellation.either(cancellation, detach))
        : null;
  }

  @Override
  public Map<String, Afterwards> afterwards() {
    return tables == null ? Work.super.afterwards() : tables.afterwards();
  }

  @Override
  public String lastWords() {
    if (tables != null) {
      return tables.words();
    }
    return job.getKind() == JobKind.JOB_KIND_TRAINING
        ? Training.isReady(job.getTitle())
        : title() + " is done.";
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;

/** Follows a job that the server has already, perhaps since before ImageJ was started. */
final class Attachment implements Work {
  private final Job job;

  Attachment(Job job) {
    this.job = job;
  }

  @Override
  public String title() {
    if (job.getKind() == JobKind.JOB_KIND_TRAINING) {
      return "Training " + job.getTitle();
    }
    return (ActivationMaps.isOf(job) ? "Showing " : "Segmenting ") + job.getTitle();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    Client client = Connection.open(listener, cancellation);
    listener.submitted(job.getJobId());
    if (job.getKind() == JobKind.JOB_KIND_TRAINING && !Jobs.isEnd(job.getState())) {
      listener.isTraining(Finishing.of(client, job.getJobId()));
    }
    Job done = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    return done.getKind() == JobKind.JOB_KIND_PREDICTION
        ? Results.fetch(client, done, null, listener, Cancellation.either(cancellation, detach))
        : null;
  }

  @Override
  public String lastWords() {
    return job.getKind() == JobKind.JOB_KIND_TRAINING
        ? Training.isReady(job.getTitle())
        : title() + " is done.";
  }
}

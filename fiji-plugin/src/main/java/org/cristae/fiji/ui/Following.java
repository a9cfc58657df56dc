package org.cristae.fiji.ui;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Contact;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.JobEvent;
import org.cristae.v1.JobKind;
import org.cristae.v1.JobState;

/** Follows a job to its end and tells a listener in words. */
public final class Following {
  private static final int CANCEL_LIMIT_S = 20;

  /** What is said until the server has confirmed the end of a job. */
  static final String WAITS_FOR_CANCEL =
      "the server has " + CANCEL_LIMIT_S + " s to confirm that it ends";

  private Following() {}

  /**
   * Follows a job until it is done.
   *
   * @param cancellation asks the server to end the job
   * @param detach leaves the job alone
   * @return the job in the state DONE
   * @throws CristaeException if it failed, was cancelled or was left alone
   */
  public static Job toEnd(
      Client client,
      String jobId,
      JobListener listener,
      Cancellation cancellation,
      Cancellation detach)
      throws CristaeException {
    Jobs jobs = new Jobs(client);
    Cancellation leave = new Cancellation();
    Runnable left = detach.onCancel(leave::cancel);
    Runnable cancel = cancellation.onCancel(() -> cancel(jobs, jobId, leave));
    Previews previews = new Previews(client, jobId, listener);
    Contact contact = new Contact(client, listener);
    try {
      Job job =
          jobs.watch(jobId, event -> tell(event, listener, contact, previews), contact, leave);
      if (job.getKind() == JobKind.JOB_KIND_TRAINING) {
        previews.look(); // of the model as it is kept
      }
      if (job.getState() == JobState.JOB_STATE_FAILED) {
        throw new CristaeException(job.getError().getCode(), job.getError().getSentence());
      }
      if (job.getState() != JobState.JOB_STATE_DONE) {
        throw new CristaeException(ErrorCode.ERROR_CODE_CANCELLED, "Cancelled.");
      }
      return job;
    } catch (CristaeException e) {
      if (leave.isCancelled() && !detach.isCancelled()) {
        throw new CristaeException(
            ErrorCode.ERROR_CODE_BUSY,
            "The server was asked to end the job, and did not confirm it. Plugins > Cristae > Cristae"
                + " Jobs shows whether it still runs.",
            e);
      }
      if (e.isPassing()) {
        throw new CristaeException(
            e.code(),
            e.getMessage()
                + " The job is not lost: when the server is there again, Plugins > Cristae > Cristae"
                + " Jobs finds it again, and Follow there opens its window.",
            e);
      }
      throw e;
    } finally {
      cancellation.forget(cancel);
      detach.forget(left);
    }
  }

  /** Asks for the end, and stops waiting for it if it does not come. */
  private static void cancel(Jobs jobs, String jobId, Cancellation leave) {
    inBackground(
        () -> {
          try {
            jobs.cancel(jobId); // goes on trying behind the limit, if the server is away
          } catch (CristaeException e) {
            leave.cancel();
          }
        });
    inBackground(
        () -> {
          try {
            TimeUnit.SECONDS.sleep(CANCEL_LIMIT_S);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          leave.cancel();
        });
  }

  private static void inBackground(Runnable action) {
    Thread thread = new Thread(action, "Cristae cancels a job");
    thread.setDaemon(true);
    thread.start();
  }

  private static void tell(
      JobEvent event, JobListener listener, Progress progress, Previews previews) {
    switch (event.getEventCase()) {
      case PROGRESS:
        progress.update(
            event.getProgress().getStage(),
            event.getProgress().getFraction(),
            detail(event.getProgress()));
        break;
      case METRICS:
        Map<String, Double> values = new TreeMap<>(event.getMetrics().getValuesMap());
        listener.figures(event.getMetrics().getStep(), values);
        previews.look();
        break;
      case MESSAGE:
        listener.note(event.getMessage().getSentence(), event.getMessage().getIsWarning());
        break;
      case PLAN:
        event.getPlan().getSentencesList().forEach(sentence -> listener.note(sentence, false));
        break;
      case STATE:
        listener.runs(event.getState().getState() == JobState.JOB_STATE_RUNNING);
        if (event.getState().getState() == JobState.JOB_STATE_QUEUED) {
          progress.update("Waiting for a device", 0, "Cristae Jobs shows what is before it");
        } else if (event.getState().getState() == JobState.JOB_STATE_RUNNING) {
          progress.update("Starting", 0, "loading its programs takes up to a minute");
        }
        break;
      default: // a newer server
    }
  }

  private static String detail(org.cristae.v1.Progress progress) {
    if (!progress.hasSecondsLeft()) {
      return progress.getDetail();
    }
    String left = duration(progress.getSecondsLeft()) + " left";
    return progress.getDetail().isEmpty() ? left : progress.getDetail() + ", " + left;
  }

  /** A time in words: "40 s", "12 min", "3 h 5 min". */
  static String duration(double seconds) {
    long s = Math.round(seconds);
    if (s < 90) {
      return s + " s";
    }
    long minutes = Math.round(s / 60.0);
    return minutes < 90
        ? minutes + " min"
        : String.format(Locale.ROOT, "%d h %d min", minutes / 60, minutes % 60);
  }
}

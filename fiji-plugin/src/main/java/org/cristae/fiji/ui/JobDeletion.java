package org.cristae.fiji.ui;

import java.awt.Component;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import javax.swing.JOptionPane;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.Job;

/** Forgets jobs that have ended. */
final class JobDeletion {
  private static final String FEATURE = "jobs.delete";

  private JobDeletion() {}

  /** Those of some jobs that have ended: no other one is ever deleted. */
  static List<Job> ended(List<Job> jobs) {
    List<Job> ended = new ArrayList<>(jobs);
    ended.removeIf(job -> !Jobs.isEnd(job.getState()));
    return ended;
  }

  /** What is asked before some jobs are deleted. */
  static String question(List<Job> jobs) {
    String what =
        jobs.size() == 1
            ? "Delete the job \"" + jobs.get(0).getTitle() + "\"?"
            : "Delete " + jobs.size() + " jobs that have ended?";
    return what
        + (jobs.size() == 1
            ? " Its place in the list, its log, files that it made, and what it kept"
            : " Their places in the list, their logs, files that they made, and what they kept")
        + " to go on from are gone then. Models and images that were made stay.";
  }

  /** Asks the person once for all of them; on the event thread. */
  static boolean isWanted(Component window, List<Job> jobs) {
    String[] answers = {"Delete", "Cancel"};
    int answer =
        JOptionPane.showOptionDialog(
            window,
            Look.wrapped(question(jobs), FormDialog.WIDTH),
            "Cristae: delete jobs?",
            JOptionPane.DEFAULT_OPTION,
            JOptionPane.WARNING_MESSAGE,
            null,
            answers,
            answers[1]);
    return answer == 0;
  }

  /** Forgets a job whose result is of no use any more, as far as the server can. */
  static void ofTakenResult(Client client, String jobId) {
    if (!Connection.lacks(client, FEATURE)) {
      try {
        new Jobs(client).delete(jobId);
      } catch (CristaeException e) {
        // It stays in the list then; what was asked for is done all the same.
      }
    }
  }

  /**
   * Deletes them; not on the event thread.
   *
   * @param say told what is done for it, such as that a server is started
   * @param failed told what went wrong if something did
   */
  static void run(List<Job> jobs, Consumer<String> say, Consumer<String> failed) {
    try {
      Client client = Connection.open((stage, f, d) -> say.accept(stage), new Cancellation());
      Connection.need(client, FEATURE, "does not delete jobs");
      for (Job job : jobs) {
        new Jobs(client).delete(job.getJobId());
      }
    } catch (CristaeException e) {
      failed.accept(e.getMessage());
    } catch (RuntimeException | Error e) {
      failed.accept(Failures.unforeseen(e).getMessage());
    }
  }
}

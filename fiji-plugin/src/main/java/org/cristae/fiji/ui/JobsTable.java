package org.cristae.fiji.ui;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.swing.table.AbstractTableModel;
import org.cristae.v1.CleaningSpec;
import org.cristae.v1.Job;
import org.cristae.v1.JobState;

/** The jobs of the server as rows. */
final class JobsTable extends AbstractTableModel {
  private static final long serialVersionUID = 1L;
  private static final String[] COLUMNS = {"Job", "Kind", "State", "Progress", "Left", "Started"};
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("d MMM HH:mm", Locale.ENGLISH);

  private transient List<Job> jobs = new ArrayList<>();

  /** Shows these jobs; on the event thread. Returns false if nothing changed. */
  boolean show(List<Job> newJobs) {
    if (newJobs.equals(jobs)) {
      return false;
    }
    jobs = newJobs;
    fireTableDataChanged();
    return true;
  }

  /** The job of a row. */
  Job job(int row) {
    return jobs.get(row);
  }

  /** The row of a job; -1 if it is not there. */
  int row(String jobId) {
    for (int row = 0; row < jobs.size(); row++) {
      if (jobs.get(row).getJobId().equals(jobId)) {
        return row;
      }
    }
    return -1;
  }

  @Override
  public int getRowCount() {
    return jobs.size();
  }

  @Override
  public int getColumnCount() {
    return COLUMNS.length;
  }

  @Override
  public String getColumnName(int column) {
    return COLUMNS[column];
  }

  @Override
  public Object getValueAt(int row, int column) {
    Job job = jobs.get(row);
    switch (column) {
      case 0:
        return job.getTitle();
      case 1:
        return kindWord(job);
      case 2:
        return stateWord(job);
      case 3:
        return progress(job);
      case 4:
        boolean running = job.getState() == JobState.JOB_STATE_RUNNING;
        return running && job.getProgress().hasSecondsLeft()
            ? Following.duration(job.getProgress().getSecondsLeft())
            : "";
      default:
        Instant created = Instant.ofEpochMilli((long) (job.getCreatedS() * 1000));
        return TIME.format(created.atZone(ZoneId.systemDefault()));
    }
  }

  /** What kind of job it is, as people say it. */
  private static String kindWord(Job job) {
    switch (job.getKind()) {
      case JOB_KIND_TRAINING:
        return "training";
      case JOB_KIND_EVALUATION:
        return "evaluation";
      case JOB_KIND_MEASUREMENT:
        return "measurement";
      case JOB_KIND_CLEANING:
        return isSplit(job.getCleaning()) ? "split" : "cleaning";
      default:
        return ActivationMaps.isOf(job)
            ? "activations"
            : PredictedKind.titled("segmentation", PredictedKind.of(job));
    }
  }

  /** True if objects are split, as Split Object does, and nothing else is done. */
  private static boolean isSplit(CleaningSpec spec) {
    CleaningSpec rest = spec.toBuilder().clearSplits().clearLabels().build();
    return spec.getSplitsCount() > 0 && rest.equals(CleaningSpec.getDefaultInstance());
  }

  /** The state as people say it. */
  static String stateWord(Job job) {
    switch (job.getState()) {
      case JOB_STATE_QUEUED:
        return "waiting";
      case JOB_STATE_RUNNING:
        return "running";
      case JOB_STATE_CANCELLING:
        return "cancelling";
      case JOB_STATE_DONE:
        return "done";
      case JOB_STATE_FAILED:
        return "failed";
      case JOB_STATE_CANCELLED:
        return "cancelled";
      default:
        return "";
    }
  }

  private static String progress(Job job) {
    if (job.getState() == JobState.JOB_STATE_DONE) {
      return "100 %";
    }
    return job.hasProgress() ? Math.round(100 * job.getProgress().getFraction()) + " %" : "";
  }
}

package org.cristae.fiji.ui;

import ij.measure.ResultsTable;
import java.util.LinkedHashMap;
import java.util.Map;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.JobFiles;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;

/** The tables that an evaluation or a measuring made, as ImageJ's. */
final class JobTables {
  private final Job job;

  /** By the titles of their windows; the one that is to be on top comes last. */
  private final Map<String, ResultsTable> tables = new LinkedHashMap<>();

  private String main;

  private JobTables(Job job) {
    this.job = job;
  }

  /** True if jobs of this kind make tables. */
  static boolean areMadeBy(Job job) {
    return job.getKind() == JobKind.JOB_KIND_EVALUATION
        || job.getKind() == JobKind.JOB_KIND_MEASUREMENT;
  }

  /**
   * Fetches the tables of a job that is done; they are not shown yet.
   *
   * @throws CristaeException if they cannot be fetched
   */
  static JobTables fetch(Client client, Job job, Progress progress, Cancellation cancellation)
      throws CristaeException {
    JobFiles files = new JobFiles(client, progress, cancellation);
    JobTables made = new JobTables(job);
    if (job.getKind() == JobKind.JOB_KIND_EVALUATION) {
      String name = name(job.getEvaluation().getPredictions(0).getName(), job);
      made.put(OpenImages.stem(name) + "-scores", files.read(job, "scores.csv"));
      return made;
    }
    String name = name(job.getMeasurement().getLabels().getName(), job);
    if (JobFiles.find(job, "contacts.csv").isPresent()) {
      made.put(OpenImages.stem(name) + "-contacts", files.read(job, "contacts.csv"));
    }
    made.put(ObjectTables.title(name), files.read(job, "objects.csv"));
    return made;
  }

  /** What an image was called when it was sent; of a job that does not tell, the job's title. */
  static String name(String told, Job job) {
    return told.isEmpty() ? job.getTitle() : told;
  }

  private void put(String title, byte[] csv) {
    tables.put(title, CsvTable.read(csv));
    main = title;
  }

  /** Shows the tables; one of the same title is replaced. */
  void show() {
    tables.forEach((title, table) -> table.show(title));
    ObjectLink.begin();
  }

  /** What is there now, in a sentence. */
  String words() {
    int rows = tables.get(main).size();
    if (job.getKind() == JobKind.JOB_KIND_EVALUATION) {
      return "The scores are in the table \"" + main + "\".";
    }
    String objects = rows == 1 ? "1 object is" : String.format("%,d objects are", rows);
    return objects + " in the table \"" + main + "\".";
  }

  /** What can be done with the files of the job. */
  Map<String, Work.Afterwards> afterwards() {
    return ReportFiles.actions(job);
  }
}

package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import ij.measure.ResultsTable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.JobFiles;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;

/** The tables that an evaluation or a measuring made, as ImageJ's. */
final class JobTables {
  /** So much memory a byte of a table takes: as text, in cells, and as numbers. */
  private static final long MEMORY_OF_A_BYTE = 20;

  private static final String HOW_TO_GET_IT =
      " Save it as a file: with Save in the window of its job, which Cristae Jobs > Open Result"
          + " opens, or with save= in a macro.";

  private static final String HOW_TO_SAVE =
      " Plugins > Cristae > Cristae Jobs has the job: Open Result there opens its window, in which"
          + " Save writes the file to another place.";

  /** Larger tables are not shown. */
  static long mostBytes = Runtime.getRuntime().maxMemory() / MEMORY_OF_A_BYTE;

  private final Job job;

  /** By the titles of their windows; the one that is to be on top comes last. */
  private final Map<String, ResultsTable> tables = new LinkedHashMap<>();

  private String main;

  /** What is to be said of tables that are not shown. */
  private final List<String> tooLarge = new ArrayList<>();

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
      made.put(OpenImages.stem(name) + "-scores", files, "scores.csv");
    } else {
      String name = name(job.getMeasurement().getLabels().getName(), job);
      if (JobFiles.find(job, "contacts.csv").isPresent()) {
        made.put(OpenImages.stem(name) + "-contacts", files, "contacts.csv");
      }
      made.put(ObjectTables.title(name), files, "objects.csv");
    }
    for (String sentence : made.tooLarge) {
      progress.note(sentence, true);
    }
    return made;
  }

  /** What an image was called when it was sent; of a job that does not tell, the job's title. */
  static String name(String told, Job job) {
    return told.isEmpty() ? job.getTitle() : told;
  }

  private void put(String title, JobFiles files, String file) throws CristaeException {
    main = title;
    try {
      tables.put(title, CsvTable.read(files.read(job, file, mostBytes)));
    } catch (CristaeException e) {
      if (e.code() != ErrorCode.ERROR_CODE_OUT_OF_MEMORY) {
        throw e;
      }
      tooLarge.add(e.getMessage() + HOW_TO_GET_IT);
    }
  }

  /** Shows the tables, where it is not known which open image they were made from. */
  void show() {
    show(null, null);
  }

  /**
   * Shows the tables; one of the same title is replaced.
   *
   * @param image the open image that they were made from
   * @param state what {@link Edits#state} told of it before it was sent
   */
  void show(ImagePlus image, Object state) {
    tables.forEach(
        (title, table) -> {
          table.show(title);
          ObjectTables.remember(title, image, state);
        });
    ObjectLink.begin();
  }

  /**
   * Saves what a file was chosen for, once the tables are shown.
   *
   * @throws CristaeException if it cannot be written or fetched; the sentence says what is there
   */
  void save(Client client, Path file, Progress progress, Cancellation cancellation)
      throws CristaeException {
    try {
      ReportFiles.save(client, job, file, progress, cancellation);
    } catch (CristaeException e) {
      if (e.code() == ErrorCode.ERROR_CODE_CANCELLED) {
        throw e;
      }
      String open = tables.isEmpty() ? "" : " The tables are open, though not saved.";
      throw new CristaeException(e.code(), e.getMessage() + open + HOW_TO_SAVE, e);
    }
  }

  /**
   * Makes sure that a macro, which counts on all tables that are not saved, goes on with them only.
   *
   * @throws CristaeException in a macro, if one was too large to be shown
   */
  void checkComplete() throws CristaeException {
    if (IJ.isMacro() && !tooLarge.isEmpty()) {
      throw new CristaeException(ErrorCode.ERROR_CODE_OUT_OF_MEMORY, tooLarge.get(0));
    }
  }

  /** What is there now, in a sentence. */
  String words() {
    if (!tables.containsKey(main)) {
      return tooLarge.get(tooLarge.size() - 1);
    }
    int rows = tables.get(main).size();
    if (job.getKind() == JobKind.JOB_KIND_EVALUATION) {
      return "The scores are in the table \"" + main + "\".";
    }
    String objects =
        rows == 1 ? "1 object is" : String.format(Locale.ROOT, "%,d objects are", rows);
    return objects + " in the table \"" + main + "\".";
  }

  /** What can be done with the files of the job. */
  Map<String, Work.Afterwards> afterwards() {
    return ReportFiles.actions(job);
  }
}

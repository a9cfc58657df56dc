package org.cristae.fiji.ui;

import ij.IJ;
import ij.io.OpenDialog;
import ij.plugin.BrowserLauncher;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.swing.JFileChooser;
import javax.swing.JOptionPane;
import javax.swing.filechooser.FileNameExtensionFilter;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.JobFiles;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;

/** The reports and tables of a job as files on this machine. */
final class ReportFiles {
  /** The choice that names a file to save to. */
  static final String KEY = "save";

  /** What an evaluation can be saved as: a page with pictures, a table, everything. */
  static final List<String> OF_SCORES = Arrays.asList(".html", ".csv", ".json");

  /** What a measuring can be saved as. */
  static final List<String> OF_OBJECTS = Arrays.asList(".csv");

  private ReportFiles() {}

  /**
   * The file that was chosen to save to; null if none was.
   *
   * @throws CristaeException if its folder is not there, or its ending stands for nothing
   */
  static Path chosen(Choices choices, List<String> endings) throws CristaeException {
    if (!choices.has(KEY)) {
      return null;
    }
    String expected = "the path of a file that ends in " + String.join(" or ", endings);
    Path file;
    try {
      file = Paths.get(choices.get(KEY, "")).toAbsolutePath();
    } catch (InvalidPathException e) { // such as quotes on Windows
      throw choices.wrong(KEY, expected + ", without quotes around it");
    }
    if (!endings.contains(ending(file))) {
      throw choices.wrong(KEY, expected);
    }
    if (!Files.isDirectory(file.getParent())) {
      throw choices.wrong(KEY, "a file in a folder that is there");
    }
    return file;
  }

  private static String ending(Path file) {
    Path last = file.getFileName(); // null of "/"
    String name = last == null ? "" : last.toString().toLowerCase(Locale.ROOT);
    return name.contains(".") ? name.substring(name.lastIndexOf('.')) : "";
  }

  /** Saves what the ending of a file stands for; contacts are saved beside the objects. */
  static void save(Client client, Job job, Path file, Progress progress, Cancellation cancellation)
      throws CristaeException {
    JobFiles files = new JobFiles(client, progress, cancellation);
    if (job.getKind() == JobKind.JOB_KIND_EVALUATION) {
      files.save(job, ending(file).equals(".html") ? "report.html" : "scores" + ending(file), file);
      return;
    }
    files.save(job, "objects.csv", file);
    if (JobFiles.find(job, "contacts.csv").isPresent()) {
      files.save(job, "contacts.csv", contactsBeside(file));
    }
  }

  private static Path contactsBeside(Path file) {
    String stem = file.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    return file.resolveSibling(stem + "-contacts.csv");
  }

  /** The buttons for the files of a job. */
  static Map<String, Work.Afterwards> actions(Job job) {
    Map<String, Work.Afterwards> actions = new LinkedHashMap<>();
    if (job.getKind() == JobKind.JOB_KIND_EVALUATION) {
      actions.put("Save Report...", () -> askAndSave(job, "scores", OF_SCORES));
      actions.put("Open Report", () -> open(job));
    } else {
      actions.put("Save Table...", () -> askAndSave(job, "objects", OF_OBJECTS));
    }
    return actions;
  }

  private static Client client() throws CristaeException {
    return Connection.open(Progress.NONE, new Cancellation());
  }

  private static void askAndSave(Job job, String name, List<String> endings)
      throws CristaeException {
    File[] chosen = new File[1];
    Look.onEventThread(() -> chosen[0] = ask(job, name, endings));
    if (chosen[0] != null) {
      save(client(), job, chosen[0].toPath(), new StatusBar(), new Cancellation());
      StatusBar.clear(chosen[0].getName() + " is saved.");
    }
  }

  /** Asks for a file; null if the person cancelled. */
  private static File ask(Job job, String name, List<String> endings) {
    JFileChooser chooser = new JFileChooser(OpenDialog.getDefaultDirectory());
    chooser.setDialogTitle("Cristae: save");
    chooser.setAcceptAllFileFilterUsed(false);
    for (String ending : endings) {
      String plain = ending.substring(1);
      chooser.addChoosableFileFilter(new FileNameExtensionFilter(words(plain), plain));
    }
    chooser.setFileFilter(chooser.getChoosableFileFilters()[0]);
    chooser.setSelectedFile(new File(name));
    while (chooser.showSaveDialog(IJ.getInstance()) == JFileChooser.APPROVE_OPTION) {
      File file = chooser.getSelectedFile();
      if (!endings.contains(ending(file.toPath()))) {
        FileNameExtensionFilter filter = (FileNameExtensionFilter) chooser.getFileFilter();
        file = new File(file.getPath() + "." + filter.getExtensions()[0]);
      }
      List<String> there = new ArrayList<>();
      if (file.exists()) {
        there.add(file.getName());
      }
      File contacts = contactsBeside(file.toPath()).toFile();
      if (JobFiles.find(job, "contacts.csv").isPresent() && contacts.exists()) {
        there.add(contacts.getName());
      }
      if (there.isEmpty() || mayReplace(there)) {
        OpenDialog.setDefaultDirectory(file.getParent());
        return file;
      }
    }
    return null;
  }

  private static String words(String ending) {
    switch (ending) {
      case "html":
        return "Page with tables and pictures (.html)";
      case "csv":
        return "Table (.csv)";
      default:
        return "All numbers (.json)";
    }
  }

  private static boolean mayReplace(List<String> there) {
    String question =
        there.size() == 1
            ? there.get(0) + " is there already. Replace it?"
            : String.join(" and ", there) + " are there already. Replace them?";
    return JOptionPane.showConfirmDialog(
            IJ.getInstance(), question, "Cristae: save", JOptionPane.YES_NO_OPTION)
        == JOptionPane.YES_OPTION;
  }

  /** Opens the page of an evaluation in the browser, from a file that ends with ImageJ. */
  private static void open(Job job) throws CristaeException {
    try {
      Path page = Files.createTempFile("cristae-report-", ".html");
      page.toFile().deleteOnExit();
      save(client(), job, page, new StatusBar(), new Cancellation());
      StatusBar.clear("");
      BrowserLauncher.openURL(page.toUri().toString());
    } catch (IOException e) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INTERNAL,
          "The report cannot be opened in a browser (" + e.getMessage() + "). Save it instead.",
          e);
    }
  }
}

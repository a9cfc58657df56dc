package org.cristae.fiji.command;

import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImageJ;
import ij.ImagePlus;
import ij.Macro;
import ij.Menus;
import ij.Prefs;
import ij.WindowManager;
import ij.macro.Interpreter;
import ij.process.ImageProcessor;
import ij.text.TextWindow;
import java.awt.Dialog;
import java.awt.Frame;
import java.awt.GraphicsEnvironment;
import java.awt.Window;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.Properties;
import java.util.Random;
import java.util.stream.Stream;
import javax.swing.JFrame;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Job;

/** ImageJ as a user has it: with the built jar in its plugins folder, and the real server. */
public final class RealImageJ {
  private RealImageJ() {}

  static Path root() {
    return Paths.get(System.getProperty("plugins.dir"));
  }

  /** The command that starts the server: CRISTAE_COMMAND, else the one of this checkout. */
  static String serverCommand() {
    String given = System.getenv("CRISTAE_COMMAND");
    if (given != null && !given.isEmpty()) {
      return given;
    }
    Path unix = Paths.get("..", ".venv", "bin", "cristae");
    Path windows = Paths.get("..", ".venv", "Scripts", "cristae.exe");
    Path found = Files.exists(windows) ? windows : unix;
    assertTrue(
        Files.exists(found), "these tests need the server: run make setup, or set CRISTAE_COMMAND");
    return found.toAbsolutePath().normalize().toString();
  }

  static void installJar() throws IOException {
    Path plugins = root().resolve("plugins");
    Files.createDirectories(plugins);
    Path jar = Paths.get(System.getProperty("cristae.jar"));
    Files.copy(jar, plugins.resolve(jar.getFileName()), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Starts it, if no test before has: what is in its menus is settled then. */
  public static void start() throws Exception {
    assertTrue(
        !GraphicsEnvironment.isHeadless(), "these tests need a display: xvfb-run mvn verify");
    installJar();
    if (IJ.getInstance() == null) {
      forgetModels();
      new ImageJ(ImageJ.NO_SHOW);
    }
    assertTrue(Menus.getCommands().containsKey("Cristae Train"), "the jar is not in the menu");
    forgetChoices();
    Prefs.set("cristae.command", serverCommand());
    Prefs.set("cristae.address", "");
  }

  /**
   * Deletes the models of earlier runs, which a dialog would ask about and which one step does not
   * replace; while no server runs.
   */
  static void forgetModels() throws IOException {
    Path models = Paths.get(System.getenv("CRISTAE_HOME"), "models");
    if (Files.exists(models)) {
      try (Stream<Path> all = Files.walk(models)) {
        all.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
      }
    }
  }

  public static void closeAll() {
    int[] ids = WindowManager.getIDList();
    if (ids != null) {
      for (int id : ids) {
        ImagePlus image = WindowManager.getImage(id);
        image.changes = false;
        image.close();
      }
    }
  }

  /** As ImageJ is when it was just started: for the next test, also where this one failed. */
  public static void tidy() throws ReflectiveOperationException {
    closeAll();
    disposeWindows();
    closeTables();
    forgetChoices();
  }

  /**
   * The end of a class of tests: nothing of it is open or goes on, and no job of it goes on when
   * the next one starts the server.
   */
  public static void stop() throws Exception {
    if (IJ.getInstance() == null) {
      return; // the class did not begin
    }
    tidy();
    cancelJobs();
    Connection.stopLocal();
  }

  /** A test that failed half-way leaves no job for the next ones to wait behind. */
  public static void cancelJobs() throws Exception {
    Jobs jobs = new Jobs(Connection.open(Progress.NONE, new Cancellation()));
    for (Job job : jobs.list(20)) {
      if (!Jobs.isEnd(job.getState())) {
        jobs.cancel(job.getJobId());
      }
    }
  }

  /**
   * Closes the windows of jobs and lists, what they follow goes on, and dialogs that a test which
   * failed left open: the next tests would take them for theirs.
   */
  private static void disposeWindows() {
    for (Window window : Window.getWindows()) {
      if (window instanceof JFrame || window instanceof Dialog) {
        window.dispose();
      }
    }
  }

  /** Closes the windows of tables without a question. */
  static void closeTables() {
    for (Frame frame : Frame.getFrames()) {
      if (frame instanceof TextWindow && frame.isShowing()) {
        ((TextWindow) frame).close(false);
      }
    }
  }

  /** What dialogs remember is forgotten; which server it is, is not. */
  private static void forgetChoices() throws ReflectiveOperationException {
    Field kept = Prefs.class.getDeclaredField("ijPrefs"); // ImageJ lists them nowhere
    kept.setAccessible(true);
    ((Properties) kept.get(null))
        .keySet()
        .removeIf(key -> key.toString().matches("\\.cristae\\.(?!command$|address$).*"));
  }

  /** A stack of noise with a bright square of 12 x 12 in each section, and its labels. */
  public static ImagePlus stack(String title, int sections, int seed) {
    ImagePlus image = IJ.createImage(title, "8-bit black", 48, 40, sections);
    Random random = new Random(seed);
    for (int z = 1; z <= sections; z++) {
      ImageProcessor ip = image.getStack().getProcessor(z);
      for (int i = 0; i < 48 * 40; i++) {
        ip.set(i, 60 + random.nextInt(40) + (inSquare(i % 48, i / 48) ? 100 : 0));
      }
    }
    image.getCalibration().setUnit("micron");
    image.getCalibration().pixelWidth = 0.008;
    image.getCalibration().pixelHeight = 0.008;
    image.getCalibration().pixelDepth = 0.04;
    image.show();
    return image;
  }

  public static ImagePlus labels(String title, int sections) {
    ImagePlus labels = IJ.createImage(title, "8-bit black", 48, 40, sections);
    for (int z = 1; z <= sections; z++) {
      for (int i = 0; i < 48 * 40; i++) {
        labels.getStack().getProcessor(z).set(i, inSquare(i % 48, i / 48) ? 1 : 0);
      }
    }
    labels.show();
    return labels;
  }

  /**
   * Bright squares of 5 x 5, each an object of its own, in every other of {@code sections} of
   * {@code side} x {@code side}; with {@code numbered} their numbers from 1 instead.
   */
  static ImagePlus dots(String title, int side, int sections, boolean numbered) {
    ImagePlus image = IJ.createImage(title, numbered ? "16-bit" : "8-bit", side, side, sections);
    Random random = new Random(7);
    int across = side / 8;
    for (int z = 0; z < sections; z++) {
      ImageProcessor ip = image.getStack().getProcessor(z + 1);
      for (int i = 0; i < side * side; i++) {
        int x = i % side;
        int y = i / side;
        boolean inside = z % 2 == 0 && x % 8 >= 1 && x % 8 < 6 && y % 8 >= 1 && y % 8 < 6;
        int number = 1 + x / 8 + across * (y / 8) + across * across * (z / 2);
        int value = numbered ? number : 160 + random.nextInt(40);
        ip.set(i, inside ? value : numbered ? 0 : 60 + random.nextInt(40));
      }
    }
    image.getCalibration().setUnit("nm");
    image.getCalibration().pixelDepth = 5;
    image.show();
    return image;
  }

  private static boolean inSquare(int x, int y) {
    return x >= 10 && x < 22 && y >= 10 && y < 22;
  }

  /** Runs a macro that must come to its end. */
  public static void macro(String... lines) {
    File marker = root().resolve("ended").toFile();
    String sentence = run(marker, lines);
    assertTrue(marker.exists(), "the macro was aborted: " + sentence);
  }

  /** Runs a macro that must be aborted, and returns the sentence that it was aborted with. */
  public static String failingMacro(String... lines) {
    File marker = root().resolve("ended").toFile();
    String sentence = run(marker, lines);
    assertTrue(!marker.exists(), "the macro went on after the failure");
    assertTrue(sentence != null, "no sentence");
    assertTrue(!sentence.contains("Exception") && !sentence.contains("\tat "), sentence);
    return sentence;
  }

  /** Runs a macro as ImageJ does, but hands over the sentence instead of opening a dialog. */
  private static String run(File marker, String... lines) {
    marker.delete();
    String end = "\nFile.saveString(\"\", \"" + marker.getPath().replace('\\', '/') + "\");";
    Interpreter interpreter = new Interpreter();
    interpreter.setIgnoreErrors(true);
    try {
      interpreter.run(String.join("\n", lines) + end);
    } catch (RuntimeException e) {
      if (!Macro.MACRO_CANCELED.equals(e.getMessage())) {
        throw e;
      }
    }
    return interpreter.getErrorMessage();
  }
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.macro;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.Prefs;
import ij.WindowManager;
import ij.measure.ResultsTable;
import ij.plugin.frame.Recorder;
import java.awt.Component;
import java.awt.Container;
import java.awt.Window;
import java.util.Collections;
import java.util.concurrent.Callable;
import javax.swing.AbstractButton;
import javax.swing.JComboBox;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JTable;
import javax.swing.JTextField;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.launch.HomeFolder;
import org.cristae.fiji.launch.LocalServer;
import org.cristae.fiji.ui.Connection;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a person does with the mouse: dialogs, job windows, the recorder. */
@Timeout(300)
class DialogIT {
  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterAll
  static void stopServer() {
    Connection.stopLocal();
  }

  @AfterEach
  void close() {
    RealImageJ.closeAll();
    for (Window window : Window.getWindows()) {
      if (window instanceof JFrame) {
        window.dispose();
      }
    }
  }

  /** What titles may hold: spaces, brackets, quotes, a backslash, an umlaut. */
  private static final String MINE = "my \"st\u00e4ck\" [2] a\\b";

  private static String recorded(String end) {
    return "my \\\"st\u00e4ck\\\" [2] a\\\\b" + end;
  }

  /** A test that failed half-way leaves no job for the next ones to wait behind. */
  @AfterEach
  void cancelJobs() throws Exception {
    org.cristae.fiji.client.Jobs jobs =
        new org.cristae.fiji.client.Jobs(Connection.open(Progress.NONE, new Cancellation()));
    for (org.cristae.v1.Job job : jobs.list(20)) {
      if (!org.cristae.fiji.client.Jobs.isEnd(job.getState())) {
        jobs.cancel(job.getJobId());
      }
    }
  }

  @Test
  void eachActionRecordsOneLineThatReplaysToTheSameResult() throws Exception {
    RealImageJ.stack(
        MINE + ".tif", 3, 77); // a stack of its own: the first name stays with the server
    RealImageJ.labels(MINE + "-labels.tif", 3);
    IJ.selectWindow(MINE + ".tif");
    Recorder recorder = new Recorder(false);
    try {
      menu("Cristae Train");
      Window train = await("the dialog", () -> dialog("Cristae: train a model"));
      assertEquals(MINE + "-labels.tif", box(train, "labels").getSelectedItem());
      type(train, "name", "clicked");
      type(train, "set", "batch=2 patch_zyx=1,32,32");
      SwingUtilities.invokeAndWait(() -> box(train, "budget").setSelectedItem("0.02"));
      click(train, "Train");
      await("the model", () -> hasEnded("Cristae: Training clicked") ? this : null);
      click(frame("Cristae: Training clicked"), "Curves");
      await("the curves", () -> ResultsTable.getResultsTable("Training clicked: curves"));
      IJ.selectWindow(MINE + ".tif");
      menu("Cristae Segment");
      Window segment = await("the dialog", () -> dialog("Cristae: segment an image"));
      SwingUtilities.invokeAndWait(() -> box(segment, "model").setSelectedItem("clicked"));
      assertEquals("clicked", box(segment, "model").getSelectedItem());
      click(segment, "Segment");
      await("the labels", () -> WindowManager.getImage(MINE + "-clicked.tif"));
      String text = recorder.getText();
      assertEquals(
          "run(\"Cristae Train\", \"image=["
              + recorded(".tif")
              + "] labels=["
              + recorded("-labels.tif")
              + "]"
              + " task=semantic name=clicked budget=0.02 set=[batch=2 patch_zyx=1,32,32]\");",
          line(text, "Cristae Train"));
      String replay = line(text, "Cristae Segment");
      assertEquals(
          "run(\"Cristae Segment\", \"image=[" + recorded(".tif") + "] model=clicked\");", replay);
      ImagePlus first = WindowManager.getImage(MINE + "-clicked.tif");
      byte[] pixels = ((byte[]) first.getStack().getPixels(2)).clone();
      first.close();
      macro(replay);
      ImagePlus second = IJ.getImage();
      assertEquals(MINE + "-clicked.tif", second.getTitle());
      assertArrayEquals(pixels, (byte[]) second.getStack().getPixels(2));
    } finally {
      Prefs.set("cristae.train.set", ""); // the next dialog would remember it
      Recorder.record = false;
      recorder.close();
    }
    RealImageJ.closeAll();
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    JTable table = (JTable) child(jobs, part -> part instanceof JTable);
    await("the list", () -> table.getRowCount() > 0 ? table : null);
    SwingUtilities.invokeAndWait(() -> table.setRowSelectionInterval(0, 0));
    click(jobs, "Open Result");
    ImagePlus again = await("the result", () -> WindowManager.getImage(MINE + "-clicked.tif"));
    assertEquals("micron", again.getCalibration().getUnit());
    assertEquals(3, again.getNSlices());
  }

  @Test
  void aDialogShowsWhatItRemembersAndRecordsNothingWhenItIsCancelled() throws Exception {
    RealImageJ.stack("stack.tif", 3, 1);
    Recorder recorder = new Recorder(false);
    Prefs.set("cristae.train.classes", "");
    Prefs.set("cristae.train.unknown", "");
    try {
      menu("Cristae Train");
      Window plain = await("the dialog", () -> dialog("Cristae: train a model"));
      assertFalse(child(plain, part -> "classes".equals(part.getName())).isShowing());
      click(plain, "Cancel");
      await("the end of the dialog", () -> plain.isShowing() ? null : this);
      Prefs.set("cristae.train.classes", "mito,er");
      menu("Cristae Train");
      Window more = await("the dialog", () -> dialog("Cristae: train a model"));
      Component classes = child(more, part -> "classes".equals(part.getName()));
      assertTrue(classes.isShowing());
      assertEquals("mito,er", ((JTextField) classes).getText());
      click(more, "Cancel");
      await("the end of the dialog", () -> more.isShowing() ? null : this);
      await("the end of the command", () -> isIdle("Cristae Train") ? this : null);
      assertNull(line(recorder.getText(), "Cristae Train"), recorder.getText());
    } finally {
      Prefs.set("cristae.train.classes", "");
      Recorder.record = false;
      recorder.close();
    }
  }

  private static boolean isIdle(String command) {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().contains(command)) {
        return false;
      }
    }
    return true;
  }

  @Test
  void aMacroThatOpensTheDialogWaitsForTheResult() throws Exception {
    RealImageJ.stack("asked.tif", 3, 1);
    RealImageJ.labels("asked-labels.tif", 3);
    macro(
        "run(\"Cristae Train\", \"image=asked.tif labels=asked-labels.tif name=asked steps=2\");",
        "selectImage(\"asked.tif\");");
    String[] title = new String[1];
    Thread macro =
        new Thread(
            () -> {
              macro("run(\"Cristae Segment\");", "rename(\"mine\");");
              title[0] = IJ.getImage().getTitle();
            },
            "Macro$");
    macro.start();
    Window segment = await("the dialog", () -> dialog("Cristae: segment an image"));
    SwingUtilities.invokeAndWait(() -> box(segment, "model").setSelectedItem("asked"));
    click(segment, "Segment");
    macro.join(120_000);
    assertEquals("mine", title[0], "the macro that waits for its dialog");
    assertNull(frame("Cristae: Segmenting asked.tif with asked"));
    assertNotNull(IJ.getImage().getProp("cristae.model"));
  }

  @Test
  void aJobIsFollowedInOneWindowHoweverOftenItIsAskedFor() throws Exception {
    Window window = trainForLong("long");
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    JTable table = (JTable) child(jobs, part -> part instanceof JTable);
    awaitFirst(table, "long", "running");
    SwingUtilities.invokeAndWait(() -> table.setRowSelectionInterval(0, 0));
    click(jobs, "Follow");
    click(jobs, "Follow");
    SwingUtilities.invokeAndWait(() -> {});
    Thread.sleep(500);
    assertEquals(1, frames("Cristae: Training long"));
    Client client = Connection.open(Progress.NONE, new Cancellation());
    double minutes =
        new org.cristae.fiji.client.Jobs(client)
            .list(1)
            .get(0)
            .getTraining()
            .getBudget()
            .getMinutes();
    assertEquals(30, minutes, "what was typed into the budget");
    click(window, "Close");
    await("the end of the window", () -> window.isShowing() ? null : this);
    click(jobs, "Follow");
    Window again = await("another window", () -> frame("Cristae: Training long"));
    click(again, "Cancel");
    awaitFirst(table, "long", "cancelled");
  }

  @Test
  void theListOfAStoppedServerStartsNoneButShowsTheNextOneWhoeverStartsIt() throws Exception {
    trainForLong("stopped");
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    JTable table = (JTable) child(jobs, part -> part instanceof JTable);
    awaitFirst(table, "stopped", "running");
    assertTrue(Connection.local().isOurs(), "a server that this test cannot stop");
    Connection.stopLocal();
    await("the words", () -> child(jobs, part -> says(part, "The server was stopped.")));
    Thread.sleep(4000); // two more looks
    LocalServer another = new LocalServer(HomeFolder.ofUser()); // as another ImageJ has it
    assertFalse(another.find(new Patience(0)).isPresent(), "the list started the server");
    try {
      Client client =
          another.ensure(
              () -> Collections.singletonList(RealImageJ.serverCommand()),
              new Patience(10),
              Progress.NONE,
              new Cancellation());
      org.cristae.fiji.client.Jobs its = new org.cristae.fiji.client.Jobs(client);
      its.cancel(its.list(1).get(0).getJobId());
      awaitFirst(table, "stopped", "cancelled");
    } finally {
      another.stop();
    }
    menu("Cristae Jobs");
    await("a server for who asks", () -> Connection.local().isOurs() ? this : null);
  }

  /** Begins a training of half an hour by its dialog, and returns its window. */
  private static Window trainForLong(String name) throws Exception {
    RealImageJ.stack(name + ".tif", 3, 1);
    RealImageJ.labels(name + "-labels.tif", 3);
    menu("Cristae Train");
    Window train = await("the dialog", () -> dialog("Cristae: train a model"));
    type(train, "name", name);
    SwingUtilities.invokeAndWait(() -> typeInto(box(train, "budget"), "30"));
    click(train, "Train");
    return await("the window", () -> frame("Cristae: Training " + name));
  }

  private static boolean says(Component part, String text) {
    return part instanceof JLabel && ((JLabel) part).getText().contains(text);
  }

  private void awaitFirst(JTable table, String job, String state) throws Exception {
    try {
      await("the job", () -> isFirst(table, job, state) ? this : null);
    } catch (AssertionError e) {
      StringBuilder rows = new StringBuilder(job + " " + state + " is not first of:");
      SwingUtilities.invokeAndWait(
          () -> {
            for (int row = 0; row < Math.min(3, table.getRowCount()); row++) {
              rows.append('\n');
              for (int column = 0; column < table.getColumnCount(); column++) {
                rows.append(table.getValueAt(row, column)).append(" | ");
              }
            }
          });
      throw new AssertionError(rows.toString(), e);
    }
  }

  private static boolean isFirst(JTable table, String job, String state) throws Exception {
    boolean[] is = new boolean[1];
    SwingUtilities.invokeAndWait(
        () ->
            is[0] =
                table.getRowCount() > 0
                    && job.equals(table.getValueAt(0, 0))
                    && state.equals(table.getValueAt(0, 2)));
    return is[0];
  }

  private static int frames(String title) {
    int count = 0;
    for (Window window : Window.getWindows()) {
      boolean same = window instanceof JFrame && title.equals(((JFrame) window).getTitle());
      count += same && window.isShowing() ? 1 : 0;
    }
    return count;
  }

  @Test
  void pressingConnectRecordsWhichServerWasChosen() throws Exception {
    Recorder recorder = new Recorder(false);
    try {
      menu("Cristae Server");
      Window server = await("the window", () -> frame("Cristae: server"));
      click(server, "Connect");
      String expected =
          "run(\"Cristae Server\", \"address=local command=" + RealImageJ.serverCommand() + "\");";
      await("the line", () -> line(recorder.getText(), "Cristae Server"));
      assertEquals(expected, line(recorder.getText(), "Cristae Server"));
    } finally {
      Recorder.record = false;
      recorder.close();
    }
  }

  private static String line(String recorded, String command) {
    String found = null;
    for (String line : recorded.split("\n")) {
      if (line.contains("run(\"" + command + "\"")) {
        assertEquals(null, found, "recorded twice");
        found = line;
      }
    }
    return found;
  }

  /**
   * True once the window of a job is shown and its job has ended; asked where windows are built.
   */
  private static boolean hasEnded(String title) throws Exception {
    boolean[] ended = new boolean[1];
    SwingUtilities.invokeAndWait(
        () -> {
          Window window = frame(title);
          Component cancel =
              window == null ? null : child(window, part -> isButton(part, "Cancel"));
          ended[0] = cancel != null && !cancel.isEnabled();
        });
    return ended[0];
  }

  /** As if chosen from the menu, on a thread of its own. */
  private static void menu(String command) {
    IJ.doCommand(command);
  }

  private static Window dialog(String title) {
    for (Window window : Window.getWindows()) {
      boolean same =
          window instanceof javax.swing.JDialog
              && title.equals(((javax.swing.JDialog) window).getTitle());
      if (same && window.isShowing()) {
        return window;
      }
    }
    return null;
  }

  private static Window frame(String title) {
    for (Window window : Window.getWindows()) {
      if (window instanceof JFrame
          && window.isShowing()
          && title.equals(((JFrame) window).getTitle())) {
        return window;
      }
    }
    return null;
  }

  private interface Wanted {
    boolean is(Component part);
  }

  private static Component child(Container parent, Wanted wanted) {
    for (Component part : parent.getComponents()) {
      if (wanted.is(part)) {
        return part;
      }
      Component inside = part instanceof Container ? child((Container) part, wanted) : null;
      if (inside != null) {
        return inside;
      }
    }
    return null;
  }

  private static boolean isButton(Component part, String text) {
    return part instanceof AbstractButton && text.equals(((AbstractButton) part).getText());
  }

  private static JComboBox<?> box(Window window, String key) {
    return (JComboBox<?>) child(window, part -> key.equals(part.getName()));
  }

  private static void type(Window window, String key, String text) throws Exception {
    Component field = child(window, part -> key.equals(part.getName()));
    SwingUtilities.invokeAndWait(() -> ((JTextField) field).setText(text));
  }

  /** Types into the editor of a box, without leaving it. */
  private static void typeInto(JComboBox<?> box, String text) {
    ((JTextField) box.getEditor().getEditorComponent()).setText(text);
  }

  private static void click(Window window, String text) throws Exception {
    AbstractButton button =
        (AbstractButton) await(text, () -> child(window, p -> isButton(p, text) && p.isEnabled()));
    SwingUtilities.invokeLater(button::doClick);
  }

  private static <T> T await(String what, Callable<T> wanted) throws Exception {
    for (int i = 0; i < 1200; i++) {
      T found = wanted.call();
      if (found != null) {
        return found;
      }
      Thread.sleep(100);
    }
    throw new AssertionError(what + " did not appear");
  }
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.box;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.choose;
import static org.cristae.fiji.command.Windows.chosen;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.frames;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.image;
import static org.cristae.fiji.command.Windows.isButton;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.says;
import static org.cristae.fiji.command.Windows.selectNewest;
import static org.cristae.fiji.command.Windows.text;
import static org.cristae.fiji.command.Windows.type;
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
import java.awt.Window;
import java.util.Collections;
import javax.swing.JComboBox;
import javax.swing.JComponent;
import javax.swing.JList;
import javax.swing.JTable;
import javax.swing.SwingUtilities;
import javax.swing.plaf.basic.BasicHTML;
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
@Timeout(600)
class DialogIT {
  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
    RealImageJ.forgetModels();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  @AfterEach
  void close() throws Exception {
    RealImageJ.tidy();
    RealImageJ.cancelJobs();
  }

  /** What titles may hold: spaces, brackets, quotes, a backslash, an umlaut. */
  private static final String MINE = "my \"st\u00e4ck\" [2] a\\b";

  private static String recorded(String end) {
    return "my \\\"st\u00e4ck\\\" [2] a\\\\b" + end;
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
      assertEquals(MINE + "-labels.tif", chosen(train, "labels"));
      type(train, "name", "clicked");
      type(train, "set", "batch=2 patch_zyx=1,32,32");
      choose(train, "budget", "0.02");
      click(train, "Train");
      await("the model", () -> hasEnded("Cristae: Training clicked") ? this : null);
      click(frame("Cristae: Training clicked"), "Curves");
      await("the curves", () -> ResultsTable.getResultsTable("Training clicked: curves"));
      IJ.selectWindow(MINE + ".tif");
      menu("Cristae Segment");
      Window segment = await("the dialog", () -> dialog("Cristae: segment an image"));
      choose(segment, "model", "clicked");
      assertEquals("clicked", chosen(segment, "model"));
      click(segment, "Segment");
      await("the labels", () -> image(MINE + "-clicked.tif"));
      String kindToo = "Cristae: Segmenting " + MINE + ".tif with clicked (labels)";
      await("its window, with the kind that the model has", () -> frame(kindToo));
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
      Recorder.record = false;
      recorder.close();
    }
    RealImageJ.closeAll();
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    selectNewest(jobs, "segmentation (labels)");
    click(jobs, "Open Result");
    ImagePlus again = await("the result", () -> image(MINE + "-clicked.tif"));
    assertEquals("micron", again.getCalibration().getUnit());
    assertEquals(3, again.getNSlices());
  }

  @Test
  void aDialogShowsWhatItRemembersAndRecordsNothingWhenItIsCancelled() throws Exception {
    RealImageJ.stack("stack.tif", 3, 1);
    Recorder recorder = new Recorder(false);
    try {
      menu("Cristae Train");
      Window plain = await("the dialog", () -> dialog("Cristae: train a model"));
      assertFalse(child(plain, part -> "classes".equals(part.getName())).isShowing());
      click(plain, "Cancel");
      await("the end of the dialog", () -> plain.isShowing() ? null : this);
      Prefs.set("cristae.train.classes", "mito,er");
      Prefs.set("cristae.train.budget", "medium"); // as the time was called before
      menu("Cristae Train");
      Window more = await("the dialog", () -> dialog("Cristae: train a model"));
      assertTrue(child(more, part -> "classes".equals(part.getName())).isShowing());
      assertEquals("mito,er", text(more, "classes"));
      assertEquals("standard", chosen(more, "budget"));
      click(more, "Cancel");
      await("the end of the dialog", () -> more.isShowing() ? null : this);
      await("the end of the command", () -> isIdle("Cristae Train") ? this : null);
      assertNull(line(recorder.getText(), "Cristae Train"), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
  }

  @Test
  void whatWasTypedForAnImageIsThereAgainAfterTheServerRefusedIt() throws Exception {
    RealImageJ.stack("refused.tif", 4, 1);
    RealImageJ.labels("refused-labels.tif", 4);
    IJ.selectWindow("refused.tif");
    menu("Cristae Train");
    Window first = await("the dialog", () -> dialog("Cristae: train a model"));
    choose(first, "task", "instances");
    String[][] typed = {
      {"name", "refused"},
      {"slices", "1-3"},
      {"validation", "4"},
      {"voxel-size", "40,8,8"},
      {"start-from", "no-such-model"},
      {"seed", "7"},
      {"device", "cpu"}
    };
    for (String[] field : typed) {
      type(first, field[0], field[1]);
    }
    type(first, "name", "a/b");
    Component ok = child(first, part -> isButton(part, "Train"));
    assertFalse(ok.isEnabled(), "a name with a slash");
    type(first, "name", "refused");
    assertTrue(ok.isEnabled());
    type(first, "seed", "seven");
    click(first, "Train");
    Window message = await("the message", Windows::message);
    SwingUtilities.invokeAndWait(message::dispose);
    Window asked = await("the dialog again", () -> dialog("Cristae: train a model"));
    type(asked, "seed", "7");
    click(asked, "Train");
    await("the refusal", () -> hasEnded("Cristae: Training refused") ? this : null);
    IJ.selectWindow("refused.tif");
    menu("Cristae Train");
    Window again = await("the dialog", () -> dialog("Cristae: train a model"));
    for (String[] field : typed) {
      assertEquals(field[1], text(again, field[0]));
    }
    assertEquals("refused-labels.tif", chosen(again, "labels"));
    assertEquals("instances", chosen(again, "task"));
    click(again, "Cancel");
    await("the end of the dialog", () -> again.isShowing() ? null : this);
    RealImageJ.stack("another.tif", 4, 1);
    menu("Cristae Train");
    Window other = await("the dialog", () -> dialog("Cristae: train a model"));
    assertEquals("refused", text(other, "name"));
    for (String key : new String[] {"slices", "validation", "voxel-size", "start-from", "seed"}) {
      assertEquals("", text(other, key), key + " of another image");
    }
    click(other, "Cancel");
    await("the end of the dialog", () -> other.isShowing() ? null : this);
  }

  @Test
  void namesThatBeginLikeHtmlAreShownAsTheyAre() throws Exception {
    String name = "<html><b>bold";
    RealImageJ.stack(name, 2, 1);
    menu("Cristae Train");
    Window train = await("the dialog", () -> dialog("Cristae: train a model"));
    boolean[] isHtml = new boolean[2];
    JComboBox<?> image = box(train, "image");
    SwingUtilities.invokeAndWait(() -> isHtml[0] = isHtml(cell(image, name)));
    click(train, "Cancel");
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    JTable table = (JTable) child(jobs, part -> part instanceof JTable);
    SwingUtilities.invokeAndWait(
        () ->
            isHtml[1] =
                isHtml(
                    table
                        .getDefaultRenderer(Object.class)
                        .getTableCellRendererComponent(table, name, false, false, 0, 0)));
    assertArrayEquals(new boolean[2], isHtml);
  }

  private static <T> Component cell(JComboBox<T> box, String text) {
    assertEquals(text, box.getSelectedItem());
    return box.getRenderer()
        .getListCellRendererComponent(new JList<>(), box.getItemAt(0), 0, false, false);
  }

  private static boolean isHtml(Component cell) {
    return ((JComponent) cell).getClientProperty(BasicHTML.propertyKey) != null;
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
    choose(segment, "model", "asked");
    click(segment, "Segment");
    macro.join(120_000);
    assertEquals("mine", title[0], "the macro that waits for its dialog");
    assertNull(frame("Cristae: Segmenting asked.tif with asked (labels)"));
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
    await("its plan", () -> says(window, "the network works"));
    click(window, "Close");
    await("the end of the window", () -> window.isShowing() ? null : this);
    click(jobs, "Follow");
    Window again = await("another window", () -> frame("Cristae: Training long"));
    click(again, "Cancel");
    awaitFirst(table, "long", "cancelled");
    click(jobs, "Show");
    SwingUtilities.invokeAndWait(() -> {});
    assertEquals(1, frames("Cristae: Training long"), "one window of it is there");
    // Where the window was told of the end already, Show opened another one in its place.
    Window shown = frame("Cristae: Training long");
    click(shown, "Close");
    await("the end of the window", () -> shown.isShowing() ? null : this);
    click(jobs, "Show");
    Window ended = await("the ended training", () -> frame("Cristae: Training long"));
    await("its last words", () -> says(ended, "Cancelled."));
    await("its plan", () -> says(ended, "the network works"));
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
    await("the words", () -> says(jobs, "The server was stopped."));
    Thread.sleep(4000); // two more looks
    LocalServer another = // as another ImageJ has it
        new LocalServer(
            HomeFolder.ofUser(), () -> Collections.singletonList(RealImageJ.serverCommand()));
    assertFalse(another.find(new Patience(0)).isPresent(), "the list started the server");
    try {
      Client client = another.ensure(new Patience(10), Progress.NONE, new Cancellation());
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
    type(train, "budget", "30");
    click(train, "Train");
    return await("the window", () -> frame("Cristae: Training " + name));
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
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.isButton;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.says;
import static org.cristae.fiji.command.Windows.seen;
import static org.cristae.fiji.command.Windows.type;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.process.ImageStatistics;
import java.awt.Window;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.FutureTask;
import javax.swing.JTable;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Job;
import org.cristae.v1.JobState;
import org.cristae.v1.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Jobs that are ended early, opened again and deleted, in real ImageJ with the real server. */
@Timeout(480)
class JobsIT {
  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
  }

  @AfterEach
  void cancelJobs() throws Exception {
    RealImageJ.cancelJobs();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static org.cristae.fiji.client.Jobs jobs() throws Exception {
    return new org.cristae.fiji.client.Jobs(Connection.open(Progress.NONE, new Cancellation()));
  }

  private static Path folder(Job job) {
    return Paths.get(System.getenv("CRISTAE_HOME"), "jobs", job.getJobId());
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

  private static Window list() throws Exception {
    menu("Cristae Jobs");
    return await("the jobs", () -> frame("Cristae: jobs"));
  }

  private static JTable table(Window list) throws Exception {
    return (JTable) child(list, part -> part instanceof JTable);
  }

  /** Selects jobs by their titles, once all are there. */
  private static void select(Window list, String... titles) throws Exception {
    JTable table = table(list);
    await(String.join(", ", titles), () -> seen(() -> isSelected(table, titles)) ? table : null);
  }

  private static boolean isSelected(JTable table, String... titles) throws Exception {
    table.clearSelection();
    for (String title : titles) {
      int row = row(table, title);
      if (row < 0) {
        return false;
      }
      table.addRowSelectionInterval(row, row);
    }
    return true;
  }

  private static int row(JTable table, String title) throws Exception {
    return seen(
        () -> {
          for (int row = 0; row < table.getRowCount(); row++) {
            if (title.equals(table.getValueAt(row, 0))) {
              return row;
            }
          }
          return -1;
        });
  }

  @Test
  void aTrainingThatIsStoppedAndKeptGivesAModelThatSegments() throws Exception {
    String name = "kept-" + System.nanoTime();
    Window window = trainForLong(name);
    click(window, "Stop and Keep");
    await("the end", () -> hasEnded("Cristae: Training " + name) ? this : null);
    assertFalse(child(window, part -> isButton(part, "Stop and Keep")).isShowing());
    Model model = jobs().model(name);
    List<String> plan = model.getPlanList();
    String last = plan.get(plan.size() - 1);
    assertTrue(last.contains("to end early: its learning rate runs out"), last);
    macro("run(\"Cristae Segment\", \"image=" + name + ".tif model=" + name + "\");");
    ImagePlus labels = IJ.getImage();
    assertEquals(name + "-" + name + ".tif", labels.getTitle());
    assertEquals(3, labels.getNSlices());
    ImagePlus truth = WindowManager.getImage(name + "-labels.tif");
    int same = 0;
    for (int z = 1; z <= 3; z++) {
      for (int i = 0; i < 48 * 40; i++) {
        int found = labels.getStack().getProcessor(z).get(i);
        same += found == truth.getStack().getProcessor(z).get(i) ? 1 : 0;
      }
    }
    assertTrue(same > 0.97 * 3 * 48 * 40, same + " voxels are right");
  }

  @Test
  void jobsThatHaveEndedAreDeletedWithTheirFilesAndOneThatRunsIsNot() throws Exception {
    String name = "runs-" + System.nanoTime();
    RealImageJ.labels(name + "-cells.tif", 3);
    macro("run(\"Cristae Measure Objects\", \"labels=" + name + "-cells.tif\");");
    Job measured = jobs().list(1).get(0);
    assertTrue(Files.exists(folder(measured).resolve("files").resolve("objects.csv")));
    trainForLong(name);
    Window list = list();
    select(list, name);
    String running = jobs().list(1).get(0).getJobId();
    assertFalse(child(list, part -> isButton(part, "Delete")).isEnabled(), "it runs");
    CristaeException refused = assertThrows(CristaeException.class, () -> jobs().delete(running));
    assertEquals(
        "The job '" + name + "' waits or runs. Cancel it first, then delete it.",
        refused.getMessage());
    select(list, name, measured.getTitle());
    click(list, "Delete");
    Window no = await("the question", () -> dialog("Cristae: delete jobs?"));
    click(no, "Cancel");
    await("the end of the question", () -> no.isShowing() ? null : this);
    assertTrue(Files.exists(folder(measured)));
    click(list, "Delete");
    click(await("the question", () -> dialog("Cristae: delete jobs?")), "Delete");
    await("the end of its row", () -> row(table(list), measured.getTitle()) < 0 ? this : null);
    assertFalse(Files.exists(folder(measured)));
    assertTrue(row(table(list), name) >= 0);
    assertEquals(running, jobs().list(1).get(0).getJobId());
  }

  @Test
  void severalJobsAreCancelledAtOnce() throws Exception {
    String first = "first-" + System.nanoTime();
    String second = "second-" + System.nanoTime();
    trainForLong(first);
    trainForLong(second); // waits for the device
    Window list = list();
    select(list, first, second);
    click(list, "Cancel Job");
    await("the end of both", () -> areCancelled(first, second) ? this : null);
    select(list, first, second);
    await("nothing to cancel", () -> isEnabled(list, "Cancel Job") ? null : this);
  }

  private static boolean areCancelled(String... titles) throws Exception {
    List<String> cancelled = new ArrayList<>();
    for (Job job : jobs().list(200)) {
      if (job.getState() == JobState.JOB_STATE_CANCELLED) {
        cancelled.add(job.getTitle());
      }
    }
    return cancelled.containsAll(Arrays.asList(titles));
  }

  private static boolean isEnabled(Window list, String button) throws Exception {
    return seen(() -> child(list, part -> isButton(part, button)).isEnabled());
  }

  @Test
  void whatAnActionToldStaysBelowTheListUntilAnotherJobIsSelected() throws Exception {
    try (FakeServer old = new FakeServer()) { // which cannot delete
      old.jobs.add(done("one"));
      old.jobs.add(done("two"));
      Connection.choose(old.address().toString(), FakeServer.TOKEN, RealImageJ.serverCommand());
      Window list = list();
      select(list, "one");
      click(list, "Delete");
      click(await("the question", () -> dialog("Cristae: delete jobs?")), "Delete");
      await("the failure", () -> says(list, "does not delete jobs"));
      old.jobs.set(1, done("three"));
      await("a new list", () -> row(table(list), "three") >= 0 ? this : null);
      IJ.wait(2000); // one more that is the same
      assertNotNull(says(list, "does not delete jobs"));
      select(list, "three");
      assertNull(says(list, "does not delete jobs"));
      list.dispose();
    } finally {
      Connection.choose("", "", RealImageJ.serverCommand());
    }
  }

  private static Job done(String title) {
    return Job.newBuilder()
        .setJobId("of " + title)
        .setTitle(title)
        .setState(JobState.JOB_STATE_DONE)
        .build();
  }

  @Test
  void aMacroWhoseJobIsCancelledByAnotherEndsWithASentenceAndDoesNotGoOn() throws Exception {
    String name = "elsewhere-" + System.nanoTime();
    RealImageJ.stack(name + ".tif", 3, 1);
    RealImageJ.labels(name + "-labels.tif", 3);
    FutureTask<Job> other = new FutureTask<>(() -> jobs().cancel(running(name).getJobId()));
    new Thread(other, "somebody else").start();
    String said =
        failingMacro(
            "run(\"Cristae Train\", \"image="
                + name
                + ".tif labels="
                + name
                + "-labels.tif"
                + " name="
                + name
                + " budget=30\");");
    assertEquals(
        "The job was cancelled, not by this macro: there is no result, and the macro ends.", said);
    other.get();
  }

  private static Job running(String title) throws Exception {
    return await(
        "the job",
        () ->
            jobs().list(1).stream()
                .filter(job -> job.getTitle().equals(title))
                .filter(job -> job.getState() == JobState.JOB_STATE_RUNNING)
                .findFirst()
                .orElse(null));
  }

  @Test
  void theResultOfACleaningIsOpenedAgainFromTheList() throws Exception {
    String name = "again-" + System.nanoTime();
    ImagePlus cells = RealImageJ.labels(name + ".tif", 3);
    cells.getStack().getProcessor(2).set(0, 0, 7); // one voxel
    macro("run(\"Cristae Clean Objects\", \"image=" + name + ".tif minimum-voxels=2\");");
    RealImageJ.closeAll();
    Window list = list();
    select(list, jobs().list(1).get(0).getTitle());
    click(list, "Open Result");
    ImagePlus clean = await("it", () -> Windows.image(name + "-clean.tif"));
    assertEquals(3, clean.getNSlices());
    assertEquals(0, clean.getStack().getProcessor(2).get(0, 0));
    ImageStatistics whole = clean.getStack().getProcessor(2).getStatistics();
    assertEquals(12 * 12, whole.mean * 48 * 40, 1e-6);
    await("its words", () -> hasEnded("Cristae: Cleaning " + name + ".tif") ? this : null);
  }
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.says;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ij.IJ;
import ij.ImagePlus;
import java.awt.Window;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.launch.HomeFolder;
import org.cristae.fiji.ui.Connection;
import org.cristae.fiji.ui.JobListener;
import org.cristae.fiji.ui.JobWindow;
import org.cristae.fiji.ui.PreviewWindow;
import org.cristae.fiji.ui.Segmentation;
import org.cristae.fiji.ui.SlicePreview;
import org.cristae.fiji.ui.Training;
import org.cristae.fiji.ui.TrainingChoices;
import org.cristae.v1.Job;
import org.cristae.v1.JobState;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The server is killed while somebody works with it: it is started again, and the work goes on. */
@Timeout(600)
class RestartIT {
  private static final String AGAIN = "The server had ended or was stopped; it was started again.";
  private static final String NO_ANSWER = "The server does not answer, and is tried again";

  @BeforeAll
  static void start() throws Exception {
    assumeTrue(new File("/bin/kill").canExecute());
    RealImageJ.start();
    Connection.open(Progress.NONE, new Cancellation());
    assertTrue(Connection.local().isOurs(), "a server that this test cannot kill");
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  @AfterEach
  void tidy() throws Exception {
    RealImageJ.tidy();
    RealImageJ.cancelJobs();
  }

  private static org.cristae.fiji.client.Jobs jobs() throws CristaeException {
    return new org.cristae.fiji.client.Jobs(Connection.open(Progress.NONE, new Cancellation()));
  }

  private static void killServer() {
    try {
      byte[] about = Files.readAllBytes(HomeFolder.ofUser().path().resolve("server.json"));
      Matcher pid =
          Pattern.compile("\"pid\": (\\d+)").matcher(new String(about, StandardCharsets.UTF_8));
      assertTrue(pid.find());
      assertEquals(0, new ProcessBuilder("/bin/kill", "-9", pid.group(1)).start().waitFor());
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Waits until a training learns, and returns it. */
  private static Job learning(String name) throws Exception {
    return await(
        "the training",
        () -> {
          for (Job job : jobs().list(1)) {
            if (job.getTitle().equals(name)
                && job.getProgress().getStage().startsWith("Training")) {
              return job;
            }
          }
          return null;
        });
  }

  private static void stackWithLabels(String name) {
    RealImageJ.stack(name + ".tif", 3, 1);
    RealImageJ.labels(name + "-labels.tif", 3);
  }

  private static String options(String name, String budget) {
    return "image=" + name + ".tif labels=" + name + "-labels.tif name=" + name + " " + budget;
  }

  @Test
  void aMacroWaitsForTheTrainingOfAServerThatWasKilled() throws Exception {
    stackWithLabels("killed");
    IJ.log("\\Clear");
    Thread macro =
        new Thread(
            () -> macro("run(\"Cristae Train\", \"" + options("killed", "minutes=0.3") + "\");"),
            "Macro$");
    macro.start();
    Job job = learning("killed");
    killServer();
    macro.join(200_000);
    assertFalse(macro.isAlive(), "the macro still waits");
    Job ended = jobs().get(job.getJobId());
    assertEquals(JobState.JOB_STATE_DONE, ended.getState(), ended.getError().getSentence());
    assertTrue(String.valueOf(IJ.getLog()).contains("Cristae: " + AGAIN), IJ.getLog());
  }

  @Test
  void aWindowFollowsTheTrainingOfAKilledServerAndLeavesAStoppedOneAlone() throws Exception {
    stackWithLabels("watched");
    JobWindow.start(
        Training.prepare(TrainingChoices.none().parse(options("watched", "minutes=30"))));
    Window window = await("the window", () -> frame("Cristae: Training watched"));
    learning("watched");
    killServer();
    await("the note", () -> says(window, "! " + AGAIN));
    learning("watched");
    assertFalse(hasEnded("Cristae: Training watched"));
    Connection.stopLocal();
    Thread.sleep(5000); // the window tries again and again
    assertFalse(
        Connection.local().find(new Patience(0)).isPresent(), "the window started the server");
    window.dispose();
  }

  @Test
  void aPreviewSaysThatTheServerWasKilledAndIsSeenWhenItIsThereAgain() throws Exception {
    stackWithLabels("looked");
    macro("run(\"Cristae Train\", \"" + options("looked", "steps=2") + "\");");
    PreviewWindow.open(
        SlicePreview.prepare(SlicePreview.choices().parse("image=looked.tif model=looked")));
    Window window = await("the window", () -> frame("Cristae: preview of looked.tif"));
    await("the preview", () -> says(window, "on slice 1"));
    killServer();
    click(window, "Look Again");
    await("the word", () -> says(window, NO_ANSWER));
    await("the preview", () -> says(window, "on slice 1"));
    assertTrue(says(window, AGAIN) != null);
  }

  @Test
  void whatIsSentToAServerThatIsKilledGoesOnWhereItWas() throws Exception {
    stackWithLabels("small");
    macro("run(\"Cristae Train\", \"" + options("small", "steps=2") + "\");");
    ImagePlus big = IJ.createImage("big.tif", "8-bit ramp", 1024, 1024, 100);
    new Random().nextBytes((byte[]) big.getProcessor().getPixels()); // the server has it not yet
    big.show();
    Cancellation cancellation = new Cancellation();
    List<String> told = new ArrayList<>();
    List<Double> sent = new ArrayList<>();
    JobListener listener =
        new JobListener() {
          @Override
          public void update(String stage, double fraction, String detail) {
            told.add(stage);
            if (stage.startsWith("Sending") && !told.contains(NO_ANSWER)) {
              if (fraction > 0.5 && sent.isEmpty()) {
                killServer();
                sent.add(fraction);
              }
            } else if (stage.startsWith("Sending")) {
              sent.add(fraction);
            }
          }

          @Override
          public void note(String sentence, boolean isWarning) {
            told.add(sentence);
          }

          @Override
          public void submitted(String jobId) {
            cancellation.cancel(); // the voxels are there; what they show is of no interest
          }
        };
    try {
      Segmentation.prepare(Segmentation.choices().parse("image=big.tif model=small"))
          .run(listener, cancellation, new Cancellation());
    } catch (CristaeException e) {
      assertEquals("Cancelled.", e.getMessage());
    }
    assertTrue(told.contains(NO_ANSWER));
    assertTrue(told.contains(AGAIN));
    assertTrue(sent.get(1) > 0.4, "sent from " + sent.get(1));
    assertEquals(1, sent.get(sent.size() - 1));
  }
}

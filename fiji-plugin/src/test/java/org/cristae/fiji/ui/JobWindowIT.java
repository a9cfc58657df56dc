package org.cristae.fiji.ui;

import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.image;
import static org.cristae.fiji.command.Windows.says;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import java.awt.KeyboardFocusManager;
import java.awt.Window;
import java.awt.event.WindowEvent;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.swing.JFrame;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.command.RealImageJ;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What closing the window of a job means; it needs a display. */
@Timeout(60)
class JobWindowIT {
  /** Sends for ever, or until the server has the job and goes on with it for ever. */
  private static final class Endless implements Work {
    private final boolean isSent;
    final CountDownLatch begun = new CountDownLatch(1);
    final CountDownLatch cancelled = new CountDownLatch(1);
    final CountDownLatch detached = new CountDownLatch(1);

    Endless(boolean isSent) {
      this.isSent = isSent;
    }

    @Override
    public String title() {
      return isSent ? "Training sent" : "Training unsent";
    }

    @Override
    public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
        throws CristaeException {
      cancellation.onCancel(cancelled::countDown);
      detach.onCancel(detached::countDown);
      if (isSent) {
        listener.submitted("job");
      }
      begun.countDown();
      Cancellation either = Cancellation.either(cancellation, detach);
      while (!either.isCancelled()) {
        IJ.wait(20);
      }
      either.check();
      return null;
    }

    @Override
    public String lastWords() {
      return "done";
    }
  }

  @BeforeEach
  void startImageJ() throws Exception {
    RealImageJ.start();
    IJ.log("\\Clear");
  }

  @AfterEach
  void tidy() throws Exception {
    RealImageJ.tidy();
  }

  /** A training on the server, until it is asked to end early. */
  private static final class Keeping implements Work {
    final CountDownLatch asked = new CountDownLatch(1);

    @Override
    public String title() {
      return "Training kept";
    }

    @Override
    public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
        throws CristaeException {
      listener.submitted("kept");
      listener.isTraining(asked::countDown);
      listener.runs(true);
      while (asked.getCount() > 0) {
        cancellation.check();
        IJ.wait(20);
      }
      return null;
    }

    @Override
    public String lastWords() {
      return "It was kept.";
    }
  }

  /** Makes an image when it is told to. */
  private static final class Making implements Work {
    final CountDownLatch begun = new CountDownLatch(1);
    final CountDownLatch told = new CountDownLatch(1);
    private final String image;

    Making(String image) {
      this.image = image;
    }

    @Override
    public String title() {
      return "Segmenting " + image;
    }

    @Override
    public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
        throws CristaeException {
      begun.countDown();
      while (told.getCount() > 0) {
        cancellation.check();
        IJ.wait(20);
      }
      return IJ.createImage(image, "8-bit black", 48, 40, 3);
    }

    @Override
    public String lastWords() {
      return "It is there.";
    }
  }

  /** As if somebody clicked into a window: now it has the keyboard. */
  private static void use(Window window) throws Exception {
    SwingUtilities.invokeAndWait(
        () -> {
          window.toFront();
          window.requestFocus();
        });
    await("the keyboard in " + window.getName(), () -> focused() == window ? window : null);
  }

  private static Window focused() {
    return KeyboardFocusManager.getCurrentKeyboardFocusManager().getFocusedWindow();
  }

  /** Has an image made, and waits until its window is there and its job has ended. */
  private static ImagePlus made(Making work) throws Exception {
    work.told.countDown();
    ImagePlus made = await("the image", () -> image(work.image));
    String end = "Cristae: " + work.title();
    await("its end", () -> hasEnded(end) ? end : null);
    await("the end of its thread", () -> isAtWork(end) ? null : end);
    SwingUtilities.invokeAndWait(() -> {}); // what came with the window
    return made;
  }

  private static boolean isAtWork(String thread) {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(each -> each.getName().equals(thread));
  }

  @Test
  void aResultDoesNotTakeTheKeyboardFromSomebodyWhoWorksInAnotherImage() throws Exception {
    ImagePlus used = RealImageJ.stack("used.tif", 2, 1);
    Making work = new Making("beside.tif");
    JobWindow.start(work);
    assertTrue(work.begun.await(20, TimeUnit.SECONDS));
    use(used.getWindow());
    ImagePlus result = made(work);
    assertSame(used, WindowManager.getCurrentImage());
    assertSame(used.getWindow(), focused());
    assertTrue(result.getWindow().isAutoRequestFocus(), "it can be chosen");
    use(result.getWindow());
    assertSame(result, WindowManager.getCurrentImage());
  }

  @Test
  void aResultIsTheActiveImageWhereNobodyWorksInAnotherOne() throws Exception {
    RealImageJ.stack("used.tif", 2, 1);
    Making work = new Making("active.tif");
    JobWindow.start(work);
    assertTrue(work.begun.await(20, TimeUnit.SECONDS));
    use(frame("Cristae: Segmenting active.tif"));
    ImagePlus result = made(work);
    assertSame(result, WindowManager.getCurrentImage());
  }

  /** What the server refuses at once. */
  private static final class Refused implements Work {
    @Override
    public String title() {
      return "Segmenting refused";
    }

    @Override
    public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
        throws CristaeException {
      throw new CristaeException(ErrorCode.ERROR_CODE_NOT_FOUND, "There is no such model.");
    }

    @Override
    public String lastWords() {
      return "";
    }
  }

  /** Presses a button of a window as soon as it can be pressed. */
  private static void press(String title, String text) throws Exception {
    click(await(title, () -> frame(title)), text);
  }

  @Test
  void aTrainingThatRunsCanBeStoppedAndKept() throws Exception {
    Keeping work = new Keeping();
    JobWindow.start(work);
    press("Cristae: Training kept", "Stop and Keep");
    assertTrue(work.asked.await(20, TimeUnit.SECONDS));
    Window window = frame("Cristae: Training kept");
    await("the word", () -> says(window, "was asked to end: its best state becomes the model"));
    press("Cristae: Training kept", "Close");
  }

  @Test
  void whoeverCancelsIsToldHowLongTheServerIsWaitedFor() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    JobWindow.start(
        new Work() {
          @Override
          public String title() {
            return "Training deaf";
          }

          @Override
          public ImagePlus run(
              JobListener listener, Cancellation cancellation, Cancellation detach) {
            listener.submitted("deaf");
            listener.note("Sent.", false);
            while (end.getCount() > 0) {
              IJ.wait(20);
            }
            return null;
          }

          @Override
          public String lastWords() {
            return "";
          }
        });
    Window window = await("the window", () -> frame("Cristae: Training deaf"));
    await("its job", () -> says(window, "Sent."));
    click(window, "Cancel");
    await("the word", () -> says(window, "the server has 20 s to confirm that it ends"));
    end.countDown();
    press("Cristae: Training deaf", "Close");
  }

  @Test
  void whatTheServerRefusedIsChosenAnewInTheDialog() throws Exception {
    CountDownLatch again = new CountDownLatch(1);
    JobWindow.start(new Refused(), again::countDown);
    press("Cristae: Segmenting refused", "Change...");
    assertTrue(again.await(20, TimeUnit.SECONDS));
  }

  private static void openAndClose(Endless work) throws Exception {
    JobWindow.start(work);
    assertTrue(work.begun.await(20, TimeUnit.SECONDS));
    SwingUtilities.invokeAndWait(
        () -> {
          for (Window window : Window.getWindows()) {
            boolean isIts =
                window instanceof JFrame
                    && ((JFrame) window).getTitle().equals("Cristae: " + work.title());
            if (isIts) {
              window.dispatchEvent(new WindowEvent(window, WindowEvent.WINDOW_CLOSING));
            }
          }
        });
  }

  private static String logged() {
    String log = IJ.getLog();
    return log == null ? "" : log;
  }

  @Test
  void aWindowThatIsClosedWhileTheImageIsSentSaysThatItCancels() throws Exception {
    Endless work = new Endless(false);
    openAndClose(work);
    assertTrue(work.cancelled.await(20, TimeUnit.SECONDS));
    assertTrue(logged().contains("Cristae: Training unsent was cancelled, since"), logged());
  }

  @Test
  void aWindowThatIsClosedWhenTheServerHasTheJobLeavesItAndSaysNothing() throws Exception {
    Endless work = new Endless(true);
    openAndClose(work);
    assertTrue(work.detached.await(20, TimeUnit.SECONDS));
    assertFalse(work.cancelled.await(200, TimeUnit.MILLISECONDS));
    assertFalse(logged().contains("cancelled"), logged());
  }
}

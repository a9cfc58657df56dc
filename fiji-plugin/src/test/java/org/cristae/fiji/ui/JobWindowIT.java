package org.cristae.fiji.ui;

import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.frame;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
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
    press("Cristae: Training kept", "Close");
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

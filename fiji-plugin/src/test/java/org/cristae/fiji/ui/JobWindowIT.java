package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import java.awt.Window;
import java.awt.event.WindowEvent;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.swing.JFrame;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.command.RealImageJ;
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
  void startImageJ() throws IOException {
    RealImageJ.start();
    IJ.log("\\Clear");
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

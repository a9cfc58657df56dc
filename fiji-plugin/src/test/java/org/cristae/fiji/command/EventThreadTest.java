package org.cristae.fiji.command;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.JobListener;
import org.cristae.fiji.ui.Work;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A macro that ImageJ runs on the event thread, as the recorder does, leaves the windows alive. */
@Timeout(60)
class EventThreadTest {
  /** Ends when an event was heeded meanwhile, well or with a failure. */
  private static final class WaitsForAnEvent implements Work {
    private final CristaeException failure;
    private boolean isHeeded;

    WaitsForAnEvent(CristaeException failure) {
      this.failure = failure;
    }

    @Override
    public String title() {
      return "Waiting";
    }

    @Override
    public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
        throws CristaeException {
      CountDownLatch heeded = new CountDownLatch(1);
      SwingUtilities.invokeLater(heeded::countDown);
      try {
        isHeeded = heeded.await(20, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      if (failure != null) {
        throw failure;
      }
      return null;
    }

    @Override
    public String lastWords() {
      return "done";
    }
  }

  private static CristaeException runOnTheEventThread(Work work) throws Exception {
    AtomicReference<CristaeException> failure = new AtomicReference<>();
    SwingUtilities.invokeAndWait(
        () -> {
          try {
            Command.runToEnd(work);
          } catch (CristaeException e) {
            failure.set(e);
          }
        });
    return failure.get();
  }

  @Test
  void eventsAreHeededWhileTheWorkIsDone() throws Exception {
    WaitsForAnEvent work = new WaitsForAnEvent(null);
    assertNull(runOnTheEventThread(work));
    assertTrue(work.isHeeded);
  }

  @Test
  void aFailureIsTheOneOfTheWork() throws Exception {
    CristaeException failure =
        new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, "That cannot be.");
    assertSame(failure, runOnTheEventThread(new WaitsForAnEvent(failure)));
  }
}

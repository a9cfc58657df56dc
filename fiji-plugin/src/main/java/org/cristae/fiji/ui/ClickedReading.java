package org.cristae.fiji.ui;

import ij.IJ;
import java.awt.EventQueue;
import java.util.function.BooleanSupplier;
import org.cristae.fiji.client.CristaeException;

/**
 * Reads what a click asks for, and shows it. What may come from a server or a disk is read on a
 * thread of its own. A later click takes the place of the earlier ones, whose answers are dropped.
 */
final class ClickedReading {
  /** Reads voxels. */
  interface Reading {
    /**
     * Reads, on any thread.
     *
     * @param isWanted false as soon as there was a later click
     * @return shows on the event thread what was read
     */
    Showing read(BooleanSupplier isWanted) throws CristaeException;
  }

  /** Shows what was read. */
  interface Showing {
    void show() throws CristaeException;
  }

  private Reading waiting;
  private boolean isReading;
  private long newest;
  private String lastFailure = "";

  /**
   * Begins, on the event thread, and returns at once.
   *
   * @param isAtHand true if all is in the memory: then it is shown at once, too
   */
  void begin(boolean isAtHand, Reading reading) {
    long number = next(isAtHand ? null : reading);
    if (isAtHand) {
      show(read(reading, number));
    } else {
      IJ.showStatus("Reading the slice of an object ...");
    }
  }

  /** After a click that asks for nothing; what was asked for before is not shown any more. */
  void drop() {
    next(null);
  }

  private synchronized long next(Reading slow) {
    newest++;
    waiting = slow;
    if (slow != null && !isReading) {
      isReading = true;
      Thread thread = new Thread(this::readAll, "Cristae reads a clicked object");
      thread.setDaemon(true);
      thread.start();
    }
    return newest;
  }

  private synchronized boolean isNewest(long number) {
    return number == newest;
  }

  private void readAll() {
    while (true) {
      Reading reading;
      long number;
      synchronized (this) {
        if (waiting == null) {
          isReading = false;
          return;
        }
        reading = waiting;
        number = newest;
        waiting = null;
      }
      Showing read = read(reading, number);
      EventQueue.invokeLater(
          () -> {
            if (isNewest(number)) {
              IJ.showStatus("");
              show(read);
            }
          });
    }
  }

  private Showing read(Reading reading, long number) {
    try {
      return reading.read(() -> isNewest(number));
    } catch (CristaeException e) {
      return () -> {
        throw e;
      };
    } catch (RuntimeException | Error e) {
      CristaeException failure = Failures.unforeseen(e);
      return () -> {
        throw failure;
      };
    }
  }

  private void show(Showing read) {
    try {
      read.show();
      lastFailure = "";
    } catch (CristaeException e) {
      IJ.showStatus(e.getMessage());
      if (!e.getMessage().equals(lastFailure)) {
        IJ.log("Cristae: " + e.getMessage());
      }
      lastFailure = e.getMessage();
    }
  }
}

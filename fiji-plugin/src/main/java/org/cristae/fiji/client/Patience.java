package org.cristae.fiji.client;

/** How long something that does not answer is tried again, with a pause that doubles up to 5 s. */
public final class Patience {
  private static final long FIRST_PAUSE_MS = 100;
  private static final long LONGEST_PAUSE_MS = 5000;

  private final double seconds;

  /** Tries again for {@code seconds}; 0 means not at all. */
  public Patience(double seconds) {
    this.seconds = seconds;
  }

  /** Starts to wait. */
  public Wait start() {
    return new Wait();
  }

  /**
   * One wait. It counts from its start; after {@link #reset}, when something went well, from the
   * next failure.
   */
  public final class Wait {
    private boolean counts;
    private long deadlineNs;
    private long pauseMs = FIRST_PAUSE_MS;

    private Wait() {
      count();
    }

    private void count() {
      counts = true;
      deadlineNs = System.nanoTime() + (long) (seconds * 1e9);
    }

    /** Begins anew. What goes well may do so for hours, which are not held against it. */
    public void reset() {
      counts = false;
      pauseMs = FIRST_PAUSE_MS;
    }

    /** Begins anew if something held, since {@code startNs}, for longer than the patience. */
    public void resetIfHeld(long startNs) {
      if (System.nanoTime() - startNs > seconds * 1e9) {
        reset();
      }
    }

    /** Sleeps a little longer than the last time; false, at once, if the patience is at its end. */
    public boolean pause() {
      if (!counts) {
        count();
      }
      if (System.nanoTime() + pauseMs * 1_000_000L > deadlineNs) {
        return false;
      }
      try {
        Thread.sleep(pauseMs);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      return true;
    }
  }
}

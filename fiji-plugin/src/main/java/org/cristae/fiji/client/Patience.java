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

  /** One wait; {@link #reset} begins it anew after something went well. */
  public final class Wait {
    private long deadlineNs;
    private long pauseMs;

    private Wait() {
      reset();
    }

    /** Begins anew. */
    public void reset() {
      deadlineNs = System.nanoTime() + (long) (seconds * 1e9);
      pauseMs = FIRST_PAUSE_MS;
    }

    /** Sleeps a little longer than the last time; false, at once, if the patience is at its end. */
    public boolean pause() {
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

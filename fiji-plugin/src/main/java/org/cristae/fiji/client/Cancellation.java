package org.cristae.fiji.client;

import java.util.ArrayList;
import java.util.List;
import org.cristae.v1.ErrorCode;

/** A wish to stop, made once from any thread and asked by those who work. */
public final class Cancellation {
  private final List<Runnable> actions = new ArrayList<>();
  private boolean cancelled;

  /** A wish that is made when one of these is. */
  public static Cancellation either(Cancellation one, Cancellation other) {
    Cancellation either = new Cancellation();
    one.onCancel(either::cancel);
    other.onCancel(either::cancel);
    return either;
  }

  /** Wishes to stop: runs the actions on this thread. A second time does nothing. */
  public void cancel() {
    List<Runnable> due;
    synchronized (this) {
      if (cancelled) {
        return;
      }
      cancelled = true;
      due = new ArrayList<>(actions);
    }
    due.forEach(Runnable::run);
  }

  /** True once {@link #cancel} was called. */
  public synchronized boolean isCancelled() {
    return cancelled;
  }

  /** Has {@code action} run when the wish is made, at once if it was made before. */
  public Runnable onCancel(Runnable action) {
    synchronized (this) {
      if (!cancelled) {
        actions.add(action);
        return action;
      }
    }
    action.run();
    return action;
  }

  /** Forgets an action. */
  public synchronized void forget(Runnable action) {
    actions.remove(action);
  }

  /** Ends the work if the wish was made. */
  public void check() throws CristaeException {
    if (isCancelled()) {
      throw cancelled();
    }
  }

  /** What is told of work that was cancelled. */
  static CristaeException cancelled() {
    return new CristaeException(ErrorCode.ERROR_CODE_CANCELLED, "Cancelled.");
  }
}

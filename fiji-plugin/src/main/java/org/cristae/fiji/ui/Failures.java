package org.cristae.fiji.ui;

import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/** One sentence for failures that nobody foresaw. */
public final class Failures {
  private Failures() {}

  /** The sentence; the console gets the whole of the failure. */
  public static CristaeException unforeseen(Throwable failure) {
    failure.printStackTrace();
    return failure instanceof OutOfMemoryError
        ? new CristaeException(
            ErrorCode.ERROR_CODE_OUT_OF_MEMORY,
            "ImageJ has not enough memory for this: give it more in Edit > Options > Memory &"
                + " Threads, or use virtual stacks.")
        : new CristaeException(
            ErrorCode.ERROR_CODE_INTERNAL,
            "This went wrong inside the plugin (" + failure + "); the console has the details.");
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.Collections;
import java.util.Map;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;

/** Something that takes a while on the server; the same for macros and windows. */
public interface Work {
  /** What it is, for titles: "Training mito". */
  String title();

  /**
   * Does it; blocks until the end. Not on the event thread. Tables that it made are shown then.
   *
   * @param cancellation ends it, on the server too
   * @param detach leaves it to the server and returns early with a failure
   * @return an image that was made, to be shown if it is not yet; null if none was
   * @throws CristaeException if it failed or was cancelled
   */
  ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException;

  /** What is told after it went well. */
  String lastWords();

  /** What can be done afterwards, by the words of the button for it; it is asked for at the end. */
  default Map<String, Afterwards> afterwards() {
    return Collections.emptyMap();
  }

  /** Something that can be done with a result, on a thread of its own. */
  interface Afterwards {
    /** Does it; what went wrong is told in the window of the job. */
    void run() throws CristaeException;
  }
}

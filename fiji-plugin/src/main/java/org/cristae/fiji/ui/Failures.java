package org.cristae.fiji.ui;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/** One sentence for failures that nobody foresaw; their whole story goes into a file. */
public final class Failures {
  private static final String LOG = "fiji.log";
  private static final long MOST_BYTES = 1 << 20;

  private Failures() {}

  /** The sentence; the log gets the whole of the failure. */
  public static CristaeException unforeseen(Throwable failure) {
    keep(failure);
    return failure instanceof OutOfMemoryError
        ? new CristaeException(
            ErrorCode.ERROR_CODE_OUT_OF_MEMORY,
            "ImageJ has not enough memory for this: give it more in Edit > Options > Memory &"
                + " Threads, or use virtual stacks.")
        : new CristaeException(
            ErrorCode.ERROR_CODE_INTERNAL,
            "This went wrong inside the plugin (" + failure + "); " + log() + " has the details.");
  }

  /** Writes the whole story of a failure for whoever helps; nobody else has to see it. */
  public static void keep(Throwable failure) {
    keep(failure, log());
  }

  static synchronized void keep(Throwable failure, Path log) {
    StringWriter story = new StringWriter();
    failure.printStackTrace(new PrintWriter(story, true));
    try {
      Files.createDirectories(log.getParent());
      boolean isLong = Files.exists(log) && Files.size(log) > MOST_BYTES;
      Files.write(
          log,
          (Instant.now() + " " + story).getBytes(StandardCharsets.UTF_8),
          StandardOpenOption.CREATE,
          StandardOpenOption.WRITE,
          isLong ? StandardOpenOption.TRUNCATE_EXISTING : StandardOpenOption.APPEND);
    } catch (IOException e) {
      System.err.print(story); // there is no other place
    }
  }

  private static Path log() {
    return Connection.local().home().path().resolve(LOG);
  }
}

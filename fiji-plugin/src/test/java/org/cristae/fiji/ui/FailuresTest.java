package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole story of a failure is kept in a file, which does not grow for ever. */
class FailuresTest {
  @TempDir Path folder;

  private static String read(Path log) throws IOException {
    return new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
  }

  @Test
  void eachFailureIsKeptWithWhereItHappened() throws Exception {
    Path log = folder.resolve("home").resolve("fiji.log");
    Failures.keep(new IllegalStateException("one"), log);
    Failures.keep(new IllegalStateException("two", new IOException("its cause")), log);
    String kept = read(log);
    assertTrue(kept.contains("IllegalStateException: one"), kept);
    assertTrue(kept.contains("Caused by: java.io.IOException: its cause"), kept);
    assertTrue(kept.contains("at org.cristae.fiji.ui.FailuresTest"), kept);
  }

  @Test
  void aLongLogBeginsAnew() throws Exception {
    Path log = folder.resolve("fiji.log");
    Files.write(log, new byte[2 << 20]);
    Failures.keep(new IllegalStateException("new"), log);
    assertTrue(Files.size(log) < 1 << 16);
  }
}

package org.cristae.fiji.client;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Scanner;

/** The plugin's version. */
public final class Version {
  private Version() {}

  /** As built: "0.1.0". */
  public static String text() {
    try (InputStream stream = Version.class.getResourceAsStream("/cristae-version.txt");
        Scanner scanner = new Scanner(stream, StandardCharsets.UTF_8.name())) {
      return scanner.next();
    } catch (IOException e) {
      throw new IllegalStateException("cristae-version.txt is missing in the jar", e);
    }
  }
}

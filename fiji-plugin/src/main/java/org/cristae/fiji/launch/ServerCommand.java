package org.cristae.fiji.launch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Which command starts the local server. */
public final class ServerCommand {
  private ServerCommand() {}

  /**
   * The first one known of: what the person set, the environment's {@code CRISTAE_COMMAND}, what
   * the last server was started by if it is still there, {@code cristae} on the path.
   *
   * @param preferred what the person set; may be empty
   * @return the words of the command without {@code serve} and its options
   */
  public static List<String> choose(String preferred, String fromEnvironment, HomeFolder home) {
    if (!preferred.trim().isEmpty()) {
      return words(preferred);
    }
    if (fromEnvironment != null && !fromEnvironment.trim().isEmpty()) {
      return words(fromEnvironment);
    }
    List<String> last = home.lastCommand();
    if (!last.isEmpty() && !mayBeThere(last.get(0))) {
      last = Collections.emptyList(); // an environment that was deleted since
    }
    int serve = last.lastIndexOf("serve");
    if (serve > 0) {
      return last.subList(0, serve);
    }
    return last.isEmpty() ? Collections.singletonList("cristae") : last;
  }

  private static boolean mayBeThere(String program) {
    java.io.File file = new java.io.File(program);
    return !file.isAbsolute() || file.exists();
  }

  /** Splits at spaces; a part in double quotes is one word. A path that exists is one word. */
  static List<String> words(String command) {
    String trimmed = command.trim();
    if (new java.io.File(trimmed).isFile()) {
      return Collections.singletonList(trimmed);
    }
    List<String> words = new ArrayList<>();
    String[] parts = trimmed.split("\"", -1);
    for (int i = 0; i < parts.length; i++) {
      if (i % 2 == 1) {
        words.add(parts[i]);
      } else if (!parts[i].trim().isEmpty()) {
        words.addAll(Arrays.asList(parts[i].trim().split("\\s+")));
      }
    }
    return words;
  }
}

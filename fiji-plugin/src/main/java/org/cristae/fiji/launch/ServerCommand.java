package org.cristae.fiji.launch;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/** Which command starts the local server. */
public final class ServerCommand {
  private ServerCommand() {}

  private static final int VERSION_LIMIT_S = 20;
  private static final String USER_HOME = Matcher.quoteReplacement(System.getProperty("user.home"));
  private static final Pattern VERSION = Pattern.compile("\\d{1,6}(\\.\\d{1,6})*");
  private static final List<String> ON_THE_PATH = Collections.singletonList("cristae");

  /**
   * The first one known of: what the person set, the environment's {@code CRISTAE_COMMAND}, what
   * the last server was started by if it is still there, {@code cristae} on the path. If that is
   * another installation than the last one, the newer one: so an upgrade is used.
   *
   * @param preferred what the person set; may be empty
   * @return the words of the command without {@code serve} and its options
   */
  public static List<String> choose(String preferred, String fromEnvironment, HomeFolder home) {
    return choose(preferred, fromEnvironment, home, System.getenv("PATH"));
  }

  static List<String> choose(
      String preferred, String fromEnvironment, HomeFolder home, String path) {
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
      last = last.subList(0, serve);
    }
    if (last.isEmpty()) {
      return ON_THE_PATH;
    }
    Path other = onThePath(path);
    return other != null && !isBeside(other, last.get(0)) && isNewer(words(other), last)
        ? words(other)
        : last;
  }

  /**
   * Refuses what a person sets if its program is not there; one that the path has to find may be.
   *
   * @throws CristaeException if it is missing, a folder, or no program
   */
  public static void check(String preferred) throws CristaeException {
    if (preferred.trim().isEmpty()) {
      return;
    }
    List<String> words = words(preferred);
    File program = new File(words.isEmpty() ? "" : words.get(0));
    boolean isOnThePath = !words.isEmpty() && program.getParent() == null;
    if (isOnThePath || program.isFile() && program.canExecute()) {
      return;
    }
    String found =
        program.isDirectory()
            ? "is a folder"
            : program.isFile() ? "cannot be run (it is no program, or not yours)" : "is not there";
    throw new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The command of the server should be a program, such as /home/me/cristae/.venv/bin/cristae, but"
            + " "
            + program.getPath()
            + " "
            + found
            + ". A path with spaces and words behind it stands in double quotes. Nothing was changed.");
  }

  private static List<String> words(Path program) {
    return Collections.singletonList(program.toString());
  }

  /** The program {@code cristae} in one of the folders of the path; null if there is none. */
  private static Path onThePath(String path) {
    for (String folder : path == null ? new String[0] : path.split(File.pathSeparator)) {
      for (String name : new String[] {"cristae", "cristae.exe"}) {
        File program = new File(folder, name);
        if (program.isFile() && program.canExecute()) {
          return program.toPath();
        }
      }
    }
    return null;
  }

  /** True if both programs lie in one folder: they are of one environment. */
  private static boolean isBeside(Path program, String other) {
    return program.toAbsolutePath().getParent().equals(Paths.get(other).getParent());
  }

  private static boolean isNewer(List<String> command, List<String> than) {
    return isNewer(installedVersion(command), installedVersion(than));
  }

  /**
   * The version that a command would start, such as 0.1.0; empty if it does not say so within
   * seconds.
   */
  public static String installedVersion(List<String> command) {
    List<String> words = new ArrayList<>(command);
    words.add("--version");
    Process process = null;
    try {
      process = new ProcessBuilder(words).redirectErrorStream(true).start();
      process.getOutputStream().close();
      if (!process.waitFor(VERSION_LIMIT_S, TimeUnit.SECONDS)) {
        return "";
      }
      byte[] said = new byte[200];
      int length = process.getInputStream().read(said);
      Matcher version =
          VERSION.matcher(new String(said, 0, Math.max(0, length), StandardCharsets.UTF_8));
      return process.exitValue() == 0 && version.find() ? version.group() : "";
    } catch (IOException e) {
      return "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    } finally {
      if (process != null) {
        process.destroyForcibly();
      }
    }
  }

  /** True if a version such as 0.10.1 is higher; one that is not known is neither. */
  public static boolean isNewer(String version, String than) {
    if (version.isEmpty() || than.isEmpty()) {
      return false;
    }
    String[] ours = version.split("\\.");
    String[] theirs = than.split("\\.");
    for (int i = 0; i < Math.max(ours.length, theirs.length); i++) {
      int one = i < ours.length ? Integer.parseInt(ours[i]) : 0;
      int two = i < theirs.length ? Integer.parseInt(theirs[i]) : 0;
      if (one != two) {
        return one > two;
      }
    }
    return false;
  }

  private static boolean mayBeThere(String program) {
    File file = new File(program);
    return !file.isAbsolute() || file.exists();
  }

  /**
   * Splits at spaces; a part in double quotes is one word. A path that exists is one word. A "~/"
   * at the beginning is the person's folder, as in a terminal.
   */
  static List<String> words(String command) {
    String trimmed = command.trim().replaceFirst("^~(?=[/\\\\])", USER_HOME);
    if (new File(trimmed).isFile()) {
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

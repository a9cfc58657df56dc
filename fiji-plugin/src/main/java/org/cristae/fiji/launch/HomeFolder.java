package org.cristae.fiji.launch;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/** The folder of the local server: what it tells about itself, and its token. */
public final class HomeFolder {
  private final Path root;

  /** The home folder {@code root}, which need not exist yet. */
  public HomeFolder(Path root) {
    this.root = root;
  }

  /**
   * The home folder of this user: {@code CRISTAE_HOME}, else where the platform keeps user data.
   */
  public static HomeFolder ofUser() {
    return new HomeFolder(
        locate(System.getenv(), System.getProperty("os.name"), System.getProperty("user.home")));
  }

  /** The same rule as the server's (Python's platformdirs). */
  static Path locate(Map<String, String> environment, String osName, String userHome) {
    String chosen = environment.get("CRISTAE_HOME");
    if (chosen != null && !chosen.isEmpty()) {
      return Paths.get(chosen);
    }
    String os = osName.toLowerCase(Locale.ROOT);
    if (os.startsWith("windows")) {
      String local = environment.get("LOCALAPPDATA");
      Path base = local == null ? Paths.get(userHome, "AppData", "Local") : Paths.get(local);
      return base.resolve("cristae").resolve("cristae");
    }
    if (os.startsWith("mac")) {
      return Paths.get(userHome, "Library", "Application Support", "cristae");
    }
    String data = environment.get("XDG_DATA_HOME");
    Path base =
        data == null || data.trim().isEmpty()
            ? Paths.get(userHome, ".local", "share")
            : Paths.get(data);
    return base.resolve("cristae");
  }

  /** The folder itself. */
  public Path path() {
    return root;
  }

  /** The bearer token of the local server; empty if there is none yet. */
  public String token() {
    return read("token");
  }

  private String read(String name) {
    try {
      return new String(Files.readAllBytes(root.resolve(name)), StandardCharsets.US_ASCII).trim();
    } catch (IOException e) {
      return "";
    }
  }

  /** The bearer token of a server elsewhere, as {@link #keepRemoteToken} kept it; may be empty. */
  public String remoteToken() {
    return read("remote-token");
  }

  /**
   * Keeps the token of a server elsewhere in a file that only the owner may read.
   *
   * @throws CristaeException if it cannot be written
   */
  public void keepRemoteToken(String token) throws CristaeException {
    Path file = root.resolve("remote-token");
    try {
      Files.createDirectories(root);
      Files.deleteIfExists(file);
      if (Files.getFileStore(root).supportsFileAttributeView("posix")) {
        Files.createFile(
            file,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      } // elsewhere the user's own data folder is closed to others
      Files.write(file, token.trim().getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSPECIFIED,
          "The token could not be kept in " + file + ": " + e.getMessage() + ".",
          e);
    }
  }

  /** Where a local server says that it listens, {@code host:port}; it may have gone since. */
  public Optional<String> address() {
    return file("server.json").map(file -> text(file, "address")).filter(text -> !text.isEmpty());
  }

  /** The number of the process of the server that runs, as it says; 0 if that is not known. */
  public long runningProcess() {
    try {
      return Long.parseLong(file("server.json").map(file -> text(file, "pid")).orElse("0"));
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  /** The command by which the last local server was started; empty if that is not known. */
  public List<String> lastCommand() {
    return command("launcher.json");
  }

  /** The command of the server that runs, as it says; empty if that is not known. */
  public List<String> runningCommand() {
    return command("server.json");
  }

  private List<String> command(String name) {
    JsonElement command = file(name).map(file -> file.get("command")).orElse(null);
    if (command == null || !command.isJsonArray()) {
      return Collections.emptyList();
    }
    List<String> words = new ArrayList<>();
    for (JsonElement word : (JsonArray) command) {
      words.add(word.getAsString());
    }
    return words;
  }

  private static String text(JsonObject file, String key) {
    JsonElement value = file.get(key);
    return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
  }

  private Optional<JsonObject> file(String name) {
    try {
      byte[] bytes = Files.readAllBytes(root.resolve(name));
      JsonElement json = JsonParser.parseString(new String(bytes, StandardCharsets.UTF_8));
      return json.isJsonObject() ? Optional.of(json.getAsJsonObject()) : Optional.empty();
    } catch (IOException | JsonParseException e) {
      return Optional.empty(); // no server yet, or one that is just writing
    }
  }
}

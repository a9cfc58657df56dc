package org.cristae.fiji.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The server is found where the server's own rule puts it, and its start fails in words. */
class HomeFolderTest {
  @TempDir Path folder;

  private void write(String name, String text) throws Exception {
    Files.write(folder.resolve(name), text.getBytes(StandardCharsets.UTF_8));
  }

  private static Path locate(Map<String, String> environment, String os) {
    return HomeFolder.locate(environment, os, "me");
  }

  @Test
  void theFolderIsThatOfThePlatform() {
    Map<String, String> none = Collections.emptyMap();
    assertEquals(Paths.get("me", ".local", "share", "cristae"), locate(none, "Linux"));
    assertEquals(
        Paths.get("x", "cristae"), locate(Collections.singletonMap("XDG_DATA_HOME", "x"), "Linux"));
    assertEquals(
        Paths.get("me", "Library", "Application Support", "cristae"), locate(none, "Mac OS X"));
    assertEquals(
        Paths.get("l", "cristae", "cristae"),
        locate(Collections.singletonMap("LOCALAPPDATA", "l"), "Windows 11"));
    assertEquals(
        Paths.get("chosen"), locate(Collections.singletonMap("CRISTAE_HOME", "chosen"), "Linux"));
  }

  @Test
  void addressTokenAndCommandAreRead() throws Exception {
    write("server.json", "{\"address\": \"127.0.0.1:7\", \"command\": [\"b\", \"-m\"]}");
    write("launcher.json", "{\"command\": [\"a b/cristae\", \"serve\", \"--port\", \"0\"]}");
    write("token", "secret\n");
    HomeFolder home = new HomeFolder(folder);
    assertEquals("127.0.0.1:7", home.address().get());
    assertEquals("secret", home.token());
    assertEquals(Arrays.asList("b", "-m"), home.runningCommand());
    assertEquals(Collections.singletonList("a b/cristae"), ServerCommand.choose("", null, home));
  }

  @Test
  void aProgramThatWasDeletedSinceIsNotStartedAgain() throws Exception {
    String gone = folder.resolve("gone").resolve("cristae").toAbsolutePath().toString();
    write("launcher.json", "{\"command\": [\"" + gone.replace("\\", "/") + "\", \"serve\"]}");
    HomeFolder home = new HomeFolder(folder);
    assertEquals(Collections.singletonList("cristae"), ServerCommand.choose("", null, home));
  }

  /** A folder with a program that says its version. */
  private Path installation(String name, String program, String said) throws Exception {
    assumeTrue(Files.getFileStore(folder).supportsFileAttributeView("posix"));
    Path bin = Files.createDirectories(folder.resolve(name).resolve("bin"));
    Path file = bin.resolve(program);
    Files.write(file, ("#!/bin/sh\necho \"" + said + "\"\n").getBytes(StandardCharsets.UTF_8));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return file;
  }

  private HomeFolder lastStartedBy(Path program) throws Exception {
    write("launcher.json", "{\"command\": [\"" + program + "\", \"-m\", \"cristae.cli\"]}");
    return new HomeFolder(folder);
  }

  @Test
  void aNewerInstallationOnThePathIsStartedInsteadOfTheLastOne() throws Exception {
    Path last = installation("old", "python", "cristae 0.9.2");
    Path newer = installation("new", "cristae", "cristae 0.10.0");
    Path older = installation("older", "cristae", "cristae 0.9.1");
    Path broken = installation("broken", "cristae", "no module named cristae");
    HomeFolder home = lastStartedBy(last);
    List<String> kept = Arrays.asList(last.toString(), "-m", "cristae.cli");
    for (Path other : new Path[] {older, broken}) {
      assertEquals(kept, ServerCommand.choose("", null, home, other.getParent().toString()));
    }
    assertEquals(kept, ServerCommand.choose("", null, home, null));
    assertEquals(
        Collections.singletonList(newer.toString()),
        ServerCommand.choose("", null, home, "/none" + File.pathSeparator + newer.getParent()));
  }

  @Test
  void theProgramOfTheSameEnvironmentIsNotAsked() throws Exception {
    Path last = installation("same", "python", "cristae 0.1.0");
    installation("same", "cristae", "cristae 9.9.9");
    assertEquals(
        Arrays.asList(last.toString(), "-m", "cristae.cli"),
        ServerCommand.choose("", null, lastStartedBy(last), last.getParent().toString()));
  }

  @ParameterizedTest
  @CsvSource({
    "0.10.0, 0.9.2, true",
    "0.9.2, 0.10.0, false",
    "1.0, 1.0.0, false",
    "1.0.1, 1.0, true",
    "'', 1.0, false",
    "1.0, '', false"
  })
  void versionsAreComparedNumberByNumber(String version, String than, boolean isNewer) {
    assertEquals(isNewer, ServerCommand.isNewer(version, than));
  }

  @Test
  void theVersionOfACommandIsWhatItSays() throws Exception {
    Path program = installation("one", "cristae", "cristae 0.1.0");
    assertEquals(
        "0.1.0", ServerCommand.installedVersion(Collections.singletonList(program.toString())));
    assertEquals("", ServerCommand.installedVersion(Collections.singletonList("no-such-cristae")));
  }

  @Test
  void aPortThatAnotherProgramHasByNowIsNoServer() throws Exception {
    try (ServerSocket other = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Thread answers =
          new Thread(
              () -> {
                while (true) {
                  try (Socket caller = other.accept()) {
                    byte[] text =
                        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".getBytes();
                    caller.getOutputStream().write(text);
                    caller.getInputStream().read();
                  } catch (IOException e) {
                    return;
                  }
                }
              });
      answers.setDaemon(true);
      answers.start();
      write("server.json", "{\"address\": \"127.0.0.1:" + other.getLocalPort() + "\"}");
      assertFalse(new LocalServer(new HomeFolder(folder), null).find(new Patience(0)).isPresent());
    }
  }

  @Test
  void brokenOrMissingFilesAreNoServer() throws Exception {
    HomeFolder home = new HomeFolder(folder);
    assertFalse(home.address().isPresent());
    assertEquals("", home.token());
    for (String text : new String[] {"", "{", "[]", "{\"address\": 3}", "{\"address\": {}}"}) {
      write("server.json", text);
      write("launcher.json", text);
      home.lastCommand();
      assertTrue(!home.address().isPresent() || home.address().get().equals("3"), text);
    }
  }

  @Test
  void whatThePersonSetComesFirstThenTheEnvironment() {
    HomeFolder home = new HomeFolder(folder);
    assertEquals(
        Arrays.asList("C:/Program Files/python", "-m", "cristae"),
        ServerCommand.choose("\"C:/Program Files/python\" -m cristae", "other", home));
    assertEquals(
        Collections.singletonList(System.getProperty("user.home") + "/venv/bin/cristae"),
        ServerCommand.choose("~/venv/bin/cristae", "other", home));
    assertEquals(Arrays.asList("a~/b", "~c"), ServerCommand.choose("a~/b ~c", "other", home));
    assertEquals(Collections.singletonList("other"), ServerCommand.choose(" ", "other", home));
    assertEquals(Collections.singletonList("cristae"), ServerCommand.choose("", null, home));
  }

  @Test
  void aCommandThatIsNoProgramIsRefusedWhenItIsSet() throws Exception {
    Path text = Files.createFile(folder.resolve("notes.txt"));
    for (String[] each :
        new String[][] {
          {folder.toString(), "is a folder"},
          {folder.resolve("none") + " --fast", "is not there"},
          {text.toString(), "cannot be run"},
          {"\"" + text + "\" -m cristae", "cannot be run"},
        }) {
      CristaeException refused =
          assertThrows(CristaeException.class, () -> ServerCommand.check(each[0]));
      assertTrue(refused.getMessage().contains(each[1]), refused.getMessage());
    }
    assertTrue(text.toFile().setExecutable(true));
    ServerCommand.check(text.toString());
    ServerCommand.check("\"" + text + "\" -m cristae");
    ServerCommand.check("cristae");
    ServerCommand.check(" ");
  }

  @Test
  void aTokenIsKeptForTheOwnerOnly() throws Exception {
    HomeFolder home = new HomeFolder(folder.resolve("new"));
    home.keepRemoteToken(" abc \n");
    home.keepRemoteToken("def");
    assertEquals("def", home.remoteToken());
    assumeTrue(Files.getFileStore(folder).supportsFileAttributeView("posix"));
    Path file = folder.resolve("new").resolve("remote-token");
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
  }

  private CristaeException failedStart(String... command) {
    LocalServer server = new LocalServer(new HomeFolder(folder), () -> Arrays.asList(command));
    return assertThrows(
        CristaeException.class,
        () -> server.ensure(new Patience(0), Progress.NONE, new Cancellation()));
  }

  @Test
  void aProgramThatIsMissingIsToldWithWhatToInstall() {
    String sentence = failedStart("no-such-cristae").getMessage();
    assertTrue(sentence.contains("\"no-such-cristae\""), sentence);
    assertTrue(sentence.contains("Install it"), sentence);
  }

  @Test
  void aServerThatEndsAtOnceIsToldWithItsLastWords() {
    String java = Paths.get(System.getProperty("java.home"), "bin", "java").toString();
    String sentence = failedStart(java).getMessage();
    assertTrue(sentence.contains("ended at once"), sentence);
    assertTrue(sentence.contains("It said: "), sentence);
  }
}

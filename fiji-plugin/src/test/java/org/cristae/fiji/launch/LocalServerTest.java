package org.cristae.fiji.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A server that crashed is started again, a few times, unless the person stopped it. */
@Timeout(60)
class LocalServerTest {
  private static final String JAVA =
      Paths.get(System.getProperty("java.home"), "bin", "java").toString();

  @TempDir Path folder;
  private FakeServer running;
  private int starts;
  private boolean isBroken;
  private LocalServer local;
  private Client client;

  @BeforeEach
  void connect() throws Exception {
    write("token", FakeServer.TOKEN);
    local = new LocalServer(new HomeFolder(folder), this::start);
    start();
    starts = 0;
    client = local.find(new Patience(0.5)).get();
  }

  @AfterEach
  void close() {
    client.close();
    running.close();
    local.stop();
  }

  private void write(String name, String text) throws IOException {
    Files.write(folder.resolve(name), text.getBytes(StandardCharsets.UTF_8));
  }

  /** Starts a server, as the program would whose command is asked for. */
  private List<String> start() {
    starts++;
    try {
      if (!isBroken) {
        running = new FakeServer();
        write("server.json", "{\"address\": \"" + running.address() + "\"}");
      }
      return Arrays.asList(JAVA, "-version");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String failure() {
    return assertThrows(CristaeException.class, client::server).getMessage();
  }

  @Test
  void oneThatCrashedIsStartedAgainAndTheCallGoesOnThere() throws Exception {
    running.close();
    assertEquals("0.0.9", client.server().getVersion());
    assertEquals(1, starts);
    assertEquals(running.address().toString(), client.address().toString());
  }

  @Test
  void oneThatCrashesAgainAndAgainIsGivenUpUntilThePersonAsksForIt() throws Exception {
    for (int crash = 1; crash <= 3; crash++) {
      running.close();
      client.server();
    }
    running.close();
    String sentence = failure();
    assertTrue(sentence.contains("again and again"), sentence);
    assertTrue(sentence.contains(folder.resolve("server.log").toString()), sentence);
    assertTrue(sentence.contains("Cristae Jobs starts it once more"), sentence);
    assertEquals(3, starts);
    assertThrows(
        CristaeException.class, () -> local.ensureUnlessStopped(new Patience(0), Progress.NONE));
    local.askFor();
    client.server();
    assertEquals(4, starts);
  }

  @Test
  void oneThatThePersonStoppedIsNotStartedBehindHisBack() throws Exception {
    local.stop();
    running.close();
    String sentence = failure();
    assertTrue(sentence.contains("does not answer"), sentence);
    assertFalse(local.ensureUnlessStopped(new Patience(0), Progress.NONE).isPresent());
    assertEquals(0, starts);
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void oneThatAnotherImageJStartedIsStoppedToo() throws Exception {
    Process server = new ProcessBuilder("sh", "-c", "echo $$; exec sleep 50").start();
    BufferedReader said =
        new BufferedReader(
            new InputStreamReader(server.getInputStream(), StandardCharsets.US_ASCII));
    String address = running.address().toString();
    write("server.json", "{\"address\": \"" + address + "\", \"pid\": " + said.readLine() + "}");
    Thread end =
        new Thread(
            () -> {
              try {
                server.waitFor();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              running.close(); // what that process would have been
            });
    end.start();
    assertFalse(local.isOurs());
    local.stopWhoeverStarted();
    assertFalse(server.isAlive());
    end.join();
    assertFalse(local.ensureUnlessStopped(new Patience(0), Progress.NONE).isPresent());
    assertEquals(0, starts);
    CristaeException none = assertThrows(CristaeException.class, local::stopWhoeverStarted);
    assertTrue(none.getMessage().contains("No server runs"), none.getMessage());
  }

  @Test
  void aServerThatDoesNotSayItsProcessIsLeftAlone() throws Exception {
    assertThrows(CristaeException.class, local::stopWhoeverStarted);
    assertEquals("0.0.9", client.server().getVersion());
  }

  @Test
  void oneThatEndedInOrderIsNotStartedByWhatOnlyWaitsForIt() throws Exception {
    Files.delete(folder.resolve("server.json")); // as a server does that somebody ended
    running.close();
    failure();
    assertFalse(local.ensureUnlessStopped(new Patience(0), Progress.NONE).isPresent());
    assertEquals(0, starts);
  }

  @Test
  void aHomeFolderThatCannotBeWrittenIsToldAndNotThatNothingIsInstalled() throws Exception {
    write("file", "");
    Path file = folder.resolve("file");
    for (Path home : new Path[] {file, file.resolve("home")}) {
      LocalServer without = new LocalServer(new HomeFolder(home), this::start);
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> without.ensure(new Patience(0), Progress.NONE, new Cancellation()));
      String sentence = failure.getMessage();
      String why = home.equals(file) ? "a file is in its place" : "";
      String expected =
          "keeps its data in the folder " + home + ", which cannot be written (" + why;
      assertTrue(sentence.contains(expected), sentence);
      assertEquals(sentence.indexOf(home.toString()), sentence.lastIndexOf(home.toString()));
      assertFalse(sentence.contains("Install"), sentence);
    }
  }

  @Test
  void oneThatCannotBeStartedAgainIsToldWithItsLastWordsAndWhatToPress() {
    isBroken = true;
    running.close();
    String sentence = failure();
    assertTrue(sentence.contains("ended at once"), sentence);
    assertTrue(sentence.contains("Cristae Jobs starts it once more"), sentence);
  }
}

package org.cristae.fiji.launch;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.ServerAddress;
import org.cristae.v1.ErrorCode;

/**
 * The server on this machine: found if one runs, else started. A server that was started here ends
 * by itself once this program is gone and no job runs ({@code --stop-with}).
 */
public final class LocalServer {
  private static final double START_LIMIT_S = 60;
  private static final int LAST_WORDS = 600;

  private final HomeFolder home;
  private volatile Process process;

  /** The server of the home folder. */
  public LocalServer(HomeFolder home) {
    this.home = home;
  }

  /** The home folder. */
  public HomeFolder home() {
    return home;
  }

  /** True if a server that was started here still runs. */
  public boolean isOurs() { // not synchronized: the event thread asks while a server is started
    Process ours = process;
    return ours != null && ours.isAlive();
  }

  /**
   * Connects to the server that runs; empty if none does.
   *
   * @throws CristaeException if one runs but refuses, for example because it is too old
   */
  public Optional<Client> find(Patience patience) throws CristaeException {
    Optional<String> address = home.address();
    if (!address.isPresent()) {
      return Optional.empty();
    }
    Client client = new Client(ServerAddress.parse(address.get()), home::token, new Patience(0));
    try {
      client.server();
      return Optional.of(new Client(client.address(), this::listensAt, home::token, patience));
    } catch (CristaeException e) {
      if (e.isPassing() || e.isUnauthenticated() || e.isOfStranger()) {
        return Optional.empty(); // gone, or its port now belongs to somebody else
      }
      throw e;
    } finally {
      client.close();
    }
  }

  /** Where the server says that it listens; null if it does not. */
  private ServerAddress listensAt() {
    try {
      Optional<String> address = home.address();
      return address.isPresent() ? ServerAddress.parse(address.get()) : null;
    } catch (CristaeException e) {
      return null; // it is just writing
    }
  }

  /**
   * Connects to the server that runs, and starts one if none does. Blocks until it is ready.
   *
   * @param program asked for the words that start the program, without {@code serve}, if none runs
   * @throws CristaeException if it cannot be started; the sentence has its last words
   */
  public synchronized Client ensure(
      Supplier<List<String>> program,
      Patience patience,
      Progress progress,
      Cancellation cancellation)
      throws CristaeException {
    Optional<Client> running = find(patience);
    if (running.isPresent()) {
      return running.get();
    }
    Path log = home.path().resolve("server-start.log");
    List<String> command = program.get();
    start(command, log);
    long startNs = System.nanoTime();
    while (true) {
      double waited = (System.nanoTime() - startNs) / 1e9;
      progress.update("Starting the Cristae server", Math.min(0.95, waited / 10), "");
      Optional<Client> client = find(patience);
      if (client.isPresent()) {
        return client.get();
      }
      if (!process.isAlive()) {
        // Another ImageJ may have won the race for the home folder.
        Optional<Client> other = find(patience);
        if (other.isPresent()) {
          return other.get();
        }
        throw failed(command, "ended at once (exit code " + process.exitValue() + ")", log);
      }
      if (waited > START_LIMIT_S || cancellation.isCancelled()) {
        stop();
        cancellation.check();
        throw failed(command, "was not ready after " + (int) START_LIMIT_S + " s", log);
      }
      sleep();
    }
  }

  private void start(List<String> command, Path log) throws CristaeException {
    List<String> words = new ArrayList<>(command);
    words.add("serve");
    words.add("--home");
    words.add(home.path().toString());
    words.add("--stop-with");
    words.add(processId());
    try {
      Files.createDirectories(home.path());
      ProcessBuilder builder = new ProcessBuilder(words);
      builder.redirectErrorStream(true).redirectOutput(log.toFile());
      builder.directory(new File(System.getProperty("user.home")));
      process = builder.start();
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_NOT_FOUND,
          "The Cristae server could not be started with \""
              + String.join(" ", command)
              + "\". Install it (pip install . in a checkout of Cristae), and set its command or"
              + " the address of a running server in Plugins > Cristae > Cristae Server.",
          e);
    }
  }

  /** Stops the server if it was started here. Its jobs go on when it is started again. */
  public synchronized void stop() {
    if (process != null) {
      process.destroy();
      try {
        if (!process.waitFor(15, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      process = null;
    }
  }

  private static void sleep() throws CristaeException {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CristaeException(ErrorCode.ERROR_CODE_CANCELLED, "Cancelled.");
    }
  }

  /** This process's number; Java 8 has no call for it. */
  static String processId() {
    return ManagementFactory.getRuntimeMXBean().getName().split("@")[0];
  }

  private static CristaeException failed(List<String> command, String what, Path log) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INTERNAL,
        "The Cristae server started with \""
            + String.join(" ", command)
            + "\" "
            + what
            + ". "
            + lastWords(log)
            + "The whole log is "
            + log
            + ".");
  }

  private static String lastWords(Path log) {
    try {
      String text = new String(Files.readAllBytes(log), StandardCharsets.UTF_8).trim();
      String end = text.length() > LAST_WORDS ? text.substring(text.length() - LAST_WORDS) : text;
      return end.isEmpty() ? "" : "It said: " + end + " ";
    } catch (IOException e) {
      return "";
    }
  }
}

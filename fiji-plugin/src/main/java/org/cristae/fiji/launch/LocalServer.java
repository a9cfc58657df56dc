package org.cristae.fiji.launch;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.ServerAddress;
import org.cristae.fiji.client.WriteFailures;
import org.cristae.v1.ErrorCode;

/**
 * The server on this machine: found if one runs, else started. A server that was started here ends
 * by itself once this program is gone and no job runs ({@code --stop-with}).
 *
 * <p>One that crashed or was killed is started again by itself, a few times; one that the person
 * stopped, here or elsewhere, is not.
 */
public final class LocalServer {
  private static final double START_LIMIT_S = 240;
  private static final int STOP_LIMIT_S = 30;
  private static final int LAST_WORDS = 600;
  private static final String WHAT_STARTS_IT =
      "Plugins > Cristae > Cristae Jobs starts it once more and finds the jobs, which go on.";
  private static final int CONNECT_LIMIT_MS = 5000; // Windows refuses only after 2 s
  private static final int MOST_RESTARTS = 3;
  private static final long RESTARTS_COUNT_NS = TimeUnit.MINUTES.toNanos(10);

  private final HomeFolder home;
  private final Supplier<List<String>> program;
  private volatile Process process;

  /** The person stopped it, and asked for none since. */
  private volatile boolean isStopped;

  /** How often it was started again by itself since the person asked for it, or it held. */
  private int restarts;

  private long lastRestartNs;

  /**
   * The server of the home folder.
   *
   * @param program gives the words that start the program, without {@code serve}; asked at each
   *     start
   */
  public LocalServer(HomeFolder home, Supplier<List<String>> program) {
    this.home = home;
    this.program = program;
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
      return Optional.of(new Client(client.address(), this::whereNow, home::token, patience));
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

  /** The person asked for a server: it may be started, also by itself if it crashes. */
  public synchronized void askFor() {
    isStopped = false;
    restarts = 0;
  }

  /** Where a client finds the server by now: one that crashed is started again first. */
  private synchronized ServerAddress whereNow() throws CristaeException {
    if (hasCrashed()) {
      startAgain(new Patience(0), Progress.NONE).close();
    }
    return listensAt();
  }

  /**
   * True if nobody listens where the server said. One that ends in order takes that back, but not
   * on every system if the person stops it here.
   */
  private boolean hasCrashed() {
    ServerAddress address = listensAt();
    if (isStopped || address == null) {
      return false;
    }
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(address.host(), address.port()), CONNECT_LIMIT_MS);
      return false;
    } catch (SocketTimeoutException e) {
      return false; // it has much to do
    } catch (IOException e) {
      return true;
    }
  }

  /**
   * As {@link #ensure}, for what asks by itself and not for the person: only a server that crashed
   * is started, and only a few times.
   *
   * @return empty if none runs, since somebody stopped it
   * @throws CristaeException if it cannot be started, or ends again and again
   */
  public synchronized Optional<Client> ensureUnlessStopped(Patience patience, Progress progress)
      throws CristaeException {
    Optional<Client> running = find(patience);
    return running.isPresent() || !hasCrashed()
        ? running
        : Optional.of(startAgain(patience, progress));
  }

  private Client startAgain(Patience patience, Progress progress) throws CristaeException {
    if (System.nanoTime() - lastRestartNs > RESTARTS_COUNT_NS) {
      restarts = 0;
    }
    if (restarts == MOST_RESTARTS) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INTERNAL,
          "The Cristae server ends again and again, and is not started by itself any more; why may"
              + " be told in "
              + home.path().resolve("server.log")
              + ". "
              + WHAT_STARTS_IT);
    }
    restarts++;
    lastRestartNs = System.nanoTime();
    try {
      return ensure(patience, progress, new Cancellation());
    } catch (CristaeException e) {
      throw new CristaeException(e.code(), e.getMessage() + " " + WHAT_STARTS_IT, e);
    }
  }

  /**
   * Connects to the server that runs, and starts one if none does. Blocks until it is ready.
   *
   * @throws CristaeException if it cannot be started; the sentence has its last words
   */
  public synchronized Client ensure(Patience patience, Progress progress, Cancellation cancellation)
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
        end();
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
    createHome();
    try {
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
              + "\". Install it (\"make setup\" in a checkout of Cristae), and write the full path of"
              + " its command (.venv/bin/cristae there) into Plugins > Cristae > Cristae Server; or the"
              + " address of a server that runs.",
          e);
    }
  }

  private void createHome() throws CristaeException {
    try {
      Files.createDirectories(home.path());
      if (!Files.isWritable(home.path())) {
        throw new AccessDeniedException(home.path().toString());
      }
    } catch (IOException e) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "The Cristae server keeps its data in the folder "
              + home.path()
              + ", which cannot be written ("
              + WriteFailures.reason(e)
              + "). Set its rights so that you can write there, or name another folder in the"
              + " environment variable CRISTAE_HOME and start ImageJ again.",
          e);
    }
  }

  /** Stops the server if it was started here. Its jobs go on when it is started again. */
  public synchronized void stop() {
    isStopped = true;
    end();
  }

  /**
   * Stops the server of this home, whoever started it: it answers to the token of this home, so it
   * is this person's. Its jobs go on when it is started again.
   *
   * @throws CristaeException if none runs, or it cannot be stopped from here
   */
  public synchronized void stopWhoeverStarted() throws CristaeException {
    if (isOurs()) {
      stop();
      return;
    }
    long number = home.runningProcess();
    Optional<Client> running = find(new Patience(0));
    if (!running.isPresent() || number <= 0) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_NOT_FOUND, "No server runs on this machine that could be stopped.");
    }
    running.get().close();
    isStopped = true;
    terminate(number);
    for (int tick = 0; tick < STOP_LIMIT_S * 10; tick++) {
      Optional<Client> still = find(new Patience(0));
      if (!still.isPresent()) {
        return;
      }
      still.get().close();
      sleep();
    }
    throw notStopped(number, null);
  }

  /** Tells a process to end; Java 8 can only do so to its own children. */
  private static void terminate(long number) throws CristaeException {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String[] command =
        system.startsWith("windows")
            ? new String[] {"taskkill", "/F", "/PID", Long.toString(number)}
            : new String[] {"kill", "-TERM", Long.toString(number)};
    try {
      Process telling = new ProcessBuilder(command).redirectErrorStream(true).start();
      telling.getOutputStream().close();
      if (!telling.waitFor(STOP_LIMIT_S, TimeUnit.SECONDS) || telling.exitValue() != 0) {
        throw notStopped(number, null);
      }
    } catch (IOException e) {
      throw notStopped(number, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw notStopped(number, e);
    }
  }

  private static CristaeException notStopped(long number, Exception cause) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INTERNAL,
        "The server could not be stopped from here: end its process, which has the number "
            + number
            + ".",
        cause);
  }

  private void end() {
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

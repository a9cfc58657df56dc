package org.cristae.fiji.ui;

import ij.Prefs;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.ServerAddress;
import org.cristae.fiji.launch.HomeFolder;
import org.cristae.fiji.launch.LocalServer;
import org.cristae.fiji.launch.ServerCommand;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.GetServerResponse;
import org.cristae.v1.Job;

/**
 * The server that the person uses: the one at the address that was set, else the one on this
 * machine, which is started when it is needed. One connection for all commands.
 */
public final class Connection {
  private static final String ADDRESS = "cristae.address";
  private static final String COMMAND = "cristae.command";
  private static final int MOST_TITLES = 3;
  private static final Patience FIRST = new Patience(3);
  private static final Patience LATER = new Patience(60);

  private static final HomeFolder HOME = HomeFolder.ofUser();
  private static final LocalServer LOCAL = new LocalServer(HOME, Connection::nextCommand);

  /** Kept open, since jobs may still use them; changes of the server are rare. */
  private static final List<Client> RETIRED = new ArrayList<>();

  private static Client current;

  private Connection() {}

  /** The address that was set; empty for the server on this machine. */
  public static String address() {
    return Prefs.get(ADDRESS, "");
  }

  /** The command that was set for the server on this machine; empty for the usual one. */
  public static String command() {
    return Prefs.get(COMMAND, "");
  }

  /** The server on this machine. */
  public static LocalServer local() {
    return LOCAL;
  }

  /**
   * Sets which server is used from now on.
   *
   * @param address {@code host:port}, or empty for the server on this machine
   * @param token the token of the server at {@code address}; empty leaves the one kept before
   * @param command starts the program on this machine; empty for the usual one
   * @throws CristaeException if the address or the command is none, or the token cannot be kept
   */
  public static synchronized void choose(String address, String token, String command)
      throws CristaeException {
    if (!address.isEmpty()) {
      ServerAddress.parse(address);
    }
    ServerCommand.check(command);
    if (!token.isEmpty()) {
      HOME.keepRemoteToken(token);
    }
    Prefs.set(ADDRESS, address);
    Prefs.set(COMMAND, command);
    disconnect();
  }

  /**
   * A connection to a server that answered just now; a local one is started if need be.
   *
   * @throws CristaeException if there is none
   */
  public static synchronized Client open(Progress progress, Cancellation cancellation)
      throws CristaeException {
    if (address().isEmpty()) {
      LOCAL.askFor(); // whoever runs it by now
    }
    if (current != null && answers(current)) {
      return current;
    }
    disconnect(); // gone, or started again elsewhere: find it below
    if (address().isEmpty()) {
      current = LOCAL.ensure(LATER, progress, cancellation);
    } else {
      ServerAddress address = ServerAddress.parse(address());
      try (Client probe = new Client(address, HOME::remoteToken, FIRST)) {
        probe.server();
      }
      current = new Client(address, HOME::remoteToken, LATER);
    }
    return current;
  }

  /**
   * As {@link #open}, for what asks by itself and not for the person: a server on this machine that
   * somebody stopped is not started again, one that crashes only a few times. If another program
   * started one since, it is that.
   *
   * @return null if the server was stopped, and none runs
   */
  static synchronized Client openUnlessStopped(Progress progress) throws CristaeException {
    if (!address().isEmpty()) {
      return open(progress, new Cancellation());
    }
    if (current == null || !answers(current)) {
      disconnect();
      current = LOCAL.ensureUnlessStopped(LATER, progress).orElse(null);
    }
    return current;
  }

  /** What would start a server on this machine now. */
  static List<String> nextCommand() {
    return ServerCommand.choose(command(), System.getenv("CRISTAE_COMMAND"), HOME);
  }

  /** A connection to the server that runs on this machine; null if none does. Starts nothing. */
  static synchronized Client findLocal() throws CristaeException {
    if (!address().isEmpty()) { // the current one is elsewhere, and stays in use
      Client local = LOCAL.find(FIRST).orElse(null);
      if (local != null) {
        RETIRED.add(local);
      }
      return local;
    }
    if (current == null || !answers(current)) {
      disconnect();
      current = LOCAL.find(LATER).orElse(null);
    }
    return current;
  }

  /** A connection to the server in use; null if it does not answer just now. Starts nothing. */
  static Client ifThere() {
    try {
      return address().isEmpty() ? findLocal() : open(Progress.NONE, new Cancellation());
    } catch (CristaeException e) {
      return null; // told when it is needed
    }
  }

  /** True if the server in use answers and does not know {@code feature}. Starts nothing. */
  static boolean lacks(String feature) {
    return lacks(ifThere(), feature);
  }

  /** True if a server answers and does not know {@code feature}; {@code client} may be null. */
  static boolean lacks(Client client, String feature) {
    try {
      return client != null && !client.server().getFeaturesList().contains(feature);
    } catch (CristaeException e) {
      return false; // told when it is needed
    }
  }

  /**
   * Makes sure that a server can do something: an older one would leave it out without a word.
   *
   * @param lack what a server without {@code feature} does not do, for the sentence
   * @throws CristaeException if it does not know {@code feature}
   */
  static void need(Client client, String feature, String lack) throws CristaeException {
    GetServerResponse server = client.server();
    if (!server.getFeaturesList().contains(feature)) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "The Cristae server at "
              + client.address()
              + " ("
              + server.getVersion()
              + ") "
              + lack
              + ". Update the server.");
    }
  }

  private static boolean answers(Client client) {
    Supplier<String> token = address().isEmpty() ? HOME::token : HOME::remoteToken;
    try (Client probe = new Client(client.address(), token, new Patience(0))) {
      probe.server();
      return true;
    } catch (CristaeException e) {
      return false;
    }
  }

  /** Stops the server on this machine if it was started here; its jobs go on with the next one. */
  public static synchronized void stopLocal() {
    disconnect();
    LOCAL.stop();
  }

  /**
   * Stops the server on this machine, also one that another ImageJ started.
   *
   * @return a sentence about it and its jobs
   * @throws CristaeException if none runs, or it cannot be stopped
   */
  static synchronized String stopRunning() throws CristaeException {
    Client client = findLocal();
    List<String> open = new ArrayList<>();
    if (client != null) {
      for (Job job : new Jobs(client).list(1)) { // behind the newest come all that wait or run
        if (!Jobs.isEnd(job.getState())) {
          open.add(job.getTitle());
        }
      }
    }
    disconnect();
    List<Client> concerned = concerned(RETIRED); // jobs are followed with them
    concerned.forEach(each -> each.setStopped(true));
    try {
      LOCAL.stopWhoeverStarted();
    } catch (CristaeException e) {
      concerned.forEach(each -> each.setStopped(false));
      throw e;
    }
    return stopped(open);
  }

  /** Those whose server is stopped when that on this machine is, and was not before. */
  static List<Client> concerned(List<Client> clients) {
    return clients.stream()
        .filter(each -> each.isOfThisMachine() && !each.isStopped())
        .collect(Collectors.toList());
  }

  /** What is said of a server that was stopped, with the titles of jobs that had not ended. */
  static String stopped(List<String> open) {
    String stopped = "The server on this machine was stopped.";
    if (open.isEmpty()) {
      return stopped + " No job waited or ran there.";
    }
    return stopped
        + (open.size() == 1 ? " One job" : " " + open.size() + " jobs")
        + " there had not ended ("
        + String.join(", ", open.subList(0, Math.min(MOST_TITLES, open.size())))
        + (open.size() > MOST_TITLES ? ", ..." : "")
        + ") and will go on when it is started again.";
  }

  /** Forgets the connection; the server goes on. */
  private static void disconnect() {
    if (current != null) {
      RETIRED.add(current);
      current = null;
    }
  }
}

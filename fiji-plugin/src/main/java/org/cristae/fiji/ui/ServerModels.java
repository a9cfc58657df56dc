package org.cristae.fiji.ui;

import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.Model;

/**
 * The names that models of the server have, or will have when a training ends, each with what is to
 * be said to whoever takes it; asked for in the background while a dialog is open: a server on this
 * machine may have to start first.
 */
final class ServerModels {
  /** Every job that waits or runs is listed besides. */
  private static final int NEWEST = 1;

  private final CompletableFuture<Map<String, String>> answer = new CompletableFuture<>();
  private volatile List<String> names = Collections.emptyList();
  private volatile List<String> devices = Collections.emptyList();

  private ServerModels() {}

  /** Begins to ask; returns at once. */
  static ServerModels ask() {
    ServerModels models = new ServerModels();
    Thread thread = new Thread(models::fetch, "Cristae asks for models");
    thread.setDaemon(true);
    thread.start();
    return models;
  }

  private void fetch() {
    try {
      answer.complete(fetched());
    } catch (CristaeException | RuntimeException | Error e) {
      answer.completeExceptionally(e);
    }
  }

  private Map<String, String> fetched() throws CristaeException {
    try {
      Client client = Connection.open(new StatusBar(), new Cancellation());
      Jobs jobs = new Jobs(client);
      names = jobs.models().stream().map(Model::getName).collect(Collectors.toList());
      devices = Devices.of(client).stream().skip(1).collect(Collectors.toList());
      return taken(jobs);
    } finally {
      StatusBar.clear("");
    }
  }

  /**
   * The names that are taken, each with what is to be said of it.
   *
   * @throws CristaeException if the server cannot be asked
   */
  static Map<String, String> taken(Jobs jobs) throws CristaeException {
    Map<String, String> taken = new HashMap<>();
    for (Model model : jobs.models()) {
      taken.put(model.getName(), isReplaced(model));
    }
    for (Job job : jobs.list(NEWEST)) {
      if (job.getKind() == JobKind.JOB_KIND_TRAINING && !Jobs.isEnd(job.getState())) {
        taken.merge(
            job.getTitle(), isComing(job.getTitle()), (there, coming) -> there + " " + coming);
      }
    }
    return taken;
  }

  /** The names of the models that are there, newest first; none before they are there. */
  List<String> names() {
    return names;
  }

  /** The names of the server's devices, fastest first; none before they are there. */
  List<String> devices() {
    return devices;
  }

  /** Runs {@code action} on the event thread once the models are there; never if they cannot be. */
  void whenThere(Runnable action) {
    answer.thenRunAsync(action, SwingUtilities::invokeLater);
  }

  /** The names, as far as they are there by now; does not wait. */
  Map<String, String> soFar() {
    boolean isThere = answer.isDone() && !answer.isCompletedExceptionally();
    return isThere ? answer.join() : Collections.emptyMap();
  }

  /**
   * The names; waits for the server, and asks once more if it was not there before.
   *
   * @throws CristaeException if it cannot be asked
   */
  Map<String, String> all() throws CristaeException {
    try {
      return answer.join();
    } catch (CompletionException e) {
      return fetched(); // the person may have started it by now
    }
  }

  /**
   * The models, newest first, for who needs one.
   *
   * @throws CristaeException if there is none yet, or the server cannot be asked
   */
  static List<Model> some(Client client) throws CristaeException {
    List<Model> models = new Jobs(client).models();
    if (models.isEmpty()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_NOT_FOUND,
          "There is no model yet: make one with Plugins > Cristae > Cristae Train.");
    }
    return models;
  }

  /** What is to be said before a training while another one makes a model of its name. */
  static String isComing(String name) {
    return "A training that makes the model \""
        + name
        + "\" waits or runs: this one replaces that model when it ends well.";
  }

  /** What is to be said before a training whose name a model has already. */
  static String isReplaced(Model model) {
    Double dice = model.getMetricsMap().get("dice");
    return "There is a model \""
        + model.getName()
        + "\" already"
        + (dice == null ? "" : String.format(Locale.ROOT, " (Dice %.2f)", dice))
        + ": it is replaced when the training ends well.";
  }
}

package org.cristae.fiji.ui;

import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Model;

/**
 * The models of the server by name, asked for in the background while a dialog is open: a server on
 * this machine may have to start first.
 */
final class ServerModels {
  private final CompletableFuture<Map<String, Model>> answer = new CompletableFuture<>();

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
    } catch (CristaeException | RuntimeException e) {
      answer.completeExceptionally(e);
    }
  }

  private static Map<String, Model> fetched() throws CristaeException {
    try {
      Map<String, Model> models = new HashMap<>();
      new Jobs(Connection.open(new StatusBar(), new Cancellation()))
          .models()
          .forEach(model -> models.put(model.getName(), model));
      return models;
    } finally {
      StatusBar.clear("");
    }
  }

  /** Runs {@code action} on the event thread once the models are there; never if they cannot be. */
  void whenThere(Runnable action) {
    answer.thenRunAsync(action, SwingUtilities::invokeLater);
  }

  /** The models, as far as they are there by now; does not wait. */
  Map<String, Model> soFar() {
    boolean isThere = answer.isDone() && !answer.isCompletedExceptionally();
    return isThere ? answer.join() : Collections.emptyMap();
  }

  /**
   * The models; waits for the server, and asks once more if it was not there before.
   *
   * @throws CristaeException if it cannot be asked
   */
  Map<String, Model> all() throws CristaeException {
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

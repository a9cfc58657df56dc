package org.cristae.fiji.ui;

import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;

/** Asks a training to end early and keep the best that it has. */
interface Finishing {
  /** The feature of a server that knows it. */
  String FEATURE = "training.finish";

  /**
   * Asks; returns when the server has noted it.
   *
   * @throws CristaeException if the training does not run (any more), or no server is there
   */
  void ask() throws CristaeException;

  /** What asks the server for a job; null if it does not know how. */
  static Finishing of(Client client, String jobId) {
    return Connection.lacks(client, FEATURE) ? null : () -> new Jobs(client).finish(jobId);
  }
}

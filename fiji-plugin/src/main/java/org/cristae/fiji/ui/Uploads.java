package org.cristae.fiji.ui;

import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.NamedVolume;

/** Sends the images of one job, one after the other, and tells which of them it is at. */
final class Uploads {
  private final Client client;
  private final Progress listener;
  private final Cancellation cancellation;
  private final int count;
  private int sent;

  /**
   * Sends to the server of {@code client}.
   *
   * @param count how many images there are in all
   */
  Uploads(Client client, Progress listener, Cancellation cancellation, int count) {
    this.client = client;
    this.listener = listener;
    this.cancellation = cancellation;
    this.count = count;
  }

  /** Sends the next image, unless the server has it, and returns what it is called there. */
  NamedVolume send(NamedUpload image) throws CristaeException {
    sent++;
    return image.send(client, OneOfSeveral.of(listener, sent, count), cancellation);
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Shape;

/** An image and the model that is to look at it: open here, or lying on the server. */
interface SeenImage {
  /** What people call the image. */
  String title();

  /** The model's name. */
  String model();

  /** Connects to the server, finds or describes the image, and tells what is doubtful about it. */
  Client connect(JobListener listener, Cancellation cancellation) throws CristaeException;

  /** The shape of the image; to be asked for after {@link #connect}. */
  Shape shape();

  /**
   * Has the image predicted, follows the job and fetches its result.
   *
   * @param spec what is to be predicted; model and image are filled in
   * @param cancellation asks the server to end the job
   * @param detach leaves the job alone
   */
  ImagePlus predict(
      Client client,
      PredictionSpec.Builder spec,
      JobListener listener,
      Cancellation cancellation,
      Cancellation detach)
      throws CristaeException;
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FoundImages;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.FoundVolume;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Shape;

/** An image under the data root of the server, and the model that is to look at it. */
final class ModelOnServerImage implements SeenImage {
  /** The choice that names it. */
  static final String KEY = "server-image";

  private final String name;
  private final String model;
  private FoundVolume image;

  private ModelOnServerImage(String name, String model) {
    this.name = name;
    this.model = model;
  }

  /**
   * The image and the model of some choices; the server is not asked yet.
   *
   * @throws CristaeException if an open image is named, too, or something that is for open images
   */
  static ModelOnServerImage of(Choices choices) throws CristaeException {
    for (String key : new String[] {"image", "voxel-size"}) {
      if (choices.has(key)) {
        throw choices.wrong(key, "left out: it is for open images, and server-image names another");
      }
    }
    return new ModelOnServerImage(choices.get(KEY, ""), ModelOnImage.modelOf(choices));
  }

  @Override
  public String title() {
    return name;
  }

  @Override
  public String model() {
    return model;
  }

  @Override
  public Client connect(JobListener listener, Cancellation cancellation) throws CristaeException {
    Client client = Connection.open(listener, cancellation);
    if (Connection.lacks(client, FoundImages.FEATURE)) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "The Cristae server at "
              + client.address()
              + " offers no images of its own. Its owner names their folder when starting it:"
              + " cristae serve --data-root FOLDER. Or open the image here.");
    }
    listener.update("Looking for " + name + " on the server", 0, "");
    image = FoundImages.named(client, name, cancellation);
    return client;
  }

  @Override
  public Shape shape() {
    return image.getShape();
  }

  @Override
  public ImagePlus predict(
      Client client,
      PredictionSpec.Builder spec,
      JobListener listener,
      Cancellation cancellation,
      Cancellation detach)
      throws CristaeException {
    spec.setModelName(model).setImageVolumeId(image.getVolumeId());
    return ModelOnImage.follow(client, spec.build(), null, listener, cancellation, detach);
  }
}

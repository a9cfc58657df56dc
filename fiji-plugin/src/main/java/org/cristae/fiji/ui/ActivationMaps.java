package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.image.ResultRoom;
import org.cristae.v1.Box;
import org.cristae.v1.Job;
import org.cristae.v1.Layer;
import org.cristae.v1.PredictionSpec;

/** One look into a network: the image is sent, the maps of a layer are computed and fetched. */
public final class ActivationMaps implements Work {
  /** The output of a prediction that is the maps of a layer. */
  static final String OUTPUT = "activations";

  /** The feature of a server that makes them. */
  private static final String FEATURE = "output." + OUTPUT;

  private final ModelOnImage seen;
  private final Choices choices;
  private final Box region;
  private String layer;

  private ActivationMaps(ModelOnImage seen, Choices choices, Box region) {
    this.seen = seen;
    this.choices = choices;
    this.region = region;
    this.layer = choices.get("layer", "");
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices(
        "Cristae Show Activations",
        "image",
        "model",
        "layer",
        "slices",
        ImagePart.KEY,
        "voxel-size",
        "device");
  }

  /**
   * Checks the choices against the open images; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static ActivationMaps prepare(Choices choices) throws CristaeException {
    ModelOnImage seen = ModelOnImage.of(choices);
    Box region = ImagePart.of(choices, seen.source, seen.image.order());
    return new ActivationMaps(seen, choices, region);
  }

  /**
   * Makes sure that a server can show maps.
   *
   * @throws CristaeException if it is too old
   */
  static void need(Client client) throws CristaeException {
    Connection.need(client, FEATURE, "does not show what the layers of a network make of an image");
  }

  /** True if a job makes the maps of a layer. */
  static boolean isOf(Job job) {
    return job.getPrediction().getOutput().equals(OUTPUT);
  }

  @Override
  public String title() {
    return "Showing "
        + (layer.isEmpty() ? "a layer" : layer)
        + " of "
        + seen.model
        + " on "
        + seen.source.getTitle();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    Client client = seen.connect(listener, cancellation);
    need(client);
    listener.update("Asking for the layers of " + seen.model, 0, "");
    Layer chosen = chosen(new Jobs(client).layers(seen.model));
    layer = chosen.getName();
    ResultRoom.checkMaps(Layers.resultShape(chosen, region));
    PredictionSpec.Builder spec =
        PredictionSpec.newBuilder()
            .setOutput(OUTPUT)
            .setLayer(layer)
            .setRegion(region)
            .setDevice(choices.get("device", ""));
    return seen.predict(client, spec, listener, cancellation, detach);
  }

  /** The layer that was chosen; else the one that most people look at first. */
  private Layer chosen(List<Layer> layers) throws CristaeException {
    if (layer.isEmpty()) {
      return Layers.usual(layers);
    }
    for (Layer one : layers) {
      if (one.getName().equals(layer)) {
        return one;
      }
    }
    String names = Layers.names(Layers.whole(layers));
    throw choices.wrong(
        "layer", "one of " + names + ", or a part of one such as " + layers.get(0).getName());
  }

  @Override
  public String lastWords() {
    return title() + " is done.";
  }
}

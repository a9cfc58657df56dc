package org.cristae.fiji.ui;

import ij.ImagePlus;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.v1.Job;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Shape;

/** An open image and the model that is to look at it. */
final class ModelOnImage implements SeenImage {
  /** The open image. */
  final ImagePlus source;

  /** As it is sent. */
  final ImageVolume image;

  /** The model's name. */
  final String model;

  private ModelOnImage(ImagePlus source, ImageVolume image, String model) {
    this.source = source;
    this.image = image;
    this.model = model;
  }

  /**
   * The image and the model of some choices; nothing is sent yet.
   *
   * @throws CristaeException if the image is not open or of a kind that cannot be, or no model is
   *     named
   */
  static ModelOnImage of(Choices choices) throws CristaeException {
    return of(OpenImages.image(choices), choices);
  }

  /** An image as it is now, and the model of some choices. */
  static ModelOnImage of(ImagePlus source, Choices choices) throws CristaeException {
    String model = modelOf(choices);
    ImageVolume image = ImageVolume.image(source, TrainingChoices.voxelSize(choices));
    return new ModelOnImage(source, image, model);
  }

  /** The model of some choices; refused if none is named. */
  static String modelOf(Choices choices) throws CristaeException {
    if (!choices.has("model")) {
      throw choices.wrong("model", "the name of a model; Cristae Train makes one");
    }
    return choices.get("model", "");
  }

  @Override
  public String title() {
    return source.getTitle();
  }

  @Override
  public String model() {
    return model;
  }

  @Override
  public Shape shape() {
    return image.spec().getShape();
  }

  @Override
  public Client connect(JobListener listener, Cancellation cancellation) throws CristaeException {
    if (!image.doubt().isEmpty()) {
      listener.note(image.doubt(), true);
    }
    return Connection.open(listener, cancellation);
  }

  @Override
  public ImagePlus predict(
      Client client,
      PredictionSpec.Builder spec,
      JobListener listener,
      Cancellation cancellation,
      Cancellation detach)
      throws CristaeException {
    spec.setModelName(model).setImageName(image.spec().getName());
    try {
      spec.setImageVolumeId(Upload.run(client, image, listener, cancellation).getVolumeId());
    } finally {
      image.forget();
    }
    return follow(client, spec.build(), source, listener, cancellation, detach);
  }

  /** Submits a prediction, follows it and fetches its result; {@code source} may be null. */
  static ImagePlus follow(
      Client client,
      PredictionSpec spec,
      ImagePlus source,
      JobListener listener,
      Cancellation cancellation,
      Cancellation detach)
      throws CristaeException {
    cancellation.check();
    Job job = new Jobs(client).submit(spec, cancellation);
    listener.submitted(job.getJobId());
    Job done = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    return Results.fetch(client, done, source, listener, Cancellation.either(cancellation, detach));
  }
}

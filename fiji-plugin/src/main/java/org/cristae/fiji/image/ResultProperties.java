package org.cristae.fiji.image;

/**
 * The names of the properties of an image that Cristae made: they tell where it comes from, and are
 * saved in its TIFF.
 */
public final class ResultProperties {
  /** The name of the model that made it. */
  public static final String MODEL = "cristae.model";

  /** What it is: labels, instances, probabilities, uncertainty or activations. */
  public static final String OUTPUT = "cristae.output";

  /** The names of its classes: "1=mito, 2=er". */
  public static final String CLASSES = "cristae.classes";

  /** The layer whose maps it holds. */
  public static final String LAYER = "cristae.layer";

  /** The id of the job that made it. */
  public static final String JOB = "cristae.job";

  private ResultProperties() {}
}

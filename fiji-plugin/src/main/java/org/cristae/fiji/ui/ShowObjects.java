package org.cristae.fiji.ui;

import ij.ImagePlus;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.fiji.labels.ObjectsOverlay;
import org.cristae.v1.ErrorCode;

/** The objects of a label image, in colours over another image; or no more. */
public final class ShowObjects implements Work {
  /** The value of {@code labels} that takes the objects away. */
  static final String NONE = "none";

  static final String LABELS = "labels";
  static final String OPACITY = "opacity";
  static final String USUAL_OPACITY = "40";
  private static final double PERCENT = 0.01;

  private final ImagePlus image;
  private final ObjectImage objects;
  private final double opacity;

  private ShowObjects(ImagePlus image, ObjectImage objects, double opacity) {
    this.image = image;
    this.objects = objects;
    this.opacity = opacity;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices("Cristae Show Objects", "image", LABELS, OPACITY);
  }

  /**
   * Checks the choices against the open images.
   *
   * @throws CristaeException if an image is not open, or they are not of one size
   */
  public static ShowObjects prepare(Choices choices) throws CristaeException {
    if (choices.get(LABELS, "").equals(NONE)) {
      return new ShowObjects(OpenImages.find(choices.get("image", "")), null, 0);
    }
    ImagePlus image = OpenImages.image(choices);
    if (!choices.has(LABELS)) {
      throw choices.wrong(LABELS, "the title of the label image, or none");
    }
    ObjectImage objects = ObjectImage.of(OpenImages.findLabels(choices.get(LABELS, ""), image));
    ImagePlus labels = objects.image();
    int sections = PlaneOrder.of(image).sections();
    boolean isAlike =
        labels.getWidth() == image.getWidth()
            && labels.getHeight() == image.getHeight()
            && objects.order().sections() == sections;
    if (!isAlike) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          String.format(
              "The labels \"%s\" are %d x %d in %d slices, the image \"%s\" is %d x %d in %d. They"
                  + " must be of the same size, voxel by voxel.",
              labels.getTitle(),
              labels.getWidth(),
              labels.getHeight(),
              objects.order().sections(),
              image.getTitle(),
              image.getWidth(),
              image.getHeight(),
              sections));
    }
    ImageVolume.checkLabels(labels);
    double percent = choices.has(OPACITY) ? choices.positive(OPACITY) : 0;
    if (percent > 100) {
      throw choices.wrong(OPACITY, "a number of per cent, from 1 to 100");
    }
    percent = percent == 0 ? Double.parseDouble(USUAL_OPACITY) : percent;
    return new ShowObjects(image, objects, percent * PERCENT);
  }

  ImagePlus image() {
    return image;
  }

  /** True if objects are taken away. */
  boolean isEnd() {
    return objects == null;
  }

  /** Lays the objects over the image. */
  ObjectsOverlay lay() {
    return ObjectsOverlay.lay(image, objects, opacity);
  }

  @Override
  public String title() {
    return isEnd()
        ? "Hiding the objects over " + image.getTitle()
        : "Showing " + objects.image().getTitle() + " over " + image.getTitle();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach) {
    if (isEnd()) {
      ObjectsWindow.takeOff(image);
    } else {
      lay();
    }
    return null;
  }

  @Override
  public String lastWords() {
    return isEnd()
        ? "The objects are off the image."
        : "Cristae Show Objects again takes them off.";
  }
}

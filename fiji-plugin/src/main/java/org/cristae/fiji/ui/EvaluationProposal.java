package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.cristae.fiji.image.ResultProperties;

/**
 * Which open image is likely the prediction, which the truth and which the image itself: what
 * Cristae made is a prediction, and titles tell the truth.
 */
final class EvaluationProposal {
  private static final String FOUND = ".*(pred|found|seg|result).*";
  private static final String TRUE = ".*(truth|\\bgt\\b|label|annot|manual|expert).*";

  private final ImagePairs pairs;
  private ImagePlus prediction;
  private ImagePlus truth;

  /** Looks at the open images; not on the event thread. */
  EvaluationProposal(ImagePairs pairs, ImagePlus active) {
    this(pairs, active, OpenImages.all());
  }

  /** Looks at some images, in the order in which they were opened. */
  EvaluationProposal(ImagePairs pairs, ImagePlus active, List<ImagePlus> open) {
    this.pairs = pairs;
    List<ImagePlus> labels = new ArrayList<>();
    for (ImagePlus image : open) {
      boolean isPart = image == active || ImagePairs.isAlike(active, image);
      if (image.getBitDepth() != 24 && isPart && isOfLabels(image)) {
        labels.add(image);
      }
    }
    prediction = active;
    int most = -1; // what is called the truth is not the prediction
    for (ImagePlus image : labels) {
      int score = score(image) + (image == active ? 1 : 0);
      if (score > most) {
        most = score;
        prediction = image;
      }
    }
    truthFor(prediction, labels);
  }

  private void truthFor(ImagePlus found, List<ImagePlus> labels) {
    int least = Integer.MAX_VALUE;
    for (ImagePlus image : labels) {
      if (image != found && score(image) < least) {
        least = score(image);
        truth = image;
      }
    }
  }

  /**
   * True if something tells that an image holds labels: its origin, its values, or its title. That
   * it has few values alone does not: small and dark micrographs have few, too.
   */
  private boolean isOfLabels(ImagePlus image) {
    String title = title(image);
    return isMade(image)
        || pairs.isInPatches(image)
        || pairs.looksLikeLabels(image) && (title.matches(FOUND) || title.matches(TRUE));
  }

  /** Its title in small letters, with spaces between its words. */
  private static String title(ImagePlus image) {
    return image.getTitle().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private static boolean isMade(ImagePlus image) {
    return image.getProp(ResultProperties.OUTPUT) != null;
  }

  /** How likely an image is a prediction and not the truth. */
  private static int score(ImagePlus image) {
    String title = title(image);
    int made = isMade(image) ? 4 : title.matches(FOUND) ? 2 : 0;
    return made - (title.matches(TRUE) ? 4 : 0);
  }

  /** The image that is likely the prediction; the active one if nothing tells. */
  ImagePlus prediction() {
    return prediction;
  }

  /** The image that is likely the truth; null if there is none. */
  ImagePlus truth() {
    return truth;
  }

  /** The image that labels were made of; null if it is not open. */
  static ImagePlus raw(ImagePairs pairs, ImagePlus labels) {
    ImagePlus image = pairs.imageFor(labels);
    return image == labels || pairs.looksLikeLabels(image) ? null : image;
  }

  /** What is compared: classes, masks or instances. */
  String target(ImagePlus found, ImagePlus labels) {
    if ("instances".equals(found.getProp(ResultProperties.OUTPUT))) {
      return "instances";
    }
    String task = labels == null ? "semantic" : pairs.task(labels, "semantic");
    return task.equals("semantic") ? "classes" : task;
  }

  /** True if an image holds probabilities. */
  static boolean isProbabilities(ImagePlus found) {
    return "probabilities".equals(found.getProp(ResultProperties.OUTPUT));
  }
}

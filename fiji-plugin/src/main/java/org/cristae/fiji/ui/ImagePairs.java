package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.IdentityHashMap;
import java.util.Locale;
import java.util.Map;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ValueSample;
import org.cristae.v1.ErrorCode;

/**
 * Which open image holds the labels of which: their values tell it, and their titles where the
 * values do not. Each image is looked at once.
 */
final class ImagePairs {
  /** More values than there are usually classes. */
  private static final int MOST_CLASSES = 12;

  private final Map<ImagePlus, ValueSample> samples = new IdentityHashMap<>();

  private ValueSample sample(ImagePlus image) {
    return samples.computeIfAbsent(image, ValueSample::of);
  }

  /**
   * True if labels for {@code image} could be in {@code other}: same size, same planes; channels
   * only if its title tells that they are masks.
   */
  static boolean fits(ImagePlus image, ImagePlus other) {
    return other != image
        && other.getBitDepth() != 24
        && (other.getNChannels() == 1 || isCalledLabels(other))
        && other.getWidth() == image.getWidth()
        && other.getHeight() == image.getHeight()
        && other.getStackSize() / other.getNChannels()
            == image.getStackSize() / image.getNChannels();
  }

  private static boolean isCalledLabels(ImagePlus image) {
    String title = image.getTitle().toLowerCase(Locale.ROOT);
    return title.matches(".*(label|mask|truth|annot|seg|gt).*");
  }

  /** How much an image is like labels: 2 for its values, 1 for its title. */
  private int likeness(ImagePlus image) {
    return (sample(image).looksLikeLabels() ? 2 : 0) + (isCalledLabels(image) ? 1 : 0);
  }

  private static boolean isNamedAfter(ImagePlus labels, ImagePlus image) {
    String stem = OpenImages.stem(image.getTitle()).toLowerCase(Locale.ROOT);
    return labels.getTitle().toLowerCase(Locale.ROOT).startsWith(stem);
  }

  /** The image to learn from: the active one, unless that holds the labels of another one. */
  ImagePlus imageFor(ImagePlus active) {
    ImagePlus best = active;
    int bestScore = 2 * likeness(active);
    for (ImagePlus other : OpenImages.all()) {
      if (fits(other, active) && likeness(other) < likeness(active)) {
        int score = 2 * likeness(other) - (isNamedAfter(active, other) ? 1 : 0);
        if (score < bestScore) {
          best = other;
          bestScore = score;
        }
      }
    }
    return best;
  }

  /** The open image that most likely holds the labels of {@code image}; null if none looks so. */
  ImagePlus labelsFor(ImagePlus image) {
    ImagePlus best = null;
    int bestScore = 0;
    for (ImagePlus other : OpenImages.all()) {
      if (fits(image, other) && likeness(other) > 0) {
        int score = 2 * likeness(other) + (isNamedAfter(other, image) ? 1 : 0);
        if (score > bestScore) {
          best = other;
          bestScore = score;
        }
      }
    }
    return best;
  }

  /**
   * The task that the labels are for: masks if they have channels, semantic if they have one value
   * beside the background, instances if they have more values than there are usually classes.
   *
   * @param labels null for ROIs
   * @param lastTask what else
   */
  String task(ImagePlus labels, String lastTask) {
    if (labels == null) {
      return lastTask;
    }
    if (labels.getNChannels() > 1) {
      return "masks";
    }
    int values = sample(labels).differentValues();
    boolean isMask = values == 2;
    boolean isLastOfChannels = lastTask.equals("masks");
    return values > MOST_CLASSES ? "instances" : isMask || isLastOfChannels ? "semantic" : lastTask;
  }

  /**
   * What is to be said where somebody took the image for the labels; empty if that is not certain.
   */
  String aboutSwap(ImagePlus image, ImagePlus labels) {
    return sample(image).looksLikeLabels() && sample(labels).isGrey()
        ? "The image \""
            + image.getTitle()
            + "\" looks like labels, and the labels \""
            + labels.getTitle()
            + "\" are grey values: choose them the other way round."
        : "";
  }

  /** Refuses labels that are the image. */
  static void checkNotSwapped(ImagePlus image, ImagePlus labels) throws CristaeException {
    String about = new ImagePairs().aboutSwap(image, labels);
    if (!about.isEmpty()) {
      throw new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, about);
    }
  }
}

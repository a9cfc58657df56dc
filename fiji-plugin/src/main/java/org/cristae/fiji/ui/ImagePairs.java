package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ResultProperties;
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

  private synchronized ValueSample sample(ImagePlus image) {
    return samples.computeIfAbsent(image, ValueSample::of);
  }

  /** Looks at all open images, before somebody on the event thread wants to know of them. */
  void lookAhead() {
    Thread looking =
        new Thread(() -> OpenImages.all().forEach(this::sample), "Cristae looks at the images");
    looking.setDaemon(true);
    looking.start();
  }

  /**
   * True if labels for {@code image} could be in {@code other}: same size, same planes; channels
   * only if its title tells that they are masks.
   */
  static boolean fits(ImagePlus image, ImagePlus other) {
    return other != image
        && (other.getNChannels() == 1 || isCalledLabels(other))
        && isAlike(image, other);
  }

  private static boolean isCalledLabels(ImagePlus image) {
    String title = image.getTitle().toLowerCase(Locale.ROOT);
    return title.matches(".*(label|mask|truth|annot|seg|gt).*");
  }

  /** How much an image is like labels: 2 for its values, 1 for its title. */
  private int likeness(ImagePlus image) {
    return (sample(image).looksLikeLabels() ? 2 : 0) + (isCalledLabels(image) ? 1 : 0);
  }

  /** True if the values of an image lie as those of labels do. */
  boolean looksLikeLabels(ImagePlus image) {
    return sample(image).looksLikeLabels();
  }

  /** True if values say so of themselves: also a small or dark image may have few of them. */
  boolean isInPatches(ImagePlus image) {
    return sample(image).isInPatches();
  }

  /** True for stack1-labels.tif and "labels of stack1" for stack1.tif; not for stack12. */
  private static boolean isNamedAfter(ImagePlus labels, ImagePlus image) {
    String stem = OpenImages.stem(image.getTitle()).toLowerCase(Locale.ROOT);
    String title = labels.getTitle().toLowerCase(Locale.ROOT);
    if (stem.isEmpty() || labels == image) {
      return false;
    }
    for (int at = title.indexOf(stem); at >= 0; at = title.indexOf(stem, at + 1)) {
      int end = at + stem.length();
      boolean begins = at == 0 || !Character.isLetterOrDigit(title.charAt(at - 1));
      boolean ends = end == title.length() || !Character.isDigit(title.charAt(end));
      if (begins && ends) {
        return true;
      }
    }
    return false;
  }

  /** True if labels are named after an image, and after no other one of a longer name. */
  private boolean isNamedAfter(ImagePlus labels, ImagePlus image, List<ImagePlus> open) {
    int length = OpenImages.stem(image.getTitle()).length();
    return isNamedAfter(labels, image)
        && open.stream()
            .noneMatch(
                other ->
                    likeness(other) == 0
                        && OpenImages.stem(other.getTitle()).length() > length
                        && isNamedAfter(labels, other));
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

  /**
   * The open image that most likely holds the labels of {@code image}; null if none looks so. Where
   * several images and their labels do not tell by their titles, they go together in the order in
   * which they were opened.
   */
  ImagePlus labelsFor(ImagePlus image) {
    return likelyLabels(image, OpenImages.all());
  }

  /** The same among some images, in the order in which they were opened. */
  ImagePlus likelyLabels(ImagePlus image, List<ImagePlus> open) {
    List<ImagePlus> labels = new ArrayList<>(open);
    int rank = 0;
    for (ImagePlus other : open) {
      if (other == image || !isAlike(image, other) || likeness(other) > 0) {
        continue;
      }
      boolean hasOwn = labels.removeIf(each -> isNamedAfter(each, other, open));
      rank += open.indexOf(other) < open.indexOf(image) && !hasOwn ? 1 : 0;
    }
    List<ImagePlus> likely = likeliest(image, labels);
    return likely.isEmpty() ? null : likely.get(Math.min(rank, likely.size() - 1));
  }

  /**
   * The labels to learn {@code image} from: as {@link #labelsFor}, but what somebody drew goes
   * before what a model made.
   */
  ImagePlus drawnLabelsFor(ImagePlus image) {
    return drawnLabels(image, OpenImages.all());
  }

  /** The same among some images, in the order in which they were opened. */
  ImagePlus drawnLabels(ImagePlus image, List<ImagePlus> open) {
    List<ImagePlus> drawn = new ArrayList<>(open);
    drawn.removeIf(each -> !modelOf(each).isEmpty());
    ImagePlus likely = likelyLabels(image, drawn);
    return likely == null ? likelyLabels(image, open) : likely;
  }

  /**
   * The image to learn from where {@code image} is proposed: itself if it has labels or ROIs, else
   * another open one that somebody labelled; itself if there is none.
   */
  ImagePlus labelled(ImagePlus image, boolean hasRois, List<ImagePlus> open) {
    if (hasRois || drawnLabels(image, open) != null) {
      return image;
    }
    for (ImagePlus other : open) {
      boolean isGrey = other.getBitDepth() != 24 && likeness(other) == 0;
      ImagePlus labels = isGrey ? drawnLabels(other, open) : null;
      if (labels != null && modelOf(labels).isEmpty()) {
        return other;
      }
    }
    return image;
  }

  /** What is to be said of an image that has no ROIs, and among the open images no labels. */
  String aboutLack(ImagePlus image, List<ImagePlus> open) {
    StringBuilder others = new StringBuilder();
    for (ImagePlus other : open) {
      if (other != image && likeness(other) > 0 && !isAlike(image, other)) {
        others.append(others.length() == 0 ? " (not of its size: " : ", ").append(other.getTitle());
      }
    }
    return "No ROIs are drawn on \""
        + image.getTitle()
        + "\", and no open image looks like its labels"
        + (others.length() == 0 ? "" : others + ")")
        + ". Draw on it and add each ROI to the ROI Manager with T, or open a label image of its size.";
  }

  /** The model that made an image; empty if none did. */
  static String modelOf(ImagePlus image) {
    String model = image.getProp(ResultProperties.MODEL);
    return model == null ? "" : model;
  }

  private ImagePlus labelsFor(ImagePlus image, List<ImagePlus> candidates) {
    List<ImagePlus> likely = likeliest(image, candidates);
    return likely.isEmpty() ? null : likely.get(0);
  }

  /** Those of some images that look most as if they held the labels of {@code image}. */
  private List<ImagePlus> likeliest(ImagePlus image, List<ImagePlus> candidates) {
    List<ImagePlus> best = new ArrayList<>();
    int bestScore = 1;
    for (ImagePlus other : candidates) {
      if (fits(image, other) && likeness(other) > 0) {
        int score = 2 * likeness(other) + (isNamedAfter(other, image) ? 1 : 0);
        if (score > bestScore) {
          best.clear();
          bestScore = score;
        }
        if (score == bestScore) {
          best.add(other);
        }
      }
    }
    return best;
  }

  /** What is to be said where other open images could as well be the labels; else empty. */
  String doubt(ImagePlus image, ImagePlus labels) {
    List<ImagePlus> likely = likeliest(image, OpenImages.all());
    boolean isNamed = isNamedAfter(labels, image, OpenImages.all());
    return likely.size() < 2 || !likely.contains(labels) || isNamed
        ? ""
        : "Several open images could be the labels of \""
            + image.getTitle()
            + "\": check that \""
            + labels.getTitle()
            + "\" is the right one.";
  }

  /** True if two images are of one size, with equally many planes in each channel. */
  static boolean isAlike(ImagePlus image, ImagePlus other) {
    return other.getBitDepth() != 24
        && other.getWidth() == image.getWidth()
        && other.getHeight() == image.getHeight()
        && other.getStackSize() / other.getNChannels()
            == image.getStackSize() / image.getNChannels();
  }

  /**
   * Further images to learn from, each with what most likely holds its labels, or null: no labels
   * twice, and what is named after an image is that one's; what somebody drew goes before what a
   * model made.
   *
   * @param open all but the first image and its labels
   */
  Map<ImagePlus, ImagePlus> furtherPairs(List<ImagePlus> open) {
    List<ImagePlus> free = new ArrayList<>(open);
    Map<ImagePlus, ImagePlus> pairs = new LinkedHashMap<>();
    for (ImagePlus image : open) {
      if (image.getBitDepth() != 24 && !sample(image).looksLikeLabels()) {
        pairs.put(image, null);
        free.remove(image);
      }
    }
    List<ImagePlus> made = new ArrayList<>(free);
    made.removeIf(each -> modelOf(each).isEmpty());
    free.removeAll(made);
    pair(pairs, free);
    free.addAll(made); // what a model made only where nobody drew anything
    pair(pairs, free);
    return pairs;
  }

  /** Gives labels to those images that have none yet: first those that are named after them. */
  private void pair(Map<ImagePlus, ImagePlus> pairs, List<ImagePlus> free) {
    for (boolean byName : new boolean[] {true, false}) {
      pairs.replaceAll(
          (image, found) -> {
            ImagePlus likely = found == null ? labelsFor(image, free) : found;
            boolean isIt =
                likely != null && (found != null || !byName || isNamedAfter(likely, image));
            return isIt && (found != null || free.remove(likely)) ? likely : null;
          });
    }
  }

  /** The open images that can hold labels of {@code image}, whoever drew them. */
  List<ImagePlus> annotationsOf(ImagePlus image) {
    List<ImagePlus> annotations = new ArrayList<>();
    for (ImagePlus other : OpenImages.all()) {
      if (fits(image, other) && !sample(other).isGrey()) {
        annotations.add(other);
      }
    }
    return annotations;
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

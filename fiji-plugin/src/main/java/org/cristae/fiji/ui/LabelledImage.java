package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.labels.MaskNames;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;

/** An image to learn from, with the label images of one or several annotators. */
final class LabelledImage {
  /** The choice of further images, each with its labels. */
  static final String ALSO = "also";

  /** The choice of the labels of further annotators of the first image. */
  static final String ANNOTATORS = "annotators";

  final ImagePlus image;
  final List<ImagePlus> labels;

  LabelledImage(ImagePlus image, List<ImagePlus> labels) {
    this.image = image;
    this.labels = Collections.unmodifiableList(new ArrayList<>(labels));
  }

  /** An image with the labels of one annotator. */
  static LabelledImage of(ImagePlus image, ImagePlus labels) {
    return new LabelledImage(image, Collections.singletonList(labels));
  }

  /**
   * The images that were chosen, the first one first.
   *
   * @param first the image to learn from
   * @throws CristaeException if one is not open, or has two parts
   */
  static List<LabelledImage> chosen(Choices choices, ImagePlus first) throws CristaeException {
    List<ImagePlus> annotators = new ArrayList<>();
    annotators.add(OpenImages.findLabels(choices.get("labels", ""), first));
    for (String title : Titles.split(choices.get(ANNOTATORS, ""))) {
      annotators.add(OpenImages.findLabels(title, first));
    }
    List<LabelledImage> images = new ArrayList<>();
    images.add(new LabelledImage(first, annotators));
    List<String> also = Titles.split(choices.get(ALSO, ""));
    if (also.size() % 2 == 1) {
      throw choices.wrong(
          ALSO, "images, each with its labels behind it, such as b.tif,b-labels.tif");
    }
    for (int i = 0; i < also.size(); i += 2) {
      ImagePlus image = OpenImages.find(also.get(i));
      ImagePlus labels = OpenImages.findLabels(also.get(i + 1), image);
      images.add(of(image, labels));
    }
    for (LabelledImage each : images) {
      for (ImagePlus labels : each.labels) {
        ImagePairs.checkNotSwapped(each.image, labels);
      }
    }
    checkPartsOnce(images);
    return images;
  }

  /**
   * The names of the masks in the channels of all labels.
   *
   * @param named the names in the order of the channels; may be empty
   * @throws CristaeException if the channels of two label images have different names
   */
  static List<LabelClass> maskNames(List<LabelledImage> images, List<LabelClass> named)
      throws CristaeException {
    List<LabelClass> names = new ArrayList<>();
    ImagePlus namer = null;
    for (LabelledImage each : images) {
      for (ImagePlus labels : each.labels) {
        List<LabelClass> own = MaskNames.of(labels, named);
        if (!names.isEmpty() && !own.isEmpty() && !own.equals(names)) {
          throw new CristaeException(
              ErrorCode.ERROR_CODE_INVALID_INPUT,
              "The masks of \""
                  + namer.getTitle()
                  + "\" are "
                  + listed(names)
                  + ", those of \""
                  + labels.getTitle()
                  + "\" "
                  + listed(own)
                  + ". Give all of them the same masks, in the same order, or name them (classes).");
        }
        if (names.isEmpty()) {
          names = own;
          namer = labels;
        }
      }
    }
    return names;
  }

  private static String listed(List<LabelClass> masks) {
    return masks.stream().map(LabelClass::getName).collect(Collectors.joining(", "));
  }

  /** Each window is one thing: an image, or the labels of one person. */
  static void checkPartsOnce(List<LabelledImage> images) throws CristaeException {
    List<ImagePlus> seen = new ArrayList<>();
    for (LabelledImage each : images) {
      if (seen.contains(each.image)) {
        throw twice(
            each.image,
            "Give each image once; labels of the same image by other people are further annotators.");
      }
      seen.add(each.image);
    }
    for (LabelledImage each : images) {
      for (ImagePlus labels : each.labels) {
        if (seen.contains(labels)) {
          throw twice(labels, "Give each image its own labels, and those of each person once.");
        }
        seen.add(labels);
      }
    }
  }

  private static CristaeException twice(ImagePlus image, String advice) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "\"" + image.getTitle() + "\" is chosen twice. " + advice);
  }

  /** Takes back what was chosen of images that were closed since. */
  static void forgetClosed(Choices choices) {
    List<String> also = Titles.split(choices.get(ALSO, ""));
    List<String> kept = new ArrayList<>();
    for (int i = 0; i + 1 < also.size(); i += 2) {
      if (isOpen(also.get(i)) && isOpen(also.get(i + 1))) {
        kept.addAll(Arrays.asList(also.get(i), also.get(i + 1)));
      }
    }
    choices.put(ALSO, Titles.join(kept));
    List<String> annotators = Titles.split(choices.get(ANNOTATORS, ""));
    annotators.removeIf(title -> !isOpen(title));
    choices.put(ANNOTATORS, Titles.join(annotators));
  }

  private static boolean isOpen(String title) {
    return OpenImages.titled(title) != null;
  }
}

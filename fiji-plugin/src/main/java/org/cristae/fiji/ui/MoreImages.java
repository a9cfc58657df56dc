package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The choices "Also learn from" and "Other annotators" of the dialog Train, from open images. */
final class MoreImages {
  private final ImagePairs pairs;

  MoreImages(ImagePairs pairs) {
    this.pairs = pairs;
  }

  /**
   * Asks for further images with their labels; on the event thread.
   *
   * @param image the title of the image to learn from
   * @param labels the title of its labels
   * @param before what is chosen until now, as the macro key has it
   * @return what is chosen then
   */
  String images(String image, String labels, String before) {
    List<String> chosen = Titles.split(before);
    List<ImagePlus> open = OpenImages.all();
    open.removeAll(Arrays.asList(OpenImages.titled(image), OpenImages.titled(labels)));
    List<TickDialog.Row> rows = new ArrayList<>();
    for (Map.Entry<ImagePlus, ImagePlus> pair : pairs.furtherPairs(open).entrySet()) {
      String title = pair.getKey().getTitle().trim();
      int at = chosen.indexOf(title);
      boolean isChosen = at >= 0 && at % 2 == 0 && at + 1 < chosen.size();
      Set<String> candidates = new LinkedHashSet<>(); // the likely one first
      if (isChosen) {
        chosen.remove(at);
        candidates.add(chosen.remove(at));
      }
      if (pair.getValue() != null) {
        candidates.add(pair.getValue().getTitle());
      }
      pairs.annotationsOf(pair.getKey()).forEach(other -> candidates.add(other.getTitle()));
      if (!candidates.isEmpty()) {
        rows.add(new TickDialog.Row(title, isChosen, new ArrayList<>(candidates)));
      }
    }
    String advice =
        rows.isEmpty()
            ? "No further image with labels is open. Open both, and choose again."
            : "Tick the images to learn from too, and choose their labels.";
    List<String> ticked = TickDialog.ask("Cristae: also learn from", advice, rows);
    return answer(chosen, ticked, before);
  }

  /**
   * Asks for the labels of further annotators; on the event thread.
   *
   * @param image the title of the image
   * @param labels the title of the labels of the first annotator
   * @param before what is chosen until now, as the macro key has it
   * @return what is chosen then
   */
  String annotators(String image, String labels, String before) {
    List<String> chosen = Titles.split(before);
    ImagePlus annotated = OpenImages.titled(image);
    List<TickDialog.Row> rows = new ArrayList<>();
    for (ImagePlus other :
        annotated == null ? Collections.<ImagePlus>emptyList() : pairs.annotationsOf(annotated)) {
      if (other != OpenImages.titled(labels)) {
        String title = other.getTitle().trim();
        rows.add(new TickDialog.Row(title, chosen.remove(title)));
      }
    }
    String advice =
        rows.isEmpty()
            ? "No other label image of this size is open. Open it, and choose again."
            : "Tick the labels of the same image by other people: what most say counts.";
    List<String> ticked = TickDialog.ask("Cristae: other annotators", advice, rows);
    return answer(chosen, ticked, before);
  }

  /** What was typed and stood in no row, such as paths of files, stays. */
  private static String answer(List<String> unlisted, List<String> ticked, String before) {
    if (ticked == null) {
      return before;
    }
    unlisted.addAll(ticked);
    return Titles.join(unlisted);
  }
}

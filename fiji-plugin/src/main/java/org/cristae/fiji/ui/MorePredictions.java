package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The choice "Also compare" of the dialog Evaluate, from open images. */
final class MorePredictions {
  private MorePredictions() {}

  /** Takes back what was chosen of images that were closed since; files are opened when needed. */
  static void forgetClosed(Choices choices) {
    List<String> titles = Titles.split(choices.get(Evaluation.ALSO, ""));
    titles.removeIf(title -> OpenImages.titled(title) == null && !new File(title).isFile());
    choices.put(Evaluation.ALSO, Titles.join(titles));
  }

  /**
   * Asks for further predictions; on the event thread.
   *
   * @param prediction the title of the first one
   * @param truth the title of the true labels
   * @param before what is chosen until now, as the macro key has it
   * @return what is chosen then; what stands in no row, such as paths of files, stays
   */
  static String ask(String prediction, String truth, String before) {
    List<String> chosen = Titles.split(before);
    ImagePlus first = OpenImages.titled(prediction);
    List<TickDialog.Row> rows = new ArrayList<>();
    for (ImagePlus image : OpenImages.all()) {
      boolean isOther = !Arrays.asList(first, OpenImages.titled(truth)).contains(image);
      if (first != null && isOther && ImagePairs.isAlike(first, image)) {
        String title = image.getTitle().trim();
        rows.add(new TickDialog.Row(title, chosen.remove(title)));
      }
    }
    String advice =
        rows.isEmpty()
            ? "No other image of this size is open. Open it, and choose again."
            : "Tick what is to be compared with the same truth.";
    List<String> ticked = TickDialog.ask("Cristae: also compare", advice, rows);
    if (ticked == null) {
      return before;
    }
    chosen.addAll(ticked);
    return Titles.join(chosen);
  }
}

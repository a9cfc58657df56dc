package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.List;
import org.cristae.fiji.client.CristaeException;

/** The dialog of "Cristae Measure Objects". */
public final class MeasureDialog {
  private static final String[] KEYS = {
    "labels", "raw", "other", "classes", "contacts", "skeletons", "condition", ReportFiles.KEY
  };

  private static final LastTime LAST = new LastTime("labels");

  private MeasureDialog() {}

  /**
   * Asks the person; not on the event thread.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    IJ.showStatus("Cristae: looking at the open images ...");
    Choices choices = LAST.of(active.getTitle(), Measurement.choices());
    ImagePairs pairs = new ImagePairs();
    ImagePlus likely = pairs.looksLikeLabels(active) ? null : pairs.labelsFor(active);
    ImagePlus labels = likely == null ? active : likely;
    ImagePlus raw = EvaluationProposal.raw(pairs, labels);
    IJ.showStatus("");
    boolean[] accepted = new boolean[1];
    Look.onEventThread(() -> accepted[0] = show(choices, labels, raw));
    if (!accepted[0]) {
      return null;
    }
    LAST.keep(choices, active.getTitle(), choices.get("labels", ""));
    return choices;
  }

  private static boolean show(Choices choices, ImagePlus labels, ImagePlus raw) {
    FormDialog form = new FormDialog("Cristae: measure objects", choices);
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(image -> titles.add(image.getTitle()));
    List<String> orNone = new ArrayList<>(titles);
    orNone.add(0, "");
    form.choice(false, "labels", "Labels", titles, false, labels.getTitle());
    form.hint(false, "one number for each object, 0 between them");
    String below = raw == null ? "" : raw.getTitle();
    form.choice(false, "raw", "Raw image", orNone, false, below);
    form.hint(false, "whose grey values are measured, too; may be left empty");
    form.check(false, "contacts", "Contacts");
    form.hint(false, "a second table: which objects touch, and how much");
    form.check(false, "skeletons", "Skeletons");
    form.hint(false, "how long the objects are along their centre lines");
    form.choice(true, "other", "Other objects", orNone, false, "");
    form.hint(true, "labels to which distances and contacts are measured");
    form.choice(true, "classes", "Classes", orNone, false, "");
    form.hint(true, "labels of which each object gets the most frequent class");
    form.text(true, "condition", "Condition", "", "Only objects that fulfil it; empty: all");
    form.hint(true, "volume_nm3 > 1e6 and touches_border == 0");
    form.text(true, ReportFiles.KEY, "Save table as", "", "A file: .csv");
    if (!form.ask("Measure")) {
      return false;
    }
    for (String key : KEYS) {
      choices.put(key, form.value(key));
    }
    return true;
  }
}

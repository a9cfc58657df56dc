package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import org.cristae.fiji.client.CristaeException;

/** The dialog of "Cristae Evaluate". */
public final class EvaluationDialog {
  private static final String[] KEYS = {
    "prediction",
    Evaluation.ALSO,
    "truth",
    "target",
    "raw",
    "unknown",
    "slices",
    "distances",
    "probabilities",
    "pairs",
    ReportFiles.KEY
  };

  private static final LastTime LAST = new LastTime("prediction");

  private final Choices choices;
  private final ImagePairs pairs;
  private final EvaluationProposal proposal;
  private final FormDialog form;
  private JComboBox<String> prediction;
  private JComboBox<String> truth;
  private JComboBox<String> target;
  private JCheckBox distances;
  private JCheckBox probabilities;
  private JCheckBox pairwise;

  /** On the event thread. */
  private EvaluationDialog(Choices choices, ImagePairs pairs, EvaluationProposal proposal) {
    this.choices = choices;
    this.pairs = pairs;
    this.proposal = proposal;
    form = new FormDialog("Cristae: evaluate", choices);
  }

  /**
   * Asks the person; not on the event thread.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    IJ.showStatus("Cristae: looking at the open images ...");
    Choices choices = LAST.of(active.getTitle(), Evaluation.choices());
    MorePredictions.forgetClosed(choices);
    ImagePairs pairs = new ImagePairs();
    EvaluationProposal proposal = new EvaluationProposal(pairs, active);
    IJ.showStatus("");
    boolean[] accepted = new boolean[1];
    Look.onEventThread(() -> accepted[0] = new EvaluationDialog(choices, pairs, proposal).show());
    if (!accepted[0]) {
      return null;
    }
    LAST.keep(choices, active.getTitle(), choices.get("prediction", ""), choices.get("truth", ""));
    return choices;
  }

  private boolean show() {
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(image -> titles.add(image.getTitle()));
    List<String> orNone = new ArrayList<>(titles);
    orNone.add(0, "");
    ImagePlus found = proposal.prediction();
    ImagePlus real = proposal.truth();
    prediction = form.choice(false, "prediction", "Prediction", titles, false, found.getTitle());
    truth = form.choice(false, "truth", "Truth", orNone, false, real == null ? "" : title(real));
    truth.setToolTipText("The label image that is right, of the same size");
    List<String> targets = Arrays.asList("classes", "masks", "instances");
    target = form.choice(false, "target", "Target", targets, false, proposal.target(found, real));
    form.hint(
        false,
        "classes: the kind of each voxel; masks: kinds that overlap; instances: single objects");
    ImagePlus below = EvaluationProposal.raw(pairs, found);
    form.choice(false, "raw", "Raw image", orNone, false, below == null ? "" : title(below));
    form.hint(false, "for pictures of the worst places in the report; may be left empty");
    more(found);
    for (JComboBox<String> box : Arrays.asList(prediction, truth)) {
      box.addActionListener(event -> tell());
    }
    target.addActionListener(event -> tell());
    pairwise.addActionListener(event -> tell());
    tell();
    if (!form.ask("Evaluate")) {
      return false;
    }
    for (String key : KEYS) {
      choices.put(key, form.value(key));
    }
    String target = form.value("target");
    choices.put("target", target.equals("classes") ? "" : target);
    String empty = form.value("empty-sections");
    choices.put("empty-sections", empty.equals("background") ? "" : empty);
    return true;
  }

  private static String title(ImagePlus image) {
    return image.getTitle();
  }

  private void more(ImagePlus found) {
    form.titles(
        true,
        Evaluation.ALSO,
        "Also compare",
        "Further predictions of the same image, with commas between: b.tif,c.tif",
        before -> MorePredictions.ask(form.value("prediction"), form.value("truth"), before));
    form.text(true, "slices", "Slices", "", "1-40: from 1, both ends included; empty: all");
    form.text(
        true,
        "unknown",
        "Unknown value",
        "",
        "The value in the truth of voxels that nobody labelled");
    form.choice(
        true,
        "empty-sections",
        "Slices without labels",
        Arrays.asList("background", "unknown"),
        false,
        "background");
    form.hint(true, "background: they count; unknown: nobody labelled them, and they do not");
    distances = form.check(true, "distances", "Distances of surfaces");
    if (EvaluationProposal.isProbabilities(found)) {
      choices.put("probabilities", "true");
    }
    probabilities = form.check(true, "probabilities", "Probabilities");
    form.hint(true, "the prediction holds 0 to 255 in a channel for each class");
    pairwise = form.check(true, "pairs", "Pairs instead");
    form.hint(true, "each image with each other, such as the labels of several people");
    form.text(true, ReportFiles.KEY, "Save report as", "", "A file: .html, .csv or .json");
  }

  /** Says what cannot be of what is chosen now. */
  private void tell() {
    boolean isPlain = form.value("target").equals("instances") || pairwise.isSelected();
    for (JCheckBox box : Arrays.asList(distances, probabilities)) {
      box.setEnabled(!isPlain);
      box.setSelected(box.isSelected() && !isPlain);
    }
    if (form.value("truth").isEmpty()) {
      form.refuse("Choose the label image that is right; open it if it is not open yet.");
      return;
    }
    form.say("");
  }
}

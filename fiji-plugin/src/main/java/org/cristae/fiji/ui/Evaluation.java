package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.labels.ClassNames;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.EvaluationSpec;
import org.cristae.v1.Job;

/** One comparison of label images with the true one: they are sent, the scores are fetched. */
public final class Evaluation implements Work {
  /** The choice of further predictions. */
  static final String ALSO = "also";

  /** What takes a prediction with channels. */
  private static final String IF_CHANNELS =
      "the target masks; if they are probabilities, the choice probabilities";

  private static final String FEATURE = "evaluation";

  /** The contract takes no more. */
  private static final int MOST_PREDICTIONS = 16;

  private final List<NamedUpload> predictions;
  private final NamedUpload truth;
  private final NamedUpload raw;
  private final EvaluationSpec.Builder spec;
  private final Path file;
  private JobTables tables;

  private Evaluation(
      List<NamedUpload> predictions,
      NamedUpload truth,
      NamedUpload raw,
      EvaluationSpec.Builder spec,
      Path file) {
    this.predictions = predictions;
    this.truth = truth;
    this.raw = raw;
    this.spec = spec;
    this.file = file;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices(
        "Cristae Evaluate",
        "prediction",
        ALSO,
        "truth",
        "target",
        "raw",
        "unknown",
        "empty-sections",
        "slices",
        "distances",
        "probabilities",
        "pairs",
        ReportFiles.KEY);
  }

  /**
   * Checks the choices against the open images; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static Evaluation prepare(Choices choices) throws CristaeException {
    EvaluationSpec.Builder spec = spec(choices);
    Path file = ReportFiles.chosen(choices, ReportFiles.OF_SCORES);
    List<ImagePlus> images = new ArrayList<>();
    images.add(OpenImages.find(choices.get("prediction", "")));
    for (String title : Titles.split(choices.get(ALSO, ""))) {
      images.add(OpenImages.find(title));
    }
    if (images.size() > MOST_PREDICTIONS) {
      throw choices.wrong(ALSO, "at most " + (MOST_PREDICTIONS - 1) + " further predictions");
    }
    if (!choices.has("truth")) {
      throw choices.wrong("truth", "the title or the path of the true label image");
    }
    ImagePlus truth = OpenImages.findApart(choices.get("truth", ""), images);
    images.add(truth);
    checkOnce(images);
    NamedUpload trueLabels = upload(truth, "truth", spec, false);
    long sections = trueLabels.shape().getZ();
    if (spec.getZ().getStop() > sections) {
      throw choices.wrong("slices", "within the image, which has the slices 1-" + sections);
    }
    List<NamedUpload> predictions = new ArrayList<>();
    for (ImagePlus image : images.subList(0, images.size() - 1)) {
      NamedUpload prediction = upload(image, "prediction", spec, spec.getProbabilities());
      prediction.checkAsLargeAs(trueLabels);
      predictions.add(prediction);
    }
    NamedUpload raw = null;
    if (choices.has("raw")) {
      ImagePlus image = OpenImages.find(choices.get("raw", ""));
      raw = new NamedUpload(image, ImageVolume.image(image, null), "raw image");
      raw.checkAsLargeAs(trueLabels);
    }
    return new Evaluation(predictions, trueLabels, raw, spec, file);
  }

  /** What is to be compared, without the volumes. */
  private static EvaluationSpec.Builder spec(Choices choices) throws CristaeException {
    EvaluationSpec.Builder spec =
        EvaluationSpec.newBuilder()
            .setTarget(choices.word("target", "classes", "masks", "instances"))
            .setEmptySectionsAreUnknown(
                choices.word("empty-sections", "background", "unknown").equals("unknown"))
            .setDistances(choices.flag("distances"))
            .setProbabilities(choices.flag("probabilities"))
            .setPairs(choices.flag("pairs"));
    for (String key : new String[] {"distances", "probabilities"}) {
      if (choices.flag(key) && spec.getTarget().equals("instances")) {
        throw choices.wrong(key, "left out: it is for classes and masks, not for instances");
      }
      if (choices.flag(key) && spec.getPairs()) {
        throw choices.wrong(key, "left out: pairs compare labels with labels");
      }
    }
    if (choices.has("unknown")) {
      spec.setUnknownValue(TrainingChoices.unknown(choices));
    }
    if (choices.has("slices")) {
      spec.setZ(TrainingChoices.range(choices, "slices"));
    }
    return spec;
  }

  private static NamedUpload upload(
      ImagePlus image, String role, EvaluationSpec.Builder spec, boolean isProbabilities)
      throws CristaeException {
    ImageVolume volume;
    if (isProbabilities) {
      volume = ImageVolume.image(image, null);
    } else if (spec.getTarget().equals("masks")) {
      volume = ImageVolume.masks(image, null, spec.getUnknownValue() & 0xffff_ffffL);
    } else {
      volume = ImageVolume.labels(image, null, ClassNames.of(image), IF_CHANNELS);
    }
    return new NamedUpload(image, volume, role);
  }

  /** Each window is one thing: a prediction, or the truth. */
  private static void checkOnce(List<ImagePlus> images) throws CristaeException {
    for (int i = 0; i < images.size(); i++) {
      if (images.indexOf(images.get(i)) < i) {
        boolean isTruth = i == images.size() - 1;
        throw new CristaeException(
            ErrorCode.ERROR_CODE_INVALID_INPUT,
            "\""
                + images.get(i).getTitle()
                + (isTruth
                    ? "\" is both a prediction and the truth. Choose another one as the truth."
                    : "\" is chosen twice. Give each prediction once."));
      }
    }
  }

  @Override
  public String title() {
    String more = predictions.size() > 1 ? " and " + (predictions.size() - 1) + " more" : "";
    return "Evaluating " + predictions.get(0).name() + more + " against " + truth.name();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    Client client = Connection.open(listener, cancellation);
    Connection.need(client, FEATURE, "does not compare label images");
    List<NamedUpload> all = new ArrayList<>(predictions);
    all.add(truth);
    if (raw != null) {
      all.add(raw);
    }
    for (String doubt : all.stream().map(NamedUpload::doubt).collect(Collectors.toSet())) {
      if (!doubt.isEmpty()) {
        listener.note(doubt, true);
      }
    }
    Uploads uploads = new Uploads(client, listener, cancellation, all.size());
    for (NamedUpload prediction : predictions) {
      spec.addPredictions(uploads.send(prediction));
    }
    spec.setTruth(uploads.send(truth));
    if (raw != null) {
      spec.setRaw(uploads.send(raw));
    }
    cancellation.check();
    Job job = new Jobs(client).submit(spec.build(), cancellation);
    listener.submitted(job.getJobId());
    Job done = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    Cancellation either = Cancellation.either(cancellation, detach);
    tables = JobTables.fetch(client, done, listener, either);
    tables.show();
    if (file != null) {
      tables.save(client, file, listener, either);
    } else {
      tables.checkComplete();
    }
    return null;
  }

  @Override
  public String lastWords() {
    return tables.words();
  }

  @Override
  public Map<String, Afterwards> afterwards() {
    return tables.afterwards();
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedSet;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.labels.RoiLabels;
import org.cristae.v1.Job;
import org.cristae.v1.LabelClass;
import org.cristae.v1.SectionRange;
import org.cristae.v1.TrainingSpec;
import org.cristae.v1.VoxelSize;

/** One training: images and labels are sent, a job is submitted and followed to its end. */
public final class Training implements Work {
  /** The feature of a server that takes the labels of several annotators. */
  static final String SEVERAL_ANNOTATORS = "training.annotators";

  private final List<LabelledUpload> uploads;
  private final TrainingSpec.Builder spec;

  /** Null if the labels are images. */
  private final RoiLabels rois;

  private Training(List<LabelledUpload> uploads, TrainingSpec.Builder spec, RoiLabels rois) {
    this.uploads = uploads;
    this.spec = spec;
    this.rois = rois;
  }

  /**
   * Checks the choices against the open images and draws the ROIs; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static Training prepare(Choices choices) throws CristaeException {
    TrainingSpec.Builder spec = TrainingChoices.spec(choices);
    VoxelSize voxelSize = TrainingChoices.voxelSize(choices);
    ImagePlus source = OpenImages.image(choices);
    String wanted = choices.get("labels", "");
    List<LabelledImage> images;
    RoiLabels rois = null;
    if (wanted.equalsIgnoreCase(TrainingChoices.ROIS)) {
      rois = drawn(choices, source, spec);
      images = Collections.singletonList(LabelledImage.of(source, rois.image()));
    } else if (wanted.isEmpty()) {
      throw choices.wrong("labels", "the title of the label image, or ROIs");
    } else {
      images = LabelledImage.chosen(choices, source);
      if (choices.has(LabelledImage.ANNOTATORS) && spec.getTarget().equals("instances")) {
        throw choices.wrong(
            LabelledImage.ANNOTATORS,
            "empty with task=instances: everyone numbers the same objects differently, so that there"
                + " is no majority");
      }
      if (spec.getTarget().equals("masks")) {
        List<LabelClass> masks = LabelledImage.maskNames(images, spec.getClassesList());
        spec.clearClasses().addAllClasses(masks);
      }
    }
    List<LabelledUpload> uploads = new ArrayList<>();
    for (LabelledImage image : images) {
      uploads.add(LabelledUpload.of(image, voxelSize, spec));
    }
    AlikeImages.check(uploads);
    long sections = uploads.get(0).image().spec().getShape().getZ();
    if (spec.getZ().getStop() > sections) {
      throw choices.wrong("slices", "within the image, which has the slices 1-" + sections);
    }
    if (spec.getValidationZ().getStop() > sections) {
      throw choices.wrong("validation", "within the image, which has the slices 1-" + sections);
    }
    return new Training(uploads, spec, rois);
  }

  /** The labels that ROIs are, and in {@code spec} what their values mean. */
  private static RoiLabels drawn(Choices choices, ImagePlus source, TrainingSpec.Builder spec)
      throws CristaeException {
    if (choices.has("unknown")) {
      throw choices.wrong("unknown", "empty with ROIs: they tell themselves what is unknown");
    }
    for (String key : new String[] {LabelledImage.ALSO, LabelledImage.ANNOTATORS}) {
      if (choices.has(key)) {
        throw choices.wrong(
            key, "empty with ROIs, which are of one image and one person: take label images");
      }
    }
    List<LabelClass> named = spec.getClassesList();
    RoiLabels drawn = RoiLabels.draw(source, rois(source), spec.getTarget(), named);
    if (spec.getTarget().equals("masks") || drawn.haveUnknown()) {
      spec.setUnknownValue(RoiLabels.unknown(spec.getTarget().equals("instances")));
    }
    spec.clearClasses().addAllClasses(drawn.classes());
    checkSlices(choices, drawn.sections(), spec.getZ());
    if (spec.getTarget().equals("masks")) {
      spec.setEmptySectionsAreBackground(true); // those without ROIs are unknown, not empty
    }
    return drawn;
  }

  private static void checkSlices(Choices choices, SortedSet<Integer> drawn, SectionRange chosen)
      throws CristaeException {
    boolean areInside =
        drawn.stream().anyMatch(z -> chosen.getStart() <= z && z < chosen.getStop());
    if (choices.has("slices") && !areInside) {
      int first = drawn.first() + 1;
      int last = drawn.last() + 1;
      throw choices.wrong(
          "slices",
          "a range with ROIs, which are on "
              + (first == last ? "slice " + first : "the slices " + first + " to " + last));
    }
  }

  /** True if there are ROIs that an image could be learned from. */
  static boolean hasRois(ImagePlus source) {
    return RoiLabels.areAmong(rois(source));
  }

  /** The ROIs of the ROI Manager; those of the image's overlay if it has none. */
  private static Roi[] rois(ImagePlus source) {
    RoiManager manager = RoiManager.getInstance2();
    if (manager != null && manager.getCount() > 0) {
      return manager.getRoisAsArray();
    }
    Overlay overlay = source.getOverlay();
    return overlay == null ? new Roi[0] : overlay.toArray();
  }

  @Override
  public String title() {
    return "Training " + spec.getModelName();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    for (LabelledUpload upload : uploads) {
      if (!upload.image().doubt().isEmpty()) {
        listener.note(upload.image().doubt(), true);
      }
    }
    if (rois != null) {
      tellOf(rois, listener);
    }
    Client client = Connection.open(listener, cancellation);
    Connection.need(
        client, TrainingChoices.feature(spec.getTarget()), "does not train " + spec.getTarget());
    if (uploads.get(0).labels().size() > 1) {
      Connection.need(
          client, SEVERAL_ANNOTATORS, "does not take labels of several people (annotators)");
    }
    Jobs jobs = new Jobs(client);
    final String taken = ServerModels.taken(jobs).get(spec.getModelName());
    send(client, listener, cancellation);
    listener.update("Checking the labels", 0, "");
    cancellation.check();
    Job job = jobs.submit(spec.build(), cancellation);
    listener.submitted(job.getJobId());
    if (taken != null) {
      listener.note(taken, true); // not of a training that was refused
    }
    listener.isTraining(Finishing.of(client, job.getJobId()));
    Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    SegmentDialog.propose(spec.getModelName());
    return null;
  }

  private static void tellOf(RoiLabels rois, JobListener listener) {
    listener.note(rois.taken().told(), rois.taken().areUnnamed());
    if (!rois.leftOut().isEmpty()) {
      listener.note(rois.leftOut(), true);
    }
  }

  static String isReady(String model) {
    return "The model \"" + model + "\" is ready: Plugins > Cristae > Cristae Segment.";
  }

  private void send(Client client, JobListener listener, Cancellation cancellation)
      throws CristaeException {
    int count = uploads.stream().mapToInt(LabelledUpload::count).sum();
    int before = 0;
    spec.clearVolumes();
    for (LabelledUpload upload : uploads) {
      spec.addVolumes(upload.send(client, listener, before, count, cancellation));
      before += upload.count();
    }
  }

  @Override
  public String lastWords() {
    return isReady(spec.getModelName());
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.plugin.frame.RoiManager;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.labels.MaskNames;
import org.cristae.fiji.labels.RoiLabels;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.LabelClass;
import org.cristae.v1.LabelledVolume;
import org.cristae.v1.Shape;
import org.cristae.v1.TrainingSpec;
import org.cristae.v1.VoxelSize;

/** One training: image and labels are sent, a job is submitted and followed to its end. */
public final class Training implements Work {
  private final ImageVolume image;
  private final ImageVolume labels;
  private final TrainingSpec.Builder spec;
  private final String aboutRois;

  private Training(
      ImageVolume image, ImageVolume labels, TrainingSpec.Builder spec, String aboutRois) {
    this.image = image;
    this.labels = labels;
    this.spec = spec;
    this.aboutRois = aboutRois;
  }

  /**
   * Checks the choices against the open images and draws the ROIs; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static Training prepare(Choices choices) throws CristaeException {
    TrainingSpec.Builder spec = TrainingChoices.spec(choices);
    VoxelSize voxelSize = TrainingChoices.voxelSize(choices);
    boolean isMasks = spec.getTarget().equals("masks");
    ImagePlus source = OpenImages.image(choices);
    String wanted = choices.get("labels", "");
    ImagePlus labels;
    String aboutRois = "";
    if (wanted.equalsIgnoreCase(TrainingChoices.ROIS)) {
      if (choices.has("unknown")) {
        throw choices.wrong("unknown", "empty with ROIs: they tell themselves what is unknown");
      }
      List<LabelClass> named = spec.getClassesList();
      RoiLabels drawn = RoiLabels.draw(source, rois(source), spec.getTarget(), named);
      labels = drawn.image();
      aboutRois = drawn.leftOut();
      spec.setUnknownValue(RoiLabels.unknown(spec.getTarget().equals("instances")));
      spec.clearClasses().addAllClasses(drawn.classes());
      if (isMasks) {
        spec.setEmptySectionsAreBackground(true); // those without ROIs are unknown, not empty
      }
    } else if (wanted.isEmpty()) {
      throw choices.wrong("labels", "the title of the label image, or ROIs");
    } else {
      labels = OpenImages.findLabels(wanted, source);
      ImagePairs.checkNotSwapped(source, labels);
      if (isMasks) {
        List<LabelClass> masks = MaskNames.of(labels, spec.getClassesList());
        spec.clearClasses().addAllClasses(masks);
      }
    }
    ImageVolume imageVolume = ImageVolume.image(source, voxelSize);
    ImageVolume labelVolume =
        isMasks
            ? ImageVolume.masks(labels, voxelSize, spec.getUnknownValue() & 0xffff_ffffL)
            : ImageVolume.labels(labels, voxelSize, Collections.emptyList());
    checkShapes(source, imageVolume.spec().getShape(), labels, labelVolume.spec().getShape());
    long sections = imageVolume.spec().getShape().getZ();
    if (spec.getZ().getStop() > sections) {
      throw choices.wrong("slices", "within the image, which has the slices 1-" + sections);
    }
    if (spec.getValidationZ().getStop() > sections) {
      throw choices.wrong("validation", "within the image, which has the slices 1-" + sections);
    }
    return new Training(imageVolume, labelVolume, spec, aboutRois);
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

  private static void checkShapes(ImagePlus image, Shape shape, ImagePlus labels, Shape labelShape)
      throws CristaeException {
    if (shape.getZ() == labelShape.getZ()
        && shape.getY() == labelShape.getY()
        && shape.getX() == labelShape.getX()) {
      return;
    }
    throw new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The labels \""
            + labels.getTitle()
            + "\" are "
            + words(labelShape)
            + ", the image \""
            + image.getTitle()
            + "\" is "
            + words(shape)
            + ". "
            + likelyReason(shape, labelShape));
  }

  /** What likely happened to labels of another shape, and what to do. */
  static String likelyReason(Shape shape, Shape labels) {
    if (shape.getY() == labels.getY() && shape.getX() == labels.getX()) {
      return shape.getZ() > labels.getZ()
          ? "The labels lack slices: add empty ones (Image > Stacks > Add Slice), which count as not"
              + " annotated, or choose the slices of the image that they are for (Image > Duplicate)."
          : "The image lacks slices: choose the slices of the labels that it has (Image > Duplicate).";
    }
    return shape.getX() == labels.getY() && shape.getY() == labels.getX()
        ? "One of them is turned: try Image > Transform > Rotate."
        : "They must be of the same size, voxel by voxel.";
  }

  private static String words(Shape shape) {
    return shape.getX() + " x " + shape.getY() + " in " + shape.getZ() + " slices";
  }

  @Override
  public String title() {
    return "Training " + spec.getModelName();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    if (!image.doubt().isEmpty()) {
      listener.note(image.doubt(), true);
    }
    if (!aboutRois.isEmpty()) {
      listener.note(aboutRois, true);
    }
    Client client = Connection.open(listener, cancellation);
    Connection.need(
        client, TrainingChoices.feature(spec.getTarget()), "does not train " + spec.getTarget());
    Jobs jobs = new Jobs(client);
    jobs.findModel(spec.getModelName())
        .ifPresent(model -> listener.note(ServerModels.isReplaced(model), true));
    String imageId = Upload.run(client, image, listener, cancellation).getVolumeId();
    String labelsId = Upload.run(client, labels, listener, cancellation).getVolumeId();
    spec.clearVolumes()
        .addVolumes(
            LabelledVolume.newBuilder().setImageVolumeId(imageId).setLabelsVolumeId(labelsId));
    listener.update("Checking the labels", 0, "");
    cancellation.check();
    Job job = jobs.submit(spec.build());
    listener.submitted(job.getJobId());
    Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    return null;
  }

  @Override
  public String lastWords() {
    return "The model \""
        + spec.getModelName()
        + "\" is ready: Plugins > Cristae > Cristae Segment.";
  }
}

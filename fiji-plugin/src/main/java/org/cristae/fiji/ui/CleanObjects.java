package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Optional;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.ReceivedVolume;
import org.cristae.fiji.image.ResultProperties;
import org.cristae.fiji.image.ResultRoom;
import org.cristae.fiji.image.ServedStack;
import org.cristae.fiji.image.VoxelSizes;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.v1.CleaningSpec;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.Shape;
import org.cristae.v1.Volume;

/** Cleans a whole label image on the server; the result is a window of its own. */
public final class CleanObjects implements Work {
  /** The feature of a server that mends label images. */
  static final String FEATURE = "cleaning";

  static final String FILL_HOLES = "fill-holes";
  static final String SMOOTH = "smooth";
  static final String MINIMUM_NM3 = "minimum-nm3";
  static final String MINIMUM_VOXELS = "minimum-voxels";
  static final String REMOVE_BORDER = "remove-border";

  /** How many labels are told apart by their colours where it is not known how many there are. */
  private static final long MOST_LABELS = 65_535;

  private final ImagePlus source;
  private final NamedUpload labels;
  private final CleaningSpec.Builder spec;

  private CleanObjects(ImagePlus source, NamedUpload labels, CleaningSpec.Builder spec) {
    this.source = source;
    this.labels = labels;
    this.spec = spec;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices(
        "Cristae Clean Objects",
        "image",
        FILL_HOLES,
        SMOOTH,
        MINIMUM_NM3,
        MINIMUM_VOXELS,
        REMOVE_BORDER);
  }

  /**
   * Checks the choices against the open images; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be, or nothing is to be done
   */
  public static CleanObjects prepare(Choices choices) throws CristaeException {
    ImagePlus source = OpenImages.image(choices);
    ObjectImage.of(source);
    CleaningSpec.Builder spec =
        CleaningSpec.newBuilder()
            .setFillHoles(choices.flag(FILL_HOLES))
            .setRemoveBorder(choices.flag(REMOVE_BORDER));
    if (choices.has(SMOOTH)) {
      spec.setSmoothNm(choices.positive(SMOOTH));
    }
    if (choices.has(MINIMUM_NM3)) {
      spec.setMinimumNm3(choices.positive(MINIMUM_NM3));
    }
    if (choices.has(MINIMUM_VOXELS)) {
      spec.setMinimumVoxels(choices.whole(MINIMUM_VOXELS, 1));
    }
    check(choices, source, spec);
    ImageVolume volume = ImageVolume.labels(source, null, Collections.emptyList());
    return new CleanObjects(source, new NamedUpload(source, volume, "label image"), spec);
  }

  private static void check(Choices choices, ImagePlus source, CleaningSpec.Builder spec)
      throws CristaeException {
    if (spec.build().equals(CleaningSpec.getDefaultInstance())) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "Nothing is to be done. Choose at least one of filling holes, smoothing, a minimum size and"
              + " removing objects at the border.");
    }
    if (choices.has(MINIMUM_NM3) && choices.has(MINIMUM_VOXELS)) {
      throw choices.wrong(MINIMUM_VOXELS, "left out where minimum-nm3 is given");
    }
    boolean needsSize = choices.has(SMOOTH) || choices.has(MINIMUM_NM3);
    if (needsSize && !VoxelSizes.of(source.getCalibration()).isPresent()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "\""
              + source.getTitle()
              + "\" does not tell how large a voxel is, so nothing in it can be "
              + (choices.has(SMOOTH) ? "smoothed over" : "measured in")
              + " nanometres. Set the voxel size in Image > Properties"
              + (choices.has(SMOOTH) ? "." : ", or give the minimum size in voxels."));
    }
  }

  @Override
  public String title() {
    return "Cleaning " + source.getTitle();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    if (!labels.doubt().isEmpty()) {
      listener.note(labels.doubt(), true);
    }
    Client client = Connection.open(listener, cancellation);
    Connection.need(client, FEATURE, "does not clean objects");
    spec.setLabels(labels.send(client, listener, cancellation));
    cancellation.check();
    Job job = new Jobs(client).submit(spec.build(), cancellation);
    listener.submitted(job.getJobId());
    Job done = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    return fetch(client, done, source, listener, Cancellation.either(cancellation, detach));
  }

  /**
   * Fetches what a cleaning made, coloured, with calibration and title.
   *
   * @param source the label image; null: an open one of its name is looked for
   * @return the image, not shown yet
   * @throws CristaeException if there is none or it cannot be fetched
   */
  static ImagePlus fetch(
      Client client, Job job, ImagePlus source, JobListener listener, Cancellation cancellation)
      throws CristaeException {
    if (job.getResult().getOutputsCount() == 0) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_NOT_FOUND, "The job \"" + job.getTitle() + "\" made no image.");
    }
    Volume volume = Download.describe(client, job.getResult().getOutputs(0).getVolumeId());
    String named = job.getCleaning().getLabels().getName();
    ImagePlus origin = source == null ? open(named, volume).orElse(null) : source;
    String from = origin != null ? origin.getTitle() : named.isEmpty() ? job.getTitle() : named;
    String title = OpenImages.freeTitle(from, "clean");
    long maximum = MOST_LABELS;
    ImagePlus image;
    try {
      ResultRoom.check(volume.getSpec().getShape());
      ReceivedVolume received = new ReceivedVolume(volume.getSpec());
      Download.run(client, volume, received, listener, cancellation);
      maximum = received.maximum();
      image = received.toImage(title, origin);
    } catch (CristaeException e) {
      if (e.code() != ErrorCode.ERROR_CODE_OUT_OF_MEMORY) {
        throw e;
      }
      image = new ServedStack(client, volume).toImage(title, origin);
      listener.note(ResultRoom.isServed(volume.getSpec().getShape()), true);
    }
    ClassColors.apply(image, new ArrayList<>(), maximum);
    image.setProp(ResultProperties.OUTPUT, "instances");
    image.setProp(ResultProperties.JOB, job.getJobId());
    return image;
  }

  /** The open image of this name, if it has the size of the result. */
  private static Optional<ImagePlus> open(String name, Volume volume) {
    ImagePlus open = OpenImages.titled(name);
    Shape shape = volume.getSpec().getShape();
    boolean same =
        open != null
            && VoxelSizes.areLike(open.getCalibration(), volume.getSpec())
            && open.getWidth() == shape.getX()
            && open.getHeight() == shape.getY()
            && open.getStackSize() == shape.getZ();
    return same ? Optional.of(open) : Optional.empty();
  }

  @Override
  public String lastWords() {
    return title() + " is done.";
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ResultRoom;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Model;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Shape;

/**
 * One segmentation: the image is sent or lies on the server, a job is submitted and followed, the
 * labels are fetched.
 */
public final class Segmentation implements Work {
  /** The feature of a server that averages over mirror images. */
  static final String FLIPS = "prediction.flips";

  /** The feature of a server that parts touching objects. */
  static final String SPLIT = "prediction.split";

  /** The feature of a server that predicts inside a mask only. */
  static final String INSIDE = "prediction.inside";

  /** The choice of the mask. */
  static final String MASK = "inside";

  /** The feature of a server that combines the answers of several models. */
  static final String ENSEMBLE = "prediction.ensemble";

  /** The output that is left to the model. */
  private static final String AUTO = "auto";

  private final SeenImage seen;
  private final List<String> moreModels;
  private final String combine;

  /** The kind of the result; AUTO until the model is known. Read on the event thread, too. */
  private volatile String wanted;

  private final boolean flips;
  private final boolean split;
  private final NamedUpload mask;
  private final String device;

  /** {@code mask} may be null. */
  private Segmentation(
      SeenImage seen,
      List<String> moreModels,
      String combine,
      String output,
      boolean flips,
      boolean split,
      NamedUpload mask,
      String device) {
    this.seen = seen;
    this.moreModels = moreModels;
    this.combine = combine;
    this.wanted = output;
    this.flips = flips;
    this.split = split;
    this.mask = mask;
    this.device = device;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices(
            "Cristae Segment",
            "image",
            ModelOnServerImage.KEY,
            "model",
            "more-models",
            "combine",
            "output",
            "flips",
            "split",
            MASK,
            "voxel-size",
            "device")
        .lacks("slices", "For some slices, segment what Image > Duplicate makes of them.");
  }

  /**
   * Checks the choices against the open images; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static Segmentation prepare(Choices choices) throws CristaeException {
    SeenImage seen =
        choices.has(ModelOnServerImage.KEY)
            ? ModelOnServerImage.of(choices)
            : ModelOnImage.of(choices);
    String output =
        choices.word("output", AUTO, "labels", "instances", "probabilities", "uncertainty");
    List<String> moreModels = names(choices.get("more-models", ""));
    if (moreModels.isEmpty() && choices.has("more-models")) {
      throw choices.wrong("more-models", "the names of further models, with commas between");
    }
    if (moreModels.isEmpty() && choices.has("combine")) {
      throw choices.wrong(
          "combine", "left out: it is for several models, and more-models names the others");
    }
    return new Segmentation(
        seen,
        moreModels,
        choices.word("combine", "mean", "median", "vote"),
        output,
        choices.flag("flips"),
        choices.flag("split"),
        mask(choices),
        choices.get("device", ""));
  }

  private static NamedUpload mask(Choices choices) throws CristaeException {
    if (!choices.has(MASK)) {
      return null;
    }
    ImagePlus image = OpenImages.find(choices.get(MASK, ""));
    return new NamedUpload(image, ImageVolume.image(image, null), "mask");
  }

  @Override
  public String title() {
    String more = moreModels.isEmpty() ? "" : " + " + String.join(" + ", moreModels);
    String title = "Segmenting " + seen.title() + " with " + seen.model() + more;
    return wanted.equals(AUTO) ? title : PredictedKind.titled(title, wanted);
  }

  /** The names in a list with commas; no name has one. */
  private static List<String> names(String listed) {
    List<String> names = new ArrayList<>();
    for (String name : listed.split(",")) {
      if (!name.trim().isEmpty()) {
        names.add(name.trim());
      }
    }
    return names;
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    Client client = seen.connect(listener, cancellation);
    if (flips) {
      Connection.need(client, FLIPS, "does not average over mirror images (flips)");
    }
    if (split) {
      Connection.need(client, SPLIT, "does not split touching objects (split)");
    }
    if (!moreModels.isEmpty()) {
      Connection.need(client, ENSEMBLE, "does not combine several models (more-models)");
    }
    if (mask != null) {
      Connection.need(client, INSIDE, "does not predict inside a mask only (inside)");
      checkMask(mask.shape(), seen.shape());
    }
    Model found = new Jobs(client).model(seen.model());
    if (wanted.equals(AUTO)) {
      wanted = usualOutput(found);
    }
    Shape result = resultShape(seen.shape(), found, wanted);
    String tight = ResultRoom.warning(result, wanted.equals("instances") ? 4 : 1);
    if (!tight.isEmpty()) {
      listener.note(tight, true);
    }
    PredictionSpec.Builder spec =
        PredictionSpec.newBuilder()
            .addAllMoreModels(moreModels)
            .setCombine(moreModels.isEmpty() ? "" : combine)
            .setOutput(wanted)
            .setFlips(flips)
            .setSplitTouching(split)
            .setDevice(device);
    if (mask != null) {
      if (!mask.doubt().isEmpty()) {
        listener.note(mask.doubt(), true);
      }
      spec.setInsideVolumeId(mask.send(client, listener, cancellation).getVolumeId());
    }
    return seen.predict(client, spec, listener, cancellation, detach);
  }

  /** Refuses a mask before it is sent, by the rule of the server. */
  static void checkMask(Shape mask, Shape image) throws CristaeException {
    if (mask.getC() == 1
        && isOnGrid(mask.getZ(), image.getZ())
        && isOnGrid(mask.getY(), image.getY())
        && isOnGrid(mask.getX(), image.getX())) {
      return;
    }
    throw new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The mask is "
            + told(mask)
            + ", the image "
            + told(image)
            + ". A mask has one channel, and along each axis as many voxels as its image, or one for"
            + " every 2, 3 or another whole number of them.");
  }

  /** Whether one voxel of a mask stands for a whole number of voxels, the last one perhaps not. */
  private static boolean isOnGrid(long side, long whole) {
    long[] times = {Math.max(1, whole / side), (whole + side - 1) / side};
    for (long n : times) {
      if (side == whole / n || side == (whole + n - 1) / n) {
        return true;
      }
    }
    return false;
  }

  private static String told(Shape shape) {
    String channels = shape.getC() == 1 ? "" : shape.getC() + " channels of ";
    return channels + NamedUpload.sizeTold(shape);
  }

  /** The shape of what the model will make of an image; perhaps with a channel more. */
  static Shape resultShape(Shape image, Model model, String output) {
    boolean hasChannels = output.equals("probabilities") || model.getTarget().equals("masks");
    int channels = hasChannels ? Math.max(1, model.getClassesCount()) : 1;
    return image.toBuilder().setC(channels).build();
  }

  private static String usualOutput(Model model) {
    boolean objects =
        model.getTarget().equals("instances") && model.getOutputsList().contains("instances");
    return objects ? "instances" : "labels";
  }

  @Override
  public String lastWords() {
    return title() + " is done.";
  }
}

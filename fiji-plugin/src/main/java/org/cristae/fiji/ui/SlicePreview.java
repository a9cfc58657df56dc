package org.cristae.fiji.ui;

import com.google.protobuf.ByteString;
import ij.ImagePlus;
import ij.measure.Calibration;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Previews;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.image.GreyMeasures;
import org.cristae.fiji.image.PartOfImage;
import org.cristae.fiji.image.ReceivedVolume;
import org.cristae.fiji.image.VoxelSizes;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.fiji.labels.MaskChannels;
import org.cristae.fiji.labels.PreviewColors;
import org.cristae.fiji.labels.ProbabilityChannels;
import org.cristae.v1.Box;
import org.cristae.v1.DataType;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.GreySample;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;
import org.cristae.v1.PreviewPartRequest;
import org.cristae.v1.PreviewPlan;
import org.cristae.v1.PreviewSubject;
import org.cristae.v1.PreviewedPart;
import org.cristae.v1.Shape;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VoxelSize;

/**
 * What a model makes of a slice of an image, or of a part of it: seen at once, and kept nowhere.
 */
public final class SlicePreview implements Work {
  /** The feature of a server that makes them. */
  private static final String FEATURE = "prediction.preview";

  private static final String LABELS = "labels";
  private static final String PROBABILITIES = "probabilities";
  static final String[] OUTPUTS = {LABELS, PROBABILITIES, "uncertainty"};

  private final ModelOnImage seen;
  private final Choices choices;
  private final Box region;
  private final String output;
  private final String viewer;
  private final GreyMeasures measures;

  private Integer classValue;

  private SlicePreview(
      ModelOnImage seen, Choices choices, Box region, String output, String viewer) {
    this.seen = seen;
    this.measures = new GreyMeasures(seen.image);
    this.choices = choices;
    this.region = region;
    this.output = output;
    this.viewer = viewer;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices(
        "Cristae Preview",
        "image",
        "model",
        "output",
        "class",
        "slices",
        ImagePart.KEY,
        "voxel-size",
        "device");
  }

  /**
   * Checks the choices against the open images; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static SlicePreview prepare(Choices choices) throws CristaeException {
    ModelOnImage seen = ModelOnImage.of(choices);
    Box region = ImagePart.of(choices, seen.source, seen.image.order());
    String output = choices.word("output", OUTPUTS);
    if (choices.has("class") && !output.equals(PROBABILITIES)) {
      throw choices.wrong("class", "left out: it is of output=probabilities");
    }
    return new SlicePreview(seen, choices, region, output, UUID.randomUUID().toString());
  }

  /**
   * The same look at the image as it is now: with its pixels, size and type of now, and measured
   * anew.
   *
   * @throws CristaeException if the image is of a kind by now that cannot be
   */
  SlicePreview anew() throws CristaeException {
    return new SlicePreview(ModelOnImage.of(source(), choices), choices, region, output, viewer);
  }

  /** True if the image still has the size and the planes that it had when this was made. */
  boolean isOfNow() {
    return seen.image.isOf(seen.source);
  }

  /**
   * Makes sure that a server can make previews.
   *
   * @throws CristaeException if it is too old
   */
  static void need(Client client) throws CristaeException {
    Connection.need(client, FEATURE, "does not make previews");
  }

  ImagePlus source() {
    return seen.source;
  }

  String model() {
    return seen.model;
  }

  /** The part of the slice that the image shows now: the rectangle around the selection, or all. */
  Box shown() throws CristaeException {
    return ImagePart.of(choices(), seen.source, seen.image.order());
  }

  /** The section of a region as ImageJ counts, from 1. */
  static long slice(Box region) {
    return region.getZStart() + 1;
  }

  @Override
  public String title() {
    return "Preview of " + seen.source.getTitle() + " with " + seen.model;
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    listener.update(title(), 0, "");
    Client client = seen.connect(listener, cancellation);
    PreviewedPart part = look(client, region, listener, Cancellation.either(cancellation, detach));
    part.getNotesList().forEach(note -> listener.note(note, true));
    return image(part);
  }

  @Override
  public String lastWords() {
    return title() + " is done.";
  }

  /**
   * Looks at a part of the image; a newer look ends this one on the server.
   *
   * @param listener told when the server does not answer, and when it is there again
   * @throws CristaeException if it cannot be, or was cancelled or overtaken
   */
  PreviewedPart look(Client client, Box part, Progress listener, Cancellation cancellation)
      throws CristaeException {
    if (classValue == null) {
      client.server(listener); // told if it does not answer
      need(client);
      classValue = chosenClass(new Jobs(client).model(seen.model));
    }
    try {
      return asked(client, part, listener, cancellation);
    } catch (CristaeException e) {
      if (e.code() != ErrorCode.ERROR_CODE_BUSY) {
        throw e;
      }
      return asked(client, part, listener, cancellation); // the model was replaced behind the plan
    }
  }

  private PreviewedPart asked(Client client, Box part, Progress listener, Cancellation cancellation)
      throws CristaeException {
    Previews previews = new Previews(client, listener);
    PreviewSubject subject = subject(part);
    cancellation.check();
    PreviewPlan plan = previews.plan(subject);
    PreviewPartRequest.Builder request =
        PreviewPartRequest.newBuilder()
            .setSubject(subject)
            .setOutput(output)
            .setClassValue(classValue)
            .setBox(plan.getBox());
    for (GreySample sample : plan.getSamplesList()) {
      cancellation.check();
      request.addStatistics(measures.of(sample));
    }
    cancellation.check();
    request.setVoxels(ByteString.copyFrom(PartOfImage.voxels(seen.image, plan.getBox())));
    cancellation.check();
    return previews.part(request.build());
  }

  private PreviewSubject subject(Box part) {
    VolumeSpec spec = seen.image.spec();
    PreviewSubject.Builder subject =
        PreviewSubject.newBuilder()
            .setModelName(seen.model)
            .setShape(spec.getShape())
            .setDataType(spec.getDataType())
            .setRegion(part)
            .setDevice(choices.get("device", ""))
            .setViewerId(viewer);
    if (spec.hasVoxelSize()) {
      subject.setVoxelSize(spec.getVoxelSize());
    }
    return subject.build();
  }

  /** The class whose probabilities are asked for, by its name or value: the first if none was. */
  private int chosenClass(Model model) throws CristaeException {
    String text = choices.get("class", "");
    boolean isBackground = text.equals("background") || text.equals("0");
    if (isBackground && !model.getTarget().equals("masks")) {
      return 0;
    }
    List<String> names = new ArrayList<>();
    for (LabelClass label : ProbabilityChannels.classes(model)) {
      String value = String.valueOf(label.getValue());
      if (text.isEmpty() || text.equals(label.getName()) || text.equals(value)) {
        return label.getValue();
      }
      names.add(label.getName());
    }
    throw choices.wrong("class", "one of " + String.join(", ", names));
  }

  /** What a look found as a picture that can lie over the image. */
  BufferedImage picture(PreviewedPart part, Box at) {
    if (output.equals(LABELS)) {
      return PreviewColors.labels(part, at);
    }
    return output.equals(PROBABILITIES)
        ? PreviewColors.probabilities(part, at, classValue)
        : PreviewColors.uncertainty(part, at);
  }

  /** What a look found as an image of its own, at the place in space that it was made of. */
  private ImagePlus image(PreviewedPart part) throws CristaeException {
    Shape shape =
        Shape.newBuilder()
            .setC(part.getChannels())
            .setZ(region.getZStop() - region.getZStart())
            .setY(region.getYStop() - region.getYStart())
            .setX(region.getXStop() - region.getXStart())
            .build();
    VolumeSpec spec =
        VolumeSpec.newBuilder()
            .setShape(shape)
            .setBlockShape(shape.toBuilder().setC(1)) // a channel is a block
            .setDataType(DataType.DATA_TYPE_UINT8)
            .build();
    ReceivedVolume received = new ReceivedVolume(spec);
    BlockGrid grid = BlockGrid.of(spec);
    for (long channel = 0; channel < grid.blockCount(); channel++) {
      BlockGrid.Block block = grid.block(channel);
      int start = (int) block.offset();
      ByteString voxels = part.getVoxels().substring(start, start + block.bytes());
      received.write(block, voxels.toByteArray());
    }
    String shown = output.equals(LABELS) ? "preview" : "preview-" + output;
    ImagePlus image =
        received.toImage(OpenImages.resultTitle(seen.source.getTitle(), seen.model, shown), null);
    image.setCalibration(calibration());
    List<LabelClass> classes = part.getClassesList();
    if (part.getTarget().equals("masks") && part.getChannels() == classes.size()) {
      image = MaskChannels.show(image, classes);
    } else if (output.equals(LABELS) && part.getChannels() == 1) {
      ClassColors.apply(image, classes, received.maximum());
    } // else how sure: grey from 0 to 255
    Results.describe(image, seen.model, output, classes);
    return image;
  }

  /** The calibration of the image, with its origin where it lies in the part. */
  private Calibration calibration() {
    Calibration calibration = seen.source.getCalibration().copy();
    calibration.disableDensityCalibration();
    VoxelSize size = seen.image.spec().getVoxelSize();
    if (choices.has("voxel-size") && size.getXNm() > 0) {
      Calibration given = VoxelSizes.calibration(size);
      given.xOrigin = calibration.xOrigin;
      given.yOrigin = calibration.yOrigin;
      given.zOrigin = calibration.zOrigin;
      calibration = given;
    }
    calibration.xOrigin -= region.getXStart();
    calibration.yOrigin -= region.getYStart();
    calibration.zOrigin -= region.getZStart();
    return calibration;
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelledVolume;
import org.cristae.v1.Shape;
import org.cristae.v1.TrainingSpec;
import org.cristae.v1.VoxelSize;

/** An image and its labels on the way to the server. */
final class LabelledUpload {
  private final ImageVolume image;
  private final List<ImageVolume> labels;

  private LabelledUpload(ImageVolume image, List<ImageVolume> labels) {
    this.image = image;
    this.labels = labels;
  }

  /**
   * Looks at an image and its labels; nothing is sent yet.
   *
   * @param voxelSize taken instead of the calibrations; null for those
   * @throws CristaeException if one is of a kind that cannot be, or the shapes differ
   */
  static LabelledUpload of(LabelledImage source, VoxelSize voxelSize, TrainingSpec.Builder spec)
      throws CristaeException {
    boolean isMasks = spec.getTarget().equals("masks");
    ImageVolume image = ImageVolume.image(source.image, voxelSize);
    List<ImageVolume> labels = new ArrayList<>();
    for (ImagePlus each : source.labels) {
      ImageVolume volume =
          isMasks
              ? ImageVolume.masks(each, voxelSize, spec.getUnknownValue() & 0xffff_ffffL)
              : ImageVolume.labels(each, voxelSize, Collections.emptyList(), "the task masks");
      checkShapes(source.image, image.spec().getShape(), each, volume.spec().getShape());
      labels.add(volume);
    }
    return new LabelledUpload(image, labels);
  }

  /** The image. */
  ImageVolume image() {
    return image;
  }

  /** The labels of each annotator. */
  List<ImageVolume> labels() {
    return labels;
  }

  /** How many volumes are sent. */
  int count() {
    return 1 + labels.size();
  }

  /**
   * Sends the image and its labels.
   *
   * @param before how many volumes were sent before
   * @param count how many there are in all
   */
  LabelledVolume send(
      Client client, Progress listener, int before, int count, Cancellation cancellation)
      throws CristaeException {
    LabelledVolume.Builder sent = LabelledVolume.newBuilder().setImageName(image.spec().getName());
    Progress ofImage = OneOfSeveral.of(listener, before + 1, count);
    sent.setImageVolumeId(send(client, image, ofImage, cancellation));
    for (int i = 0; i < labels.size(); i++) {
      Progress ofLabels = OneOfSeveral.of(listener, before + 2 + i, count);
      String id = send(client, labels.get(i), ofLabels, cancellation);
      if (i == 0) {
        sent.setLabelsVolumeId(id);
      } else {
        sent.addFurtherLabelsVolumeIds(id);
      }
    }
    return sent.build();
  }

  /** Sends one volume, and returns its id. */
  private static String send(
      Client client, ImageVolume volume, Progress listener, Cancellation cancellation)
      throws CristaeException {
    try {
      return Upload.run(client, volume, listener, cancellation).getVolumeId();
    } finally {
      volume.forget();
    }
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
            + NamedUpload.sizeTold(labelShape)
            + ", the image \""
            + image.getTitle()
            + "\" is "
            + NamedUpload.sizeTold(shape)
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
}

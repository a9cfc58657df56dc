package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.Optional;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ServedStack;
import org.cristae.fiji.image.VoxelSizes;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.NamedVolume;
import org.cristae.v1.Shape;
import org.cristae.v1.Volume;

/** An open image on the way to the server, which may have it already. */
final class NamedUpload {
  private final ImagePlus source;
  private final ImageVolume image;
  private final String role;

  /**
   * An image that is sent later.
   *
   * @param source the open image
   * @param image as it is sent
   * @param role what it is, for sentences: "labels", "raw image"
   */
  NamedUpload(ImagePlus source, ImageVolume image, String role) {
    this.source = source;
    this.image = image;
    this.role = role;
  }

  /** The open image. */
  ImagePlus source() {
    return source;
  }

  /** Its title, shortened to what a volume may be called. */
  String name() {
    return image.spec().getName();
  }

  /** Its shape. */
  Shape shape() {
    return image.spec().getShape();
  }

  /** What is to be said of the order of its planes; empty if there is nothing strange. */
  String doubt() {
    return image.doubt();
  }

  /**
   * Refuses an image that is not as large as another one, voxel by voxel.
   *
   * @throws CristaeException with both sizes and what likely happened
   */
  void checkAsLargeAs(NamedUpload other) throws CristaeException {
    Shape ours = shape();
    Shape theirs = other.shape();
    if (ours.getZ() == theirs.getZ()
        && ours.getY() == theirs.getY()
        && ours.getX() == theirs.getX()) {
      return;
    }
    throw new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The " + told() + "; the " + other.told() + ". " + likelyReason(ours, theirs));
  }

  private String told() {
    return role + " \"" + source.getTitle() + "\" is " + sizeTold(shape());
  }

  /** A size in words, such as "640 x 480 in 12 slices". */
  static String sizeTold(Shape shape) {
    String slices = shape.getZ() == 1 ? "1 slice" : shape.getZ() + " slices";
    return shape.getX() + " x " + shape.getY() + " in " + slices;
  }

  private static String likelyReason(Shape one, Shape other) {
    if (one.getY() == other.getY() && one.getX() == other.getX()) {
      return "Choose the slices that both have (Image > Duplicate).";
    }
    return one.getX() == other.getY() && one.getY() == other.getX()
        ? "One of them is turned: try Image > Transform > Rotate."
        : "They must be of the same size, voxel by voxel.";
  }

  /**
   * Sends the image, unless the server has it, and returns what it is called there. What is shown
   * from the server is not read to find that out; with another voxel size, which a person may have
   * given the window, it is another image.
   */
  NamedVolume send(Client client, Progress listener, Cancellation cancellation)
      throws CristaeException {
    NamedVolume.Builder sent = NamedVolume.newBuilder().setName(name());
    if (source.getStack() instanceof ServedStack) {
      String id = ((ServedStack) source.getStack()).volumeId();
      Optional<Volume> there = Download.find(client, id);
      if (there.isPresent() && VoxelSizes.areLike(image.spec(), there.get().getSpec())) {
        return sent.setVolumeId(id).build();
      }
    }
    try {
      return sent.setVolumeId(Upload.run(client, image, listener, cancellation).getVolumeId())
          .build();
    } finally {
      image.forget();
    }
  }
}

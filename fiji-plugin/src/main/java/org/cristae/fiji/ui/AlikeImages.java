package org.cristae.fiji.ui;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VoxelSize;

/** Whether images can be learned from together: the same channels, masks and voxel size. */
final class AlikeImages {
  /** Voxel sizes that differ by at most this factor go together. */
  private static final double LIKE_SIZES = 1.1;

  private AlikeImages() {}

  /**
   * Refuses images of which one is of another kind than the first.
   *
   * @throws CristaeException if channels or voxel sizes differ
   */
  static void check(List<LabelledUpload> uploads) throws CristaeException {
    VolumeSpec first = uploads.get(0).image().spec();
    VolumeSpec firstLabels = uploads.get(0).labels().get(0).spec();
    VolumeSpec sized = null; // the first one whose voxel size is known
    for (LabelledUpload upload : uploads) {
      VolumeSpec image = upload.image().spec();
      checkChannels("The images", "Train on images of one kind.", first, image);
      for (ImageVolume labels : upload.labels()) {
        String advice = "Give all of them the same masks, in the same order.";
        checkChannels("The labels", advice, firstLabels, labels.spec());
      }
      if (image.hasVoxelSize()) {
        sized = sized == null ? image : sized;
        checkVoxelSizes(sized, image);
      }
    }
  }

  private static void checkChannels(String what, String advice, VolumeSpec one, VolumeSpec other)
      throws CristaeException {
    if (one.getShape().getC() != other.getShape().getC()) {
      throw refused(
          what
              + " have different numbers of channels: \""
              + one.getName()
              + "\" has "
              + one.getShape().getC()
              + ", \""
              + other.getName()
              + "\" "
              + other.getShape().getC()
              + ". "
              + advice);
    }
  }

  private static void checkVoxelSizes(VolumeSpec one, VolumeSpec other) throws CristaeException {
    VoxelSize ours = one.getVoxelSize();
    VoxelSize theirs = other.getVoxelSize();
    boolean isSection = one.getShape().getZ() == 1 || other.getShape().getZ() == 1;
    boolean isAlike =
        isLike(ours.getYNm(), theirs.getYNm())
            && isLike(ours.getXNm(), theirs.getXNm())
            && (isSection || isLike(ours.getZNm(), theirs.getZNm()));
    if (!isAlike) {
      throw refused(
          "The images have different voxel sizes: \""
              + other.getName()
              + "\" has "
              + words(theirs)
              + ", \""
              + one.getName()
              + "\" "
              + words(ours)
              + " (z, y, x). Correct what is wrong in Image > Properties, or give the right one for all"
              + " as the voxel size; if both are right, scale one of them before (Image > Scale).");
    }
  }

  private static boolean isLike(double one, double other) {
    return Math.max(one / other, other / one) <= LIKE_SIZES;
  }

  private static String words(VoxelSize size) {
    return told(size.getZNm()) + " x " + told(size.getYNm()) + " x " + told(size.getXNm()) + " nm";
  }

  private static String told(double nm) {
    BigDecimal rounded = BigDecimal.valueOf(nm).round(new MathContext(4));
    return rounded.stripTrailingZeros().toPlainString();
  }

  private static CristaeException refused(String sentence) {
    return new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, sentence);
  }
}

package org.cristae.fiji.image;

import ij.measure.Calibration;
import java.util.Locale;
import java.util.Optional;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VoxelSize;

/** ImageJ's calibration as a voxel size in nanometres, and back. */
public final class VoxelSizes {
  private static final int MAX_UNIT_LENGTH = 32;

  /** What a change of units may change. */
  private static final double ROUNDING = 1e-6;

  private VoxelSizes() {}

  /** The voxel size; empty if the image has no calibration or one in a unit that is no length. */
  public static Optional<VoxelSize> of(Calibration calibration) {
    String unit = calibration.getUnit();
    double nmX = nm(calibration.getXUnit());
    double nmY = nm(calibration.getYUnit());
    double nmZ = nm(calibration.getZUnit());
    VoxelSize size =
        VoxelSize.newBuilder()
            .setZNm(calibration.pixelDepth * nmZ)
            .setYNm(calibration.pixelHeight * nmY)
            .setXNm(calibration.pixelWidth * nmX)
            .setDisplayUnit(plain(unit))
            .build();
    boolean valid = isLength(size.getZNm()) && isLength(size.getYNm()) && isLength(size.getXNm());
    return valid ? Optional.of(size) : Optional.empty();
  }

  /** True if an image has voxels of the size of those of a volume, or neither tells a size. */
  public static boolean areLike(Calibration calibration, VolumeSpec volume) {
    VolumeSpec.Builder image = VolumeSpec.newBuilder();
    of(calibration).ifPresent(image::setVoxelSize);
    return areLike(image.build(), volume);
  }

  /** True if the voxels of two volumes have one size, or neither tells a size. */
  public static boolean areLike(VolumeSpec one, VolumeSpec other) {
    if (!one.hasVoxelSize() || !other.hasVoxelSize()) {
      return !one.hasVoxelSize() && !other.hasVoxelSize();
    }
    VoxelSize ours = one.getVoxelSize();
    VoxelSize theirs = other.getVoxelSize();
    return areLike(ours.getZNm(), theirs.getZNm())
        && areLike(ours.getYNm(), theirs.getYNm())
        && areLike(ours.getXNm(), theirs.getXNm());
  }

  private static boolean areLike(double nm, double otherNm) {
    return Math.abs(nm - otherNm) <= ROUNDING * Math.max(nm, otherNm);
  }

  /** A calibration that shows {@code size} in the person's unit. */
  public static Calibration calibration(VoxelSize size) {
    Calibration calibration = new Calibration();
    String unit = size.getDisplayUnit().isEmpty() ? "nm" : size.getDisplayUnit();
    double nm = nm(unit);
    if (nm == 0) {
      unit = "nm";
      nm = 1;
    }
    calibration.setUnit(unit);
    calibration.pixelDepth = size.getZNm() / nm;
    calibration.pixelHeight = size.getYNm() / nm;
    calibration.pixelWidth = size.getXNm() / nm;
    return calibration;
  }

  private static boolean isLength(double nm) {
    return nm > 0 && !Double.isInfinite(nm);
  }

  /** The nanometres of a unit as ImageJ spells it; 0 if it is no length. */
  private static double nm(String unit) {
    switch (unit.trim().toLowerCase(Locale.ROOT)) {
      case "nm":
      case "nanometer":
      case "nanometers":
      case "nanometre":
      case "nanometres":
        return 1;
      case "\u00c5":
      case "\u00e5":
      case "a":
      case "angstrom":
      case "angstroms":
        return 0.1;
      case "um":
      case "\u00b5m":
      case "\u03bcm":
      case "micron":
      case "microns":
      case "micrometer":
      case "micrometers":
      case "micrometre":
      case "micrometres":
        return 1e3;
      case "mm":
      case "millimeter":
      case "millimetre":
        return 1e6;
      case "cm":
        return 1e7;
      case "m":
      case "meter":
      case "metre":
        return 1e9;
      case "inch":
        return 2.54e7;
      default:
        return 0;
    }
  }

  /** The unit without what JSON would escape, as the contract wants it. */
  private static String plain(String unit) {
    String plain = unit.replaceAll("[\\p{Cntrl}\"\\\\]", "");
    return plain.length() > MAX_UNIT_LENGTH ? plain.substring(0, MAX_UNIT_LENGTH) : plain;
  }
}

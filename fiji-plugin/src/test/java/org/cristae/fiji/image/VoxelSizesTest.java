package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.measure.Calibration;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VoxelSize;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ImageJ's calibration becomes nanometres and comes back in the person's unit. */
class VoxelSizesTest {
  private static Calibration calibration(String unit) {
    Calibration calibration = new Calibration();
    calibration.setUnit(unit);
    calibration.pixelWidth = 4;
    calibration.pixelHeight = 5;
    calibration.pixelDepth = 50;
    return calibration;
  }

  @ParameterizedTest
  @CsvSource({
    "nm, 1",
    "micron, 1000",
    "microns, 1000",
    "um, 1000",
    "\u00b5m, 1000",
    "mm, 1e6",
    "angstrom, 0.1"
  })
  void lengthsAreNanometres(String unit, double nm) {
    VoxelSize size = VoxelSizes.of(calibration(unit)).get();
    assertEquals(50 * nm, size.getZNm());
    assertEquals(5 * nm, size.getYNm());
    assertEquals(4 * nm, size.getXNm());
  }

  @ParameterizedTest
  @CsvSource({"pixel", "parsec", "'gray value'"})
  void whatIsNoLengthIsNotKnown(String unit) {
    assertFalse(VoxelSizes.of(calibration(unit)).isPresent());
  }

  @Test
  void theUnitOfThePersonComesBack() {
    Calibration before = calibration("micron");
    Calibration after = VoxelSizes.calibration(VoxelSizes.of(before).get());
    assertEquals(before.getUnit(), after.getUnit());
    assertEquals(before.pixelDepth, after.pixelDepth, 1e-12);
    assertEquals(before.pixelWidth, after.pixelWidth, 1e-12);
  }

  @Test
  void sizesAreAlikeWhateverTheirUnit() {
    VoxelSize size = VoxelSizes.of(calibration("nm")).get();
    VolumeSpec sized = VolumeSpec.newBuilder().setVoxelSize(size).build();
    Calibration micron = calibration("micron");
    assertFalse(VoxelSizes.areLike(micron, sized));
    micron.pixelWidth = 0.004;
    micron.pixelHeight = 0.005;
    micron.pixelDepth = 0.05;
    assertTrue(VoxelSizes.areLike(micron, sized));
    assertFalse(VoxelSizes.areLike(new Calibration(), sized));
    assertFalse(VoxelSizes.areLike(micron, VolumeSpec.getDefaultInstance()));
    assertTrue(VoxelSizes.areLike(new Calibration(), VolumeSpec.getDefaultInstance()));
  }

  @Test
  void eachAxisMayHaveAUnitOfItsOwn() {
    Calibration calibration = calibration("nm");
    calibration.setZUnit("micron");
    assertEquals(50_000, VoxelSizes.of(calibration).get().getZNm());
  }

  @Test
  void depthOfZeroIsNotKnown() {
    Calibration calibration = calibration("nm");
    calibration.pixelDepth = 0;
    assertFalse(VoxelSizes.of(calibration).isPresent());
  }
}

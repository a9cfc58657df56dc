package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.ImagePlus;
import ij.ImageStack;
import ij.measure.Calibration;
import ij.process.FloatProcessor;
import org.cristae.v1.Box;
import org.cristae.v1.VoxelSize;
import org.junit.jupiter.api.Test;

/** Names, range and place of the maps of a layer. */
class LayerMapsTest {
  private static VoxelSize nm(double z, double y, double x) {
    return VoxelSize.newBuilder().setZNm(z).setYNm(y).setXNm(x).setDisplayUnit("micron").build();
  }

  /** Two sections of three maps of 50 x 40 voxels, from 0 to 1 but for one hot voxel. */
  private static ImagePlus maps() {
    ImageStack stack = new ImageStack(50, 40);
    for (int plane = 0; plane < 6; plane++) {
      float[] voxels = new float[2000];
      for (int i = 0; i < 2000; i++) {
        voxels[i] = i / 1999f;
      }
      stack.addSlice(null, new FloatProcessor(50, 40, voxels));
    }
    ((float[]) stack.getPixels(4))[7] = 1000;
    ImagePlus image = new ImagePlus("maps", stack);
    image.setDimensions(3, 2, 1);
    return image;
  }

  @Test
  void eachChannelIsCalledAfterItsMapAndOneRangeServesAllWithoutTheHottestVoxels() {
    ImagePlus maps = maps();
    LayerMaps.show(maps);
    assertEquals("map 1", maps.getStack().getSliceLabel(1));
    assertEquals("map 3", maps.getStack().getSliceLabel(3));
    assertEquals("map 2", maps.getStack().getSliceLabel(5));
    assertEquals(0.002, maps.getDisplayRangeMin(), 0.001);
    assertEquals(0.998, maps.getDisplayRangeMax(), 0.001);
  }

  @Test
  void mapsThatAnswerAlmostNowhereAreShownWithAllTheirValues() {
    ImageStack stack = new ImageStack(50, 40);
    stack.addSlice(null, new FloatProcessor(50, 40, new float[2000]));
    ((float[]) stack.getPixels(1))[7] = 5;
    ImagePlus maps = new ImagePlus("maps", stack);
    LayerMaps.show(maps);
    assertEquals(0, maps.getDisplayRangeMin());
    assertEquals(5, maps.getDisplayRangeMax());
  }

  @Test
  void aPlaceHasTheSameCoordinatesInTheMapsAsInTheImage() {
    ImagePlus source = new ImagePlus("image", new FloatProcessor(100, 80));
    Calibration theirs = VoxelSizes.calibration(nm(50, 4, 4));
    theirs.xOrigin = 10;
    source.setCalibration(theirs);
    ImagePlus maps = maps();
    maps.setCalibration(VoxelSizes.calibration(nm(100, 16, 16)));
    Box region = Box.newBuilder().setZStart(5).setYStart(8).setXStart(35).build();
    LayerMaps.place(maps, nm(100, 16, 16), nm(50, 4, 4), region, source);
    Calibration ours = maps.getCalibration();
    // The first voxels of the maps begin at section 4, row 8 and column 32 of the image.
    assertEquals(theirs.getX(32.0), ours.getX(0.0), 1e-12);
    assertEquals(theirs.getY(8.0), ours.getY(0.0), 1e-12);
    assertEquals(theirs.getZ(4.0), ours.getZ(0.0), 1e-12);
    assertEquals(theirs.getX(36.0), ours.getX(1.0), 1e-12);
    LayerMaps.place(maps, nm(100, 16, 16), nm(50, 4, 4), region, null);
    assertEquals(-8, ours.xOrigin);
  }

  @Test
  void aStartThatIsWholeButForRoundingIsWhole() {
    ImagePlus maps = maps();
    double fine = 0.1 + 0.2; // a little more than 0.3
    Box region = Box.newBuilder().setXStart(3).build();
    LayerMaps.place(maps, nm(1, 1, 3 * fine), nm(1, 1, 0.3), region, null);
    assertEquals(-1, maps.getCalibration().xOrigin);
  }
}

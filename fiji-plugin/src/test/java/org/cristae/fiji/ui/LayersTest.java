package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.cristae.v1.Box;
import org.cristae.v1.Layer;
import org.cristae.v1.Shape;
import org.junit.jupiter.api.Test;

/** Layers in words, and how large their maps will be. */
class LayersTest {
  private static Layer layer(String name, int maps, int z, int y, int x, boolean isPart) {
    return Layer.newBuilder()
        .setName(name)
        .setMaps(maps)
        .setReductionZ(z)
        .setReductionY(y)
        .setReductionX(x)
        .setIsPart(isPart)
        .build();
  }

  private static final List<Layer> NETWORK =
      Arrays.asList(
          layer("encoder.0.first", 16, 1, 1, 1, true),
          layer("encoder.0", 16, 1, 1, 1, false),
          layer("encoder.1", 32, 2, 4, 4, false),
          layer("decoder.0.first", 16, 1, 1, 1, true),
          layer("decoder.0", 16, 1, 2, 2, false),
          layer("head", 1, 1, 1, 1, false));

  @Test
  void aLayerIsToldWithItsMapsAndHowCoarseItIs() {
    assertEquals("encoder.0: 16 maps, as fine as the image", Layers.words(NETWORK.get(1)));
    assertEquals("encoder.1: 32 maps, each voxel 4 x 4 in 2 slices", Layers.words(NETWORK.get(2)));
    assertEquals("decoder.0: 16 maps, each voxel 2 x 2", Layers.words(NETWORK.get(4)));
    assertEquals("head: 1 map, as fine as the image", Layers.words(NETWORK.get(5)));
  }

  @Test
  void theFirstToLookAtIsTheLastOneBeforeTheClasses() {
    assertEquals("decoder.0", Layers.usual(NETWORK).getName());
    Layer only = layer("filters", 12, 1, 1, 1, false);
    assertEquals("filters", Layers.usual(Collections.singletonList(only)).getName());
    assertEquals("encoder.0, encoder.1, decoder.0, head", Layers.names(Layers.whole(NETWORK)));
  }

  @Test
  void mapsAreMadeOfTheWholeVoxelsThatStandForAPart() {
    Box region =
        Box.newBuilder()
            .setZStart(1)
            .setZStop(2)
            .setYStart(4)
            .setYStop(8)
            .setXStart(3)
            .setXStop(9)
            .build();
    Shape expected = Shape.newBuilder().setC(32).setZ(1).setY(1).setX(3).build();
    Shape maps = Layers.resultShape(NETWORK.get(2), region);
    assertEquals(expected, maps);
    assertEquals(
        "Makes a stack of 32 channels, one for each map, of about 3 x 1 voxels: 0.0 MB.",
        ActivationsDialog.about(maps));
  }
}

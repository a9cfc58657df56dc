package org.cristae.fiji.ui;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.cristae.v1.Box;
import org.cristae.v1.Layer;
import org.cristae.v1.Shape;

/** The layers of a network in words, and what their maps will be. */
final class Layers {
  private Layers() {}

  /** Those that are no part of another one. */
  static List<Layer> whole(List<Layer> layers) {
    List<Layer> whole = new ArrayList<>(layers);
    whole.removeIf(Layer::getIsPart);
    return whole;
  }

  /** Their names with commas between. */
  static String names(List<Layer> layers) {
    return layers.stream().map(Layer::getName).collect(Collectors.joining(", "));
  }

  /**
   * The layer to look at first: the last one before the classes, whose maps the network decides by.
   *
   * @param layers of one network; not empty
   */
  static Layer usual(List<Layer> layers) {
    List<Layer> whole = whole(layers);
    return whole.get(Math.max(0, whole.size() - 2));
  }

  /** A layer as people choose it: "encoder.1: 32 maps, each voxel 2 x 2". */
  static String words(Layer layer) {
    String maps = layer.getMaps() == 1 ? "1 map" : layer.getMaps() + " maps";
    String plane = layer.getReductionX() + " x " + layer.getReductionY();
    boolean isFine = layer.getReductionZ() == 1 && plane.equals("1 x 1");
    String depth = layer.getReductionZ() == 1 ? "" : " in " + layer.getReductionZ() + " slices";
    String size = isFine ? "as fine as the image" : "each voxel " + plane + depth;
    return layer.getName() + ": " + maps + ", " + size;
  }

  /** The shape of the maps of a part of an image that has the voxel size of the model. */
  static Shape resultShape(Layer layer, Box region) {
    return Shape.newBuilder()
        .setC(layer.getMaps())
        .setZ(count(region.getZStart(), region.getZStop(), layer.getReductionZ()))
        .setY(count(region.getYStart(), region.getYStop(), layer.getReductionY()))
        .setX(count(region.getXStart(), region.getXStop(), layer.getReductionX()))
        .build();
  }

  /** How many steps it takes to cover a range. */
  private static long count(long start, long stop, long step) {
    return (stop + step - 1) / step - start / step;
  }
}

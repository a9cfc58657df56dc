package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.ImageStack;
import ij.gui.Line;
import ij.gui.PointRoi;
import ij.gui.Roi;
import java.awt.Rectangle;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.TreeSet;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.v1.Voxel;
import org.junit.jupiter.api.Test;

/** What lies below points, lines and areas, and how objects look over an image. */
class PickedObjectsTest {
  /** Two sections of 4 x 2; the second one has ids 10 greater. */
  private static ImagePlus cells() {
    ImageStack stack = new ImageStack(4, 2);
    stack.addSlice(null, new byte[] {1, 1, 0, 2, 1, 3, 3, 2});
    stack.addSlice(null, new byte[] {11, 11, 0, 12, 11, 13, 13, 12});
    return new ImagePlus("cells.tif", stack);
  }

  private static TreeSet<Integer> ids(ImagePlus image) throws Exception {
    return new TreeSet<>(PickedObjects.ids(ObjectImage.of(image)));
  }

  @Test
  void pointsPickTheObjectsOfTheirOwnSlicesAndBackgroundIsNone() throws Exception {
    ImagePlus image = cells();
    PointRoi points = new PointRoi();
    points.addPoint(image, 3.9, 0.2);
    image.setRoi(points);
    image.setSlice(2);
    points.addPoint(image, 1.5, 1.5);
    points.addPoint(image, 2.5, 0.5); // background
    assertEquals(new TreeSet<>(Arrays.asList(2, 13)), ids(image));
    assertEquals(
        Voxel.newBuilder().setZ(1).setY(1).setX(1).build(),
        PickedObjects.points(ObjectImage.of(image)).get(1));
  }

  @Test
  void linesAndAreasPickWhatTheyCrossInTheSliceThatIsShown() throws Exception {
    ImagePlus image = cells();
    image.setSlice(2);
    image.setRoi(new Line(0, 1, 3, 1));
    assertEquals(new TreeSet<>(Arrays.asList(11, 12, 13)), ids(image));
    image.setRoi(new Roi(2, 0, 50, 50));
    assertEquals(new TreeSet<>(Arrays.asList(12, 13)), ids(image));
    image.deleteRoi();
    assertTrue(ids(image).isEmpty());
  }

  @Test
  void objectsHaveColoursOfTheirOwnAndBackgroundIsTransparent() {
    byte[] plane = {1, 1, 0, 2, 1, 3, 3, 2};
    BufferedImage seen = ObjectsOverlay.picture(plane, 4, 2, new Rectangle(1, 0, 3, 2), 2);
    assertEquals(6, seen.getWidth());
    assertEquals(4, seen.getHeight());
    assertEquals(0xff000000 | ClassColors.rgb(1), seen.getRGB(1, 1));
    assertEquals(0, seen.getRGB(2, 0));
    assertEquals(0xff000000 | ClassColors.rgb(2), seen.getRGB(5, 3));
    assertEquals(0xff000000 | ClassColors.rgb(3), seen.getRGB(3, 2));
  }

  @Test
  void objectsOverAnImageAreReplacedAndLeaveWhatElseLiesThere() throws Exception {
    ImagePlus raw = cells();
    raw.setOverlay(new ij.gui.Overlay(new Roi(0, 0, 1, 1)));
    ObjectImage objects = ObjectImage.of(cells());
    ObjectsOverlay.lay(raw, objects, 0.4);
    ObjectsOverlay second = ObjectsOverlay.lay(raw, objects, 0.6);
    assertEquals(2, raw.getOverlay().size());
    assertEquals(second, ObjectsOverlay.of(raw));
    assertTrue(ObjectsOverlay.remove(raw));
    assertEquals(1, raw.getOverlay().size());
  }

  @Test
  void theMarkOfAnObjectIsItsOutlineInTheSlice() throws Exception {
    ImagePlus image = cells();
    ObjectMark.put(image, ObjectMark.outline(ObjectImage.of(image), 13, 1), 1);
    ObjectMark.put(image, ObjectMark.outline(ObjectImage.of(image), 13, 1), 1);
    assertEquals(1, image.getOverlay().size());
    Roi mark = image.getOverlay().get(0);
    assertEquals(new Rectangle(1, 1, 2, 1), mark.getBounds());
    assertEquals(2, mark.getPosition());
    ObjectMark.remove(image);
    assertEquals(null, image.getOverlay());
  }
}

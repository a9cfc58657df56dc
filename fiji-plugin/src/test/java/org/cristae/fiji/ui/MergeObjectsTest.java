package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.ImageStack;
import ij.WindowManager;
import ij.gui.PointRoi;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.Voxel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is merged is what was picked, and what was not found is told. */
class MergeObjectsTest {
  private final ImagePlus image = new ImagePlus("cells.tif", stack());
  private final List<String> told = new ArrayList<>();

  private static ImageStack stack() {
    ImageStack stack = new ImageStack(2, 2);
    stack.addSlice(null, new byte[] {0, 0, 0, 0});
    stack.addSlice(null, new byte[] {1, 2, 3, 0});
    return stack;
  }

  @BeforeEach
  void open() {
    WindowManager.setTempCurrentImage(image);
    image.setSlice(2);
  }

  @AfterEach
  void close() {
    WindowManager.setTempCurrentImage(null);
  }

  private void pick(double... xy) {
    PointRoi points = new PointRoi();
    for (int i = 0; i < xy.length; i += 2) {
      points.addPoint(image, xy[i], xy[i + 1]);
    }
    image.setRoi(points);
  }

  private Work merged() throws CristaeException {
    Work merge = MergeObjects.prepare(MergeObjects.choices());
    JobListener listener =
        new JobListener() {
          @Override
          public void update(String stage, double fraction, String detail) {}

          @Override
          public void note(String sentence, boolean isWarning) {
            told.add(sentence);
          }
        };
    merge.run(listener, new Cancellation(), new Cancellation());
    return merge;
  }

  @Test
  void aPointOnTheBackgroundIsToldWithItsPlaceAndTheOthersAreMerged() throws Exception {
    pick(0.5, 0.5, 1.5, 0.5, 1.5, 1.5);
    Work merge = merged();
    assertArrayEquals(new byte[] {1, 1, 3, 0}, (byte[]) image.getStack().getPixels(2));
    String left = "1 point lies on no object (x 1, y 1, slice 2) and was left out.";
    assertEquals(Collections.singletonList(left), told);
    assertTrue(merge.lastWords().contains(left), merge.lastWords());
  }

  @Test
  void nothingIsToldWhereAllPointsLieInObjects() throws Exception {
    pick(0.5, 0.5, 1.5, 0.5);
    assertEquals("Merged 1, 2 into 1. Cristae Undo Edit takes it back.", merged().lastWords());
    assertTrue(told.isEmpty());
  }

  @Test
  void ofManyPointsBesideObjectsTheFirstAreNamed() {
    Voxel point = Voxel.newBuilder().setX(4).setY(5).setZ(6).build();
    assertEquals(
        "2 points lie on no object (x 4, y 5, slice 7; x 4, y 5, slice 7) and were left out.",
        MergeObjects.leftOut(Collections.nCopies(2, point)));
    String many = MergeObjects.leftOut(Collections.nCopies(40, point));
    assertTrue(many.startsWith("40 points lie"), many);
    assertTrue(many.endsWith("slice 7; ...) and were left out."), many);
    assertEquals(8, many.split("x 4").length - 1);
  }

  private String refused(String ids) {
    return assertThrows(
            CristaeException.class,
            () ->
                MergeObjects.prepare(MergeObjects.choices().put("ids", ids))
                    .run(new StatusBar(), new Cancellation(), new Cancellation()))
        .getMessage();
  }

  @Test
  void objectsThatAreNotThereAreNamed() {
    assertEquals("\"cells.tif\" has no object 7. Nothing was changed.", refused("1,7"));
    assertEquals(
        "\"cells.tif\" has none of the objects 7, 16777216. Nothing was changed.",
        refused("7,1,16777216"));
    String many = refused("1,11,12,13,14,15,16,17,18,19");
    assertTrue(many.contains("objects 11, 12, 13, 14, 15, 16, 17, 18, .... Nothing"), many);
  }

  @Test
  void aNumberThatNoImageHoldsIsToldAsThat() {
    for (String greater : new String[] {"16777217", "99999999999", "99999999999999999999"}) {
      String sentence = refused("3,4," + greater);
      assertTrue(sentence.contains("numbers of objects up to 16,777,216"), sentence);
    }
    String word = refused("3,x");
    assertTrue(word.contains("the numbers of two or more objects, such as 3,7,9"), word);
  }

  @Test
  void oneObjectAndAPointBesideItIsNotEnough() {
    pick(0.5, 0.5, 1.5, 1.5);
    CristaeException refused = assertThrows(CristaeException.class, this::merged);
    assertTrue(refused.getMessage().startsWith("Only the object 1 is picked"));
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.Line;
import ij.gui.OvalRoi;
import ij.gui.Roi;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.Box;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which part of an image is meant by slices, a rectangle, and the selection. */
class ImagePartTest {
  private ImagePlus image;

  @BeforeEach
  void open() {
    image = IJ.createImage("stack.tif", "8-bit black", 40, 30, 5);
    image.setSlice(4);
  }

  private Box part(String options) throws CristaeException {
    Choices choices = ActivationMaps.choices().parse(options);
    return ImagePart.of(choices, image, PlaneOrder.of(image));
  }

  private static Box box(int z, int zStop, int y, int yStop, int x, int xStop) {
    return Box.newBuilder()
        .setZStart(z)
        .setZStop(zStop)
        .setYStart(y)
        .setYStop(yStop)
        .setXStart(x)
        .setXStop(xStop)
        .build();
  }

  @Test
  void withoutAWordItIsTheSliceThatIsShownAndInItTheRectangleAroundTheSelection() throws Exception {
    assertEquals(box(3, 4, 0, 30, 0, 40), part(""));
    image.setRoi(new OvalRoi(10, 5, 8, 6));
    assertEquals(box(3, 4, 5, 11, 10, 18), part(""));
    image.setRoi(new Roi(-3, 20, 10, 100)); // partly outside
    assertEquals("0,20,7,10", ImagePart.proposed(image));
    image.setRoi(new Line(1, 1, 9, 9)); // has no area
    assertEquals(ImagePart.WHOLE, ImagePart.proposed(image));
  }

  @Test
  void aSelectionOutsideOfTheImageIsRefusedUnlessAPartIsNamed() throws Exception {
    image.setRoi(new Roi(50, 5, 8, 6));
    CristaeException e = assertThrows(CristaeException.class, () -> part(""));
    assertTrue(e.getMessage().contains("\"stack.tif\" lies outside of the image"), e.getMessage());
    assertEquals(box(3, 4, 0, 30, 0, 40), part("part=whole"));
  }

  @Test
  void whatIsSaidCountsAlsoWithASelection() throws Exception {
    image.setRoi(new Roi(10, 5, 8, 6));
    assertEquals(box(1, 3, 0, 30, 0, 40), part("slices=2-3 part=whole"));
    assertEquals(box(3, 4, 2, 6, 1, 4), part("part=1,2,3,4"));
    assertEquals(box(3, 4, 29, 30, 39, 40), part("part=[39, 29, 1, 1]"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "slices=6|slices=6 should be within the image, which has the slices 1-5",
        "slices=two|a range of slices such as 1-40",
        "part=1,2,3|part=1,2,3 should be whole, or x,y,width,height within the image of 40 x 30",
        "part=39,0,2,1|within the image of 40 x 30 pixels",
        "part=0,0,0,5|within the image of 40 x 30 pixels",
        "part=0,0,999999999,999999999|within the image of 40 x 30 pixels",
        "part=-1,0,5,5|within the image of 40 x 30 pixels"
      })
  void whatIsNoPartOfTheImageIsRefusedInWords(String options, String words) {
    CristaeException refused = assertThrows(CristaeException.class, () -> part(options));
    assertTrue(refused.getMessage().contains(words), refused.getMessage());
  }
}

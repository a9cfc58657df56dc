package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import java.util.Arrays;
import java.util.Collections;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;
import org.junit.jupiter.api.Test;

/** Channels of probabilities are called after their classes, and one with objects is seen first. */
class ProbabilityChannelsTest {
  private static Model model(String target, String... names) {
    Model.Builder model = Model.newBuilder().setTarget(target);
    for (String name : names) {
      LabelClass.Builder label = LabelClass.newBuilder().setName(name);
      model.addClasses(label.setValue(model.getClassesCount() + 1));
    }
    return model.build();
  }

  @Test
  void backgroundComesBeforeTheClassesUnlessEachChannelStandsForItself() {
    assertEquals(
        Arrays.asList("background", "mito", "er"),
        ProbabilityChannels.names(model("classes", "mito", "er"), 3));
    assertEquals(
        Arrays.asList("background", "interior", "boundary"),
        ProbabilityChannels.names(model("instances"), 3));
    assertEquals(
        Arrays.asList("object", "z-1", "y-1", "x-1"),
        ProbabilityChannels.names(model("instances", "object", "z-1", "y-1", "x-1"), 4));
    assertTrue(ProbabilityChannels.names(model("classes", "mito"), 5).isEmpty(), "another model");
  }

  @Test
  void eachChannelHasItsNameAndTheFirstClassIsShownNotTheBackground() throws Exception {
    ImagePlus image = IJ.createHyperStack("p", 8, 6, 3, 4, 1, 8);
    image.setPosition(1, 3, 1);
    image.setDisplayRange(0, 7);
    ProbabilityChannels.show(image, Arrays.asList("background", "mito", "er"));
    for (int z = 1; z <= 4; z++) {
      int plane = image.getStackIndex(1, z, 1);
      assertEquals("background", image.getStack().getSliceLabel(plane));
      assertEquals("mito", image.getStack().getSliceLabel(plane + 1));
      assertEquals("er", image.getStack().getSliceLabel(plane + 2));
    }
    assertEquals(2, image.getC());
    assertEquals(3, image.getZ());
    assertEquals(255, image.getDisplayRangeMax());
    assertEquals(0, image.getDisplayRangeMin());
  }

  @Test
  void aSingleChannelOfAPlaneIsNamedToo() throws Exception {
    ImagePlus image = IJ.createImage("p", "8-bit black", 8, 6, 1);
    ProbabilityChannels.show(image, Collections.singletonList("object"));
    assertEquals("object", image.getStack().getSliceLabel(1));
    assertEquals(1, image.getC());
  }
}

package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.LabelClass;
import org.junit.jupiter.api.Test;

/** Masks are called as the person called them, else as their channels are. */
class MaskNamesTest {
  private final ImagePlus labels = IJ.createHyperStack("m.tif", 8, 6, 2, 3, 1, 8);

  private void label(String... planes) {
    for (int i = 0; i < planes.length; i++) {
      labels.getStack().setSliceLabel(planes[i], i + 1);
    }
  }

  @Test
  void theLabelsOfTheChannelsAreTheNames() throws Exception {
    label("mito", "er", "mito", "er", "mito", "er");
    List<LabelClass> masks = MaskNames.of(labels, Collections.emptyList());
    assertEquals("mito", masks.get(0).getName());
    assertEquals("er", masks.get(1).getName());
    assertEquals(2, masks.get(1).getValue());
  }

  @Test
  void namesOfFilesAndNoLabelsAreNoNames() throws Exception {
    assertEquals(0, MaskNames.of(labels, Collections.emptyList()).size());
    label("a1.tif", "a2.tif", "a3.tif", "a4.tif", "a5.tif", "a6.tif");
    assertEquals(0, MaskNames.of(labels, Collections.emptyList()).size());
    label("a", "a", "a", "a", "a", "a");
    assertEquals(0, MaskNames.of(labels, Collections.emptyList()).size());
  }

  @Test
  void givenNamesMustBeAsManyAsTheChannels() throws Exception {
    label("mito", "er", "mito", "er", "mito", "er");
    LabelClass cell = LabelClass.newBuilder().setValue(1).setName("cell").build();
    LabelClass crista = LabelClass.newBuilder().setValue(2).setName("crista").build();
    List<LabelClass> two = java.util.Arrays.asList(cell, crista);
    assertEquals(two, MaskNames.of(labels, two));
    CristaeException failure =
        assertThrows(
            CristaeException.class, () -> MaskNames.of(labels, Collections.singletonList(cell)));
    assertTrue(failure.getMessage().contains("named are 1, the channels of \"m.tif\" are 2"));
  }
}

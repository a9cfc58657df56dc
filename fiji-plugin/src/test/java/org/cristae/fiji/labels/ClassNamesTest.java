package org.cristae.fiji.labels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.ImagePlus;
import ij.process.ByteProcessor;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.cristae.v1.LabelClass;
import org.junit.jupiter.api.Test;

/** The names of classes that stand in the images that Cristae made. */
class ClassNamesTest {
  private static List<String> names(String told) {
    ImagePlus labels = new ImagePlus("labels.tif", new ByteProcessor(2, 2));
    if (told != null) {
      labels.setProp("cristae.classes", told);
    }
    return ClassNames.of(labels).stream().map(LabelClass::getName).collect(Collectors.toList());
  }

  @Test
  void theNamesComeInTheOrderOfTheValuesAndMayHaveCommas() {
    assertEquals(Arrays.asList("er", "mitochondria, small"), names("1=er, 2=mitochondria, small"));
    assertEquals(Collections.singletonList("square"), names("1=square"));
  }

  @Test
  void whatIsNoTableOfClassesNamesNone() {
    for (String told : new String[] {null, "er, mitochondria", "2=er", "1=er, 1=er", "1=a, 2=a"}) {
      assertEquals(Collections.emptyList(), names(told), String.valueOf(told));
    }
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Lists of titles, of which some have commas themselves. */
class TitlesTest {
  private static List<String> split(String listed, String... open) {
    Set<String> titles = new HashSet<>(Arrays.asList(open));
    return Titles.split(listed, titles::contains);
  }

  @Test
  void commasStandBetweenTitlesWithSpacesOrNone() {
    assertEquals(
        Arrays.asList("b.tif", "my b-labels.tif"), split("b.tif, my b-labels.tif", "b.tif"));
    assertEquals(Collections.emptyList(), split(""));
    assertEquals(Collections.singletonList("not open.tif"), split("not open.tif,"));
  }

  @Test
  void aTitleWithCommasIsOneIfAnImageHasIt() {
    String[] open = {"z 1, x 2.tif", "z 1, x 2-labels.tif", "c.tif"};
    assertEquals(
        Arrays.asList("z 1, x 2.tif", "z 1, x 2-labels.tif", "c.tif"),
        split(Titles.join(Arrays.asList(open)), open));
    assertEquals(Arrays.asList("z 1", "x 2.tif"), split("z 1, x 2.tif"));
  }
}

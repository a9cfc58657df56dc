package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.measure.ResultsTable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The figures of a training as a table. */
class CurveTableTest {
  private final CurveTable curves = new CurveTable();

  @Test
  void eachStepIsARowAndWhatWasNotTakenIsNaN() {
    curves.add(20, Collections.singletonMap("loss", 0.5));
    curves.add(10, Collections.singletonMap("loss", 0.75));
    curves.add(20, Collections.singletonMap("dice", 0.25));
    ResultsTable table = curves.table();
    assertArrayEquals(new double[] {10, 20}, table.getColumn("step"));
    assertArrayEquals(new double[] {0.75, 0.5}, table.getColumn("loss"));
    assertArrayEquals(new double[] {Double.NaN, 0.25}, table.getColumn("dice"));
  }

  @Test
  void aSmallLearningRateIsSavedWithItsDigits(@TempDir Path folder) throws Exception {
    curves.add(7, Collections.singletonMap("learning_rate", 0.000042));
    Path file = folder.resolve("curves.csv");
    curves.table().saveAs(file.toString());
    List<String> lines = Files.readAllLines(file, StandardCharsets.UTF_8);
    assertEquals(Arrays.asList("step,learning_rate", "7,0.000042"), lines);
  }
}

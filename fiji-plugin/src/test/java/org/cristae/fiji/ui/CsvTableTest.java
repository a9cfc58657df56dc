package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ij.measure.ResultsTable;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Tables of the server as tables of ImageJ. */
class CsvTableTest {
  private static ResultsTable table(String csv) {
    return CsvTable.read(csv.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void numbersKeepAllTheirDigitsAndTheColumnsTheirNamesAndOrder() {
    ResultsTable table =
        table("id,volume_nm3,sphericity\n1,5242880.123456789,0.8312345678\n7,1e-05,1\n");
    assertArrayEquals(new String[] {"id", "volume_nm3", "sphericity"}, table.getHeadings());
    assertEquals(2, table.size());
    assertEquals(5242880.123456789, table.getValue("volume_nm3", 0));
    assertEquals(1e-05, table.getValue("volume_nm3", 1));
    assertEquals(7, table.getValue("id", 1));
    assertEquals("7", table.getStringValue("id", 1));
    assertEquals("0.83123", table.getStringValue("sphericity", 0));
    assertEquals("5242880.123", table.getStringValue("volume_nm3", 0));
  }

  @Test
  void whatIsNotDefinedIsAnEmptyCellNeverNaN() {
    ResultsTable table = table("class,name,iou,hausdorff_nm\n1,er,0.5,\n2,,,\nmean,,0.5,\n");
    assertEquals("1\ter\t0.50000\t", table.getRowAsString(0));
    assertEquals("2\t\t\t", table.getRowAsString(1));
    assertEquals("mean\t\t0.50000\t", table.getRowAsString(2));
  }

  @Test
  void namesInQuotesMayHaveCommasQuotesAndLines() {
    ResultsTable table =
        table("prediction,f1_50\r\n\"a,b \"\"c\"\".tif\",1.0\r\n\"two\nlines\",0.25\r\n");
    assertEquals(2, table.size());
    assertEquals("a,b \"c\".tif", table.getStringValue("prediction", 0));
    assertEquals(1.0, table.getValue("f1_50", 0));
    assertEquals(0.25, table.getValue("f1_50", 1));
  }

  @Test
  void idsBeyondTheDigitsOfANumberAreTexts() {
    ResultsTable table = table("id,voxels\n9223372036854775807,1\n2,1\n");
    assertEquals("9223372036854775807", table.getStringValue("id", 0));
    assertEquals("2", table.getStringValue("id", 1));
  }

  @Test
  void aTableWithoutRowsHasItsColumns() {
    ResultsTable table = table("id,voxels\n");
    assertEquals(0, table.size());
    assertArrayEquals(new String[] {"id", "voxels"}, table.getHeadings());
  }

  @Test
  void aHundredThousandRowsAreExact() {
    Random random = new Random(5);
    int rows = 100_000;
    double[][] numbers = new double[rows][10];
    StringBuilder csv = new StringBuilder("id,a,b,c,d,e,f,g,h,i\n");
    for (int row = 0; row < rows; row++) {
      numbers[row][0] = 3L * row + 1;
      csv.append(3L * row + 1);
      for (int column = 1; column < 10; column++) {
        numbers[row][column] = random.nextGaussian() * 1e6;
        csv.append(',').append(numbers[row][column]);
      }
      csv.append('\n');
    }
    ResultsTable table = table(csv.toString());
    assertEquals(rows, table.size());
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < 10; column++) {
        assertEquals(numbers[row][column], table.getValueAsDouble(column, row));
      }
    }
    assertEquals(99_999, ObjectTables.row(table, 299_998));
    assertEquals(-1, ObjectTables.row(table, 299_999));
    table.sort("a");
    int row = ObjectTables.row(table, 31);
    assertEquals(numbers[10][1], table.getValue("a", row));
  }
}

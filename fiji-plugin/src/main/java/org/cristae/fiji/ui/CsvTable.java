package org.cristae.fiji.ui;

import ij.measure.ResultsTable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A table of the server, as comma-separated values, as one of ImageJ. Numbers keep all their
 * digits; what is not defined is an empty cell.
 */
final class CsvTable {
  /** More digits than these do not fit into ImageJ's numbers; such a column is one of texts. */
  private static final int EXACT_DIGITS = 15;

  /** How many digits of the largest number of a column are shown. */
  private static final int SHOWN_DIGITS = 5;

  private static final int FEWEST_DECIMALS = 3; // ImageJ's own
  private static final int MOST_DECIMALS = 9; // more than these ImageJ does not show

  private final String text;
  private int at;

  private CsvTable(String text) {
    this.text = text;
  }

  /**
   * Reads a table.
   *
   * @param csv in UTF-8, a line with the names of the columns first
   */
  static ResultsTable read(byte[] csv) {
    CsvTable source = new CsvTable(new String(csv, StandardCharsets.UTF_8));
    List<String> names = source.line();
    List<List<String>> columns = new ArrayList<>();
    names.forEach(name -> columns.add(new ArrayList<>()));
    while (source.at < source.text.length()) {
      List<String> cells = source.line();
      for (int column = 0; column < columns.size(); column++) {
        columns.get(column).add(column < cells.size() ? cells.get(column) : "");
      }
    }
    int rows = columns.isEmpty() ? 0 : columns.get(0).size();
    ResultsTable table = new ResultsTable(rows);
    for (int column = 0; column < columns.size(); column++) {
      fill(table, names.get(column), columns.get(column));
    }
    return table;
  }

  private static void fill(ResultsTable table, String name, List<String> cells) {
    double[] numbers = numbers(cells);
    if (numbers == null) {
      for (int row = 0; row < cells.size(); row++) {
        table.setValue(name, row, cells.get(row));
      }
      return;
    }
    int column = table.getFreeColumn(name);
    for (int row = 0; row < numbers.length; row++) {
      if (Double.isNaN(numbers[row])) {
        table.setValue(column, row, ""); // of a number that is none ImageJ shows "NaN"
      } else {
        table.setValue(column, row, numbers[row]);
      }
    }
    int decimals = decimals(numbers);
    if (decimals > 0) {
      table.setDecimalPlaces(column, decimals);
    }
  }

  /** The numbers in some cells, NaN in empty ones; null if one holds something else. */
  private static double[] numbers(List<String> cells) {
    double[] numbers = new double[cells.size()];
    for (int row = 0; row < numbers.length; row++) {
      String cell = cells.get(row);
      if (cell.isEmpty()) {
        numbers[row] = Double.NaN;
        continue;
      }
      try {
        numbers[row] = Double.parseDouble(cell);
      } catch (NumberFormatException e) {
        return null;
      }
      if (cell.length() > EXACT_DIGITS && cell.matches("-?\\d+")) {
        return null;
      }
    }
    return numbers;
  }

  /** How many decimals of a column are shown; 0 if all are whole, which ImageJ sees itself. */
  private static int decimals(double[] numbers) {
    double largest = 0;
    boolean isWhole = true;
    for (double number : numbers) {
      if (!Double.isNaN(number)) {
        largest = Math.max(largest, Math.abs(number));
        isWhole &= number == Math.rint(number);
      }
    }
    int before = isWhole ? 0 : (int) Math.ceil(Math.log10(largest));
    return isWhole ? 0 : Math.min(MOST_DECIMALS, Math.max(FEWEST_DECIMALS, SHOWN_DIGITS - before));
  }

  /** The cells of the next line, and goes on behind it. */
  private List<String> line() {
    List<String> cells = new ArrayList<>();
    while (true) {
      cells.add(cell());
      if (at >= text.length() || text.charAt(at) != ',') {
        break;
      }
      at++;
    }
    if (at < text.length() && text.charAt(at) == '\r') {
      at++;
    }
    at++; // the end of the line
    return cells;
  }

  private String cell() {
    if (at < text.length() && text.charAt(at) == '"') {
      return quotedCell();
    }
    int start = at;
    while (at < text.length() && ",\r\n".indexOf(text.charAt(at)) < 0) {
      at++;
    }
    return text.substring(start, at);
  }

  /** A cell in quotes, in which a quote is written twice. */
  private String quotedCell() {
    StringBuilder cell = new StringBuilder();
    at++;
    while (at < text.length()) {
      char next = text.charAt(at++);
      if (next == '"') {
        if (at >= text.length() || text.charAt(at) != '"') {
          break;
        }
        at++;
      }
      cell.append(next);
    }
    return cell.toString();
  }
}

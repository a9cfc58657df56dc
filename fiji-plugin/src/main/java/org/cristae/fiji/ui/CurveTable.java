package org.cristae.fiji.ui;

import ij.measure.ResultsTable;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** All figures of a training over its steps, as a table that ImageJ shows, plots and saves. */
final class CurveTable {
  private static final int DECIMALS = 6; // learning rates are small

  private final NavigableMap<Long, Map<String, Double>> rows = new TreeMap<>();

  /** Adds figures; a step that a job did again after an interruption counts once. */
  void add(long step, Map<String, Double> values) {
    rows.computeIfAbsent(step, s -> new TreeMap<>()).putAll(values);
  }

  /** The figures up to now: a row for each step, NaN where a figure was not taken. */
  ResultsTable table() {
    ResultsTable table = new ResultsTable();
    table.setNaNEmptyCells(true);
    table.setPrecision(DECIMALS);
    rows.forEach(
        (step, values) -> {
          table.addRow();
          table.addValue("step", step);
          values.forEach(table::addValue);
        });
    return table;
  }
}

package org.cristae.fiji.ui;

import ij.IJ;
import java.util.function.Consumer;

/** Shows a job in ImageJ's status and progress bar; warnings go to the log. For macros. */
public final class StatusBar implements JobListener {
  private final String what;
  private final Consumer<String> bar;

  /** What stands there; empty when the job has ended. */
  private String shown = "";

  /** Shows the stages only, as of a job that everybody knows of. */
  public StatusBar() {
    this("");
  }

  /**
   * Shows at once what is done, and then before each stage.
   *
   * @param what "Splitting object 12"; empty for the stages only
   */
  public StatusBar(String what) {
    this(what, IJ::showStatus);
  }

  StatusBar(String what, Consumer<String> bar) {
    this.what = what;
    this.bar = bar;
    if (!what.isEmpty()) {
      show(what + " ...");
    }
  }

  @Override
  public void update(String stage, double fraction, String detail) {
    String now = detail.isEmpty() ? stage + " ..." : stage + ": " + detail;
    show(what.isEmpty() ? now : what + ": " + now);
    IJ.showProgress(Math.min(0.999, fraction)); // 1 hides the bar
  }

  @Override
  public void note(String sentence, boolean isWarning) {
    if (isWarning) {
      IJ.log("Cristae: " + sentence);
    }
  }

  private synchronized void show(String text) {
    shown = text;
    bar.accept(text);
  }

  /** Shows it once more: the mouse over a tool or an image writes over it. */
  public synchronized void again() {
    if (!shown.isEmpty()) {
      bar.accept(shown);
    }
  }

  /** The job has ended: from now on nothing is shown again. */
  public synchronized void end() {
    shown = "";
  }

  /** Clears the bar. */
  public static void clear(String lastWords) {
    IJ.showProgress(1.0);
    IJ.showStatus(lastWords);
  }
}

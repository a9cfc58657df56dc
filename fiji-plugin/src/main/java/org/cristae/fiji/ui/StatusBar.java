package org.cristae.fiji.ui;

import ij.IJ;

/** Shows a job in ImageJ's status and progress bar; warnings go to the log. For macros. */
public final class StatusBar implements JobListener {
  @Override
  public void update(String stage, double fraction, String detail) {
    IJ.showStatus(detail.isEmpty() ? stage + " ..." : stage + ": " + detail);
    IJ.showProgress(Math.min(0.999, fraction)); // 1 hides the bar
  }

  @Override
  public void note(String sentence, boolean isWarning) {
    if (isWarning) {
      IJ.log("Cristae: " + sentence);
    }
  }

  /** Clears the bar. */
  public static void clear(String lastWords) {
    IJ.showProgress(1.0);
    IJ.showStatus(lastWords);
  }
}

package org.cristae.fiji.ui;

import org.cristae.v1.Job;

/**
 * What kind of result a prediction has, in the words of the choice "Result" of Segment: labels,
 * instances, probabilities or uncertainty.
 */
final class PredictedKind {
  private static final String LABELS = "labels";

  private PredictedKind() {}

  /** The kind of what a job that predicts makes or made. */
  static String of(Job job) {
    String wanted = job.getPrediction().getOutput();
    return wanted.isEmpty() ? LABELS : wanted;
  }

  /** What a job is called, with the kind: else those of one image and model look alike. */
  static String titled(String title, String kind) {
    return title + " (" + kind + ")";
  }

  /** That a result can be fetched. */
  static String isReady(String kind) {
    return kind.equals("uncertainty")
        ? "The uncertainty is ready: Open Result fetches it."
        : "The " + kind + " are ready: Open Result fetches them.";
  }
}

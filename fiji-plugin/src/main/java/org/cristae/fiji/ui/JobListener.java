package org.cristae.fiji.ui;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Map;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.LabelClass;

/** Is told what happens to a job, from any thread. */
public interface JobListener extends Progress {
  /** The server has the job under this id; from now on it survives this program. */
  default void submitted(String jobId) {}

  /**
   * The job is a training that may be asked to end early.
   *
   * @param finishing asks it; null if the server does not know how
   */
  default void isTraining(Finishing finishing) {}

  /** Whether a worker is on the job from now on, or it waits for one. */
  default void runs(boolean isRunning) {}

  /**
   * New figures of a training.
   *
   * @param step the optimiser step, from 1
   * @param values by name: "loss", "validation_loss", "dice", ...
   */
  default void figures(long step, Map<String, Double> values) {}

  /**
   * True if a result may be looked at while it still arrives; a macro finds it whole or not at all.
   */
  default boolean opensEarly() {
    return false;
  }

  /** True if pictures of a training are wanted; they are not fetched for nobody. */
  default boolean showsPreviews() {
    return false;
  }

  /**
   * A new picture of a training: image, labels and prediction of places that it does not learn
   * from.
   *
   * @param classes what it shows, with the colours that it has there
   */
  default void preview(BufferedImage picture, List<LabelClass> classes) {}
}

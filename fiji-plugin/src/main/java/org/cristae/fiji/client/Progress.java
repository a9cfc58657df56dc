package org.cristae.fiji.client;

/** Is told how far something is. Called from any thread; returns at once. */
public interface Progress {
  /** Tells nobody. */
  Progress NONE = (stage, fraction, detail) -> {};

  /**
   * It went on.
   *
   * @param stage what is being done, for people: "Sending stack.tif"
   * @param fraction from 0 to 1 of this stage
   * @param detail one short line with the newest figures; may be empty
   */
  void update(String stage, double fraction, String detail);

  /**
   * Something worth telling the person: a sentence of the plan, a warning.
   *
   * @param isWarning true if the result may be worse than hoped, or something went wrong
   */
  default void note(String sentence, boolean isWarning) {}
}

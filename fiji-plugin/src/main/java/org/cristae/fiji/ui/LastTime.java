package org.cristae.fiji.ui;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * What was chosen in a dialog the last time, whatever became of it: who opens the dialog for the
 * same image again, perhaps since the server refused something, need not type it again. Kept until
 * ImageJ ends.
 */
final class LastTime {
  private final String imageKey;
  private Choices choices;
  private List<String> titles = Collections.emptyList();

  /** Of a dialog whose image is the choice "image". */
  LastTime() {
    this("image");
  }

  /** Of a dialog whose first image is the choice {@code imageKey}. */
  LastTime(String imageKey) {
    this.imageKey = imageKey;
  }

  /** Keeps the choices for the images of these titles. */
  synchronized void keep(Choices chosen, String... ofImages) {
    choices = chosen;
    titles = Arrays.asList(ofImages);
  }

  /** Changes one of them, if there are any. */
  synchronized void put(String key, String value) {
    if (choices != null) {
      choices = choices.copy().put(key, value);
    }
  }

  /**
   * The choices of the last time if they were made for the image of this title, and theirs is still
   * open or lies on the server, else {@code otherwise}. They are a copy: what was accepted then may
   * still be worked on.
   */
  synchronized Choices of(String title, Choices otherwise) {
    if (!titles.contains(title)) {
      return otherwise;
    }
    String theirs = choices.get(imageKey, "");
    boolean isThere = choices.has(ModelOnServerImage.KEY) || OpenImages.titled(theirs) != null;
    return isThere ? choices.copy() : otherwise;
  }
}

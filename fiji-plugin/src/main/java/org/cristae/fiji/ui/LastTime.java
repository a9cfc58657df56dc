package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * What was chosen in a dialog the last time, whatever became of it: who opens the dialog for the
 * same image again, perhaps since the server refused something, need not type it again. Kept until
 * ImageJ ends.
 */
final class LastTime {
  private Choices choices;
  private List<String> titles = Collections.emptyList();

  /** Keeps the choices for the images of these titles. */
  synchronized void keep(Choices chosen, String... ofImages) {
    choices = chosen;
    titles = Arrays.asList(ofImages);
  }

  /** Changes one of them, if there are any. */
  synchronized void put(String key, String value) {
    if (choices != null) {
      choices.put(key, value);
    }
  }

  /**
   * The choices of the last time if they were made for this image, and theirs is still open, else
   * {@code otherwise}.
   */
  synchronized Choices of(ImagePlus image, Choices otherwise) {
    boolean isSame =
        titles.contains(image.getTitle()) && OpenImages.titled(choices.get("image", "")) != null;
    return isSame ? choices : otherwise;
  }
}

package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.labels.ObjectsOverlay;

/** The dialog of "Cristae Show Objects"; none where objects are to be taken off. */
public final class ShowObjectsDialog {
  private ShowObjectsDialog() {}

  /**
   * Asks the person; not on the event thread. Where objects lie over the active image, the choice
   * is to take them off.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    Choices choices = ShowObjects.choices();
    if (ObjectsOverlay.of(active) != null) {
      return choices.put("image", active.getTitle()).put(ShowObjects.LABELS, ShowObjects.NONE);
    }
    IJ.showStatus("Cristae: looking at the open images ...");
    ImagePairs pairs = new ImagePairs();
    ImagePlus image = pairs.imageFor(active);
    ImagePlus likely = image == active ? pairs.labelsFor(active) : active;
    IJ.showStatus("");
    boolean[] accepted = new boolean[1];
    Look.onEventThread(() -> accepted[0] = show(image, likely, choices));
    return accepted[0] ? choices : null;
  }

  private static boolean show(ImagePlus image, ImagePlus labels, Choices choices) {
    FormDialog form = new FormDialog("Cristae: show objects", choices);
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(open -> titles.add(open.getTitle()));
    form.choice(false, "image", "Image", titles, false, image.getTitle());
    String proposed = labels == null ? titles.get(0) : labels.getTitle();
    form.choice(false, ShowObjects.LABELS, "Labels", titles, false, proposed);
    form.hint(false, "one number for each object, 0 between them");
    form.text(
        false, ShowObjects.OPACITY, "Opacity in %", ShowObjects.USUAL_OPACITY, "From 1 to 100");
    if (!form.ask("Show")) {
      return false;
    }
    for (String key : new String[] {"image", ShowObjects.LABELS, ShowObjects.OPACITY}) {
      choices.put(key, form.value(key));
    }
    return true;
  }
}

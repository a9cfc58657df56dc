package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.List;
import javax.swing.JComboBox;
import javax.swing.JTextField;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.VoxelSizes;

/** The dialog of "Cristae Clean Objects". */
public final class CleanDialog {
  private static final String[] KEYS = {
    "image",
    CleanObjects.FILL_HOLES,
    CleanObjects.SMOOTH,
    CleanObjects.MINIMUM_NM3,
    CleanObjects.MINIMUM_VOXELS,
    CleanObjects.REMOVE_BORDER
  };

  private static final LastTime LAST = new LastTime();

  private CleanDialog() {}

  /**
   * Asks the person; not on the event thread.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    Choices choices = LAST.of(active.getTitle(), CleanObjects.choices());
    boolean[] accepted = new boolean[1];
    Look.onEventThread(() -> accepted[0] = show(active, choices));
    if (!accepted[0]) {
      return null;
    }
    LAST.keep(choices, active.getTitle(), choices.get("image", ""));
    return choices;
  }

  private static boolean show(ImagePlus active, Choices choices) {
    FormDialog form = new FormDialog("Cristae: clean objects", choices);
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(open -> titles.add(open.getTitle()));
    JComboBox<String> image =
        form.choice(false, "image", "Label image", titles, false, active.getTitle());
    form.hint(false, "one number for each object, 0 between them; it stays as it is");
    form.check(false, CleanObjects.FILL_HOLES, "Fill holes");
    form.hint(false, "background that a single object encloses");
    form.check(false, CleanObjects.REMOVE_BORDER, "Remove objects at the border");
    form.hint(false, "of which the image may show a part only");
    String inNm3 = "Remove smaller than (nm\u00b3)";
    String inVoxels = "Remove smaller than (voxels)";
    String size = "In numbers such as 5000 or 1e6; empty: none is removed for its size";
    JTextField nm3 = form.text(false, CleanObjects.MINIMUM_NM3, inNm3, "", size);
    form.text(false, CleanObjects.MINIMUM_VOXELS, inVoxels, "", size);
    JTextField smooth =
        form.text(
            false, CleanObjects.SMOOTH, "Smooth over (nm)", "", "A radius; empty: not at all");
    form.hint(false, "parts thinner than this can be lost");
    Runnable tell =
        () -> {
          boolean hasSize = hasVoxelSize(form.value("image"));
          nm3.setEnabled(hasSize);
          smooth.setEnabled(hasSize);
          form.say(
              hasSize
                  ? ""
                  : "This image has no voxel size, so nothing in it can be smoothed or measured in"
                      + " nanometres. Set it in Image > Properties and choose the image again, or give voxels.");
        };
    tell.run();
    image.addActionListener(event -> tell.run());
    if (!form.ask("Clean")) {
      return false;
    }
    for (String key : KEYS) {
      boolean isOfNm = key.equals(CleanObjects.SMOOTH) || key.equals(CleanObjects.MINIMUM_NM3);
      choices.put(key, isOfNm && !nm3.isEnabled() ? "" : form.value(key));
    }
    return true;
  }

  /** Without a voxel size nanometres mean nothing. */
  private static boolean hasVoxelSize(String title) {
    ImagePlus image = OpenImages.titled(title);
    return image != null && VoxelSizes.of(image.getCalibration()).isPresent();
  }
}

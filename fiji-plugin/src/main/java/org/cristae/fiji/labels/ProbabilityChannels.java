package org.cristae.fiji.labels;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;

/** How likely each class of a model is, one in each channel of a hyperstack, grey. */
public final class ProbabilityChannels {
  private static final String BACKGROUND = "background";

  private ProbabilityChannels() {}

  /**
   * What a model tells apart; of one for objects, their interior and the boundaries between them.
   */
  public static List<LabelClass> classes(Model model) {
    if (model.getTarget().equals("instances")) {
      List<LabelClass> parts = new ArrayList<>();
      parts.add(LabelClass.newBuilder().setValue(1).setName("interior").build());
      parts.add(LabelClass.newBuilder().setValue(2).setName("boundary").build());
      return parts;
    }
    return model.getClassesList();
  }

  /**
   * The names of the channels that probabilities of a model have, in their order; empty if it is
   * not known, as where the model is another one of that name by now.
   */
  public static List<String> names(Model model, int channels) {
    List<String> names = new ArrayList<>();
    if (model.getClassesCount() == channels) {
      model.getClassesList().forEach(label -> names.add(label.getName())); // each for itself
    } else if (classes(model).size() + 1 == channels) {
      names.add(BACKGROUND);
      classes(model).forEach(label -> names.add(label.getName()));
    }
    return names;
  }

  /**
   * Names the channels, and turns to the first one that is not background, which is black where
   * there is something to see.
   *
   * @param image from 0 to 255; changed, but for its voxels
   * @param names as many as there are channels
   * @throws CristaeException if the image is a time series of stacks
   */
  public static void show(ImagePlus image, List<String> names) throws CristaeException {
    PlaneOrder order = PlaneOrder.of(image);
    for (int channel = 0; channel < names.size(); channel++) {
      for (int z = 0; z < order.sections(); z++) {
        image.getStack().setSliceLabel(names.get(channel), order.plane(channel, z));
      }
    }
    boolean isAfterBackground = names.size() > 1 && names.get(0).equals(BACKGROUND);
    image.setPosition(isAfterBackground ? 2 : 1, image.getZ(), image.getT());
    image.setDisplayRange(0, 255);
  }
}

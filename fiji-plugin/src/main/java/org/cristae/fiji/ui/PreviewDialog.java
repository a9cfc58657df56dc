package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.swing.DefaultComboBoxModel;
import javax.swing.JComboBox;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.fiji.labels.ProbabilityChannels;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;

/** The dialog of "Cristae Preview". */
public final class PreviewDialog {
  private static final String[] REMEMBERED = {"model", "output"};
  private static final String[] KEYS = {"image", "model", "output", "voxel-size", "device"};

  private static final LastTime LAST = new LastTime();

  private PreviewDialog() {}

  /**
   * Asks the server for its models, then the person; not on the event thread.
   *
   * @return the choices, with the slice and the selection as they are now; null if the person
   *     cancelled
   * @throws CristaeException if no image is open, no server is there, or it has no model or is too
   *     old
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    Client client = Connection.open(new StatusBar(), new Cancellation());
    SlicePreview.need(client);
    List<Model> models = ServerModels.some(client);
    StatusBar.clear("");
    Choices choices =
        LAST.of(
            active.getTitle(),
            FittingModel.put(SlicePreview.choices().recall(REMEMBERED), models, active));
    boolean[] accepted = new boolean[1];
    Look.onEventThread(() -> accepted[0] = show(active.getTitle(), models, choices));
    if (!accepted[0]) {
      return null;
    }
    choices.rememberIfAccepted(REMEMBERED);
    LAST.keep(choices, active.getTitle(), choices.get("image", ""));
    ImagePlus image = OpenImages.image(choices);
    int section = PlaneOrder.of(image).currentSection(image);
    choices.put("slices", String.valueOf(section + 1));
    choices.put(ImagePart.KEY, ImagePart.proposed(image));
    IJ.showStatus("");
    return choices;
  }

  private static boolean show(String title, List<Model> models, Choices choices) {
    FormDialog form = new FormDialog("Cristae: preview", choices);
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(open -> titles.add(open.getTitle()));
    List<String> names = new ArrayList<>();
    models.forEach(model -> names.add(model.getName()));
    form.choice(false, "image", "Image", titles, false, title);
    JComboBox<String> model = form.choice(false, "model", "Model", names, false, names.get(0));
    JComboBox<String> output =
        form.choice(false, "output", "Show", Arrays.asList(SlicePreview.OUTPUTS), false, "labels");
    JComboBox<String> one =
        form.choice(false, "class", "Of the class", new ArrayList<>(), false, "");
    form.text(true, "voxel-size", "Voxel size z,y,x in nm", "", "Instead of the calibration");
    form.text(true, "device", "Device", "", "cpu, cuda:0; empty: a GPU that has room, or the CPU");
    Runnable tell =
        () -> {
          Model chosen = models.get(Math.max(0, model.getSelectedIndex()));
          boolean isOfClass = "probabilities".equals(output.getSelectedItem());
          one.setModel(new DefaultComboBoxModel<>(classes(chosen).toArray(new String[0])));
          one.setSelectedItem(choices.get("class", String.valueOf(one.getSelectedItem())));
          one.setEnabled(isOfClass && one.getItemCount() > 0);
          form.say(
              SegmentDialog.about(chosen)
                  + ". Shown over the slice, or over the rectangle around a selection, as you"
                  + " move.");
        };
    tell.run();
    model.addActionListener(event -> tell.run());
    output.addActionListener(event -> tell.run());
    if (!form.ask("Preview")) {
      return false;
    }
    for (String key : KEYS) {
      choices.put(key, form.value(key));
    }
    choices.put("class", one.isEnabled() ? form.value("class") : "");
    return true;
  }

  private static List<String> classes(Model model) {
    List<String> names = new ArrayList<>();
    for (LabelClass label : ProbabilityChannels.classes(model)) {
      names.add(label.getName());
    }
    return names;
  }
}

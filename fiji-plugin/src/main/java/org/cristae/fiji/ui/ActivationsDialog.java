package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.swing.DefaultComboBoxModel;
import javax.swing.JCheckBox;
import javax.swing.JComboBox;
import javax.swing.JTextField;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.Box;
import org.cristae.v1.Layer;
import org.cristae.v1.Model;
import org.cristae.v1.Shape;

/** The dialog of "Cristae Show Activations". */
public final class ActivationsDialog {
  private static final String[] REMEMBERED = {"model", "layer"};
  private static final String[] KEYS = {
    "image", "model", "slices", ImagePart.KEY, "voxel-size", "device"
  };

  private static final LastTime LAST = new LastTime();

  private final Client client;
  private final ImagePlus active;
  private final List<Model> models;
  private final Choices choices;
  private final FormDialog form;

  /** What the server told up to now, by the name of the model; used on the event thread. */
  private final Map<String, List<Layer>> layersOf = new HashMap<>();

  /** The layers in the box, in its order. */
  private List<Layer> shown = Collections.emptyList();

  private JComboBox<String> layer;
  private JTextField slices;
  private JTextField part;
  private JCheckBox parts;

  /** On the event thread. */
  private ActivationsDialog(Client client, ImagePlus active, List<Model> models, Choices choices) {
    this.client = client;
    this.active = active;
    this.models = models;
    this.choices = choices;
    form = new FormDialog("Cristae: show activations", choices);
  }

  /**
   * Asks the server for its models, then the person; not on the event thread. The layers of a model
   * are asked for while the dialog is open, since that takes seconds.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open, no server is there, or it has no model or is too
   *     old
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    Client client = Connection.open(new StatusBar(), new Cancellation());
    ActivationMaps.need(client);
    List<Model> models = ServerModels.some(client);
    StatusBar.clear("");
    Choices choices =
        LAST.of(
            active.getTitle(),
            FittingModel.put(ActivationMaps.choices().recall(REMEMBERED), models, active));
    choices.put("slices", "").put(ImagePart.KEY, ""); // as they are now, not the last time
    boolean[] accepted = new boolean[1];
    Look.onEventThread(
        () -> accepted[0] = new ActivationsDialog(client, active, models, choices).show());
    if (!accepted[0]) {
      return null;
    }
    choices.rememberIfAccepted(REMEMBERED);
    LAST.keep(choices, active.getTitle(), choices.get("image", ""));
    IJ.showStatus("");
    return choices;
  }

  private boolean show() {
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(open -> titles.add(open.getTitle()));
    List<String> names = new ArrayList<>();
    models.forEach(model -> names.add(model.getName()));
    JComboBox<String> image =
        form.choice(false, "image", "Image", titles, false, active.getTitle());
    JComboBox<String> model = form.choice(false, "model", "Model", names, false, names.get(0));
    layer = form.choice(false, "layer", "Layer", Collections.emptyList(), false, "");
    form.hint(false, "encoder: from fine to coarse; decoder: back again; head: the classes");
    slices = form.text(false, "slices", "Slices", "", "Counted from 1");
    form.hint(false, "12, or 1-40 with both ends");
    part = form.text(false, ImagePart.KEY, "Part", "", "In pixels of the image");
    form.hint(false, ImagePart.WHOLE + ", or x,y,width,height: those of the selection");
    parts = form.check(true, "parts", "Parts of the layers, too");
    form.text(true, "voxel-size", "Voxel size z,y,x in nm", "", "Instead of the calibration");
    form.text(true, "device", "Device", "", "cpu, cuda:0; empty: the fastest that is free");
    takePlace();
    image.addActionListener(event -> takePlace());
    model.addActionListener(event -> askForLayers());
    layer.addActionListener(event -> tell());
    parts.addActionListener(event -> askForLayers());
    form.onTyping(slices, text -> tell());
    form.onTyping(part, text -> tell());
    askForLayers();
    if (!form.ask("Show")) {
      return false;
    }
    for (String key : KEYS) {
      choices.put(key, form.value(key));
    }
    choices.put("layer", chosen());
    return true;
  }

  /** The slice and the selection of the image that is chosen now. */
  private void takePlace() {
    ImagePlus image = OpenImages.titled(form.value("image"));
    if (image != null) {
      part.setText(ImagePart.proposed(image));
      try {
        slices.setText(String.valueOf(PlaneOrder.of(image).currentSection(image) + 1));
      } catch (CristaeException e) {
        form.say(e.getMessage());
      }
    }
  }

  /** The name of the layer that is chosen now; empty while there is none. */
  private String chosen() {
    int index = layer.getSelectedIndex();
    return index < 0 ? "" : shown.get(index).getName();
  }

  /** Fills the box with the layers of the model, as soon as the server has told them. */
  private void askForLayers() {
    String model = form.value("model");
    List<Layer> layers = layersOf.get(model);
    if (layers != null) {
      list(layers);
      return;
    }
    list(Collections.emptyList());
    form.say("Asking the server for the layers of " + model + " ...");
    Thread thread = new Thread(() -> fetch(model), "Cristae asks for layers");
    thread.setDaemon(true);
    thread.start();
  }

  private void fetch(String model) {
    try {
      List<Layer> layers = new Jobs(client).layers(model);
      SwingUtilities.invokeLater(
          () -> {
            layersOf.put(model, layers);
            if (form.value("model").equals(model)) {
              list(layers);
            }
          });
    } catch (CristaeException e) {
      refuse(model, e);
    } catch (RuntimeException | Error e) {
      refuse(model, Failures.unforeseen(e));
    }
  }

  private void refuse(String model, CristaeException failure) {
    SwingUtilities.invokeLater(
        () -> {
          if (form.value("model").equals(model)) {
            form.refuse(failure.getMessage());
          }
        });
  }

  private void list(List<Layer> layers) {
    String before = layer.getSelectedIndex() < 0 ? choices.get("layer", "") : chosen();
    if (!before.isEmpty()) {
      choices.put("layer", before); // while another model's layers are not there yet
    }
    shown = parts.isSelected() ? layers : Layers.whole(layers);
    DefaultComboBoxModel<String> items = new DefaultComboBoxModel<>();
    int place = -1;
    for (Layer one : shown) {
      place = one.getName().equals(before) ? items.getSize() : place;
      items.addElement(Layers.words(one));
    }
    layer.setModel(items);
    layer.setEnabled(!shown.isEmpty());
    if (!shown.isEmpty()) {
      layer.setSelectedIndex(place < 0 ? shown.indexOf(Layers.usual(layers)) : place);
    }
  }

  /** Says what will be made of what is chosen now, or what is wrong with it. */
  private void tell() {
    ImagePlus image = OpenImages.titled(form.value("image"));
    if (image == null || layer.getSelectedIndex() < 0) {
      return;
    }
    Choices now = ActivationMaps.choices();
    now.call("slices", "Slices");
    now.call(ImagePart.KEY, "Part");
    now.put("slices", form.value("slices")).put(ImagePart.KEY, form.value(ImagePart.KEY));
    try {
      Box region = ImagePart.of(now, image, PlaneOrder.of(image));
      form.say(about(Layers.resultShape(shown.get(layer.getSelectedIndex()), region)));
    } catch (CristaeException e) {
      form.refuse(e.getMessage());
    }
  }

  /** What the maps will be, in an image that has the voxel size of the model. */
  static String about(Shape maps) {
    double megabytes = 4e-6 * maps.getC() * maps.getZ() * maps.getY() * maps.getX();
    String slices = maps.getZ() == 1 ? "" : " in " + maps.getZ() + " slices";
    return String.format(
        Locale.ROOT,
        "Makes a stack of %d channels, one for each map, of about %d x %d voxels%s: %.1f MB.",
        maps.getC(),
        maps.getX(),
        maps.getY(),
        slices,
        megabytes);
  }
}

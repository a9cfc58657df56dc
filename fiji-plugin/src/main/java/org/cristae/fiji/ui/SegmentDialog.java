package org.cristae.fiji.ui;

import ij.IJ;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FoundImages;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;

/** The dialog of "Cristae Segment". */
public final class SegmentDialog {
  private static final int MOST_CLASSES = 8;

  /** More than these are not listed; their names can be typed. */
  private static final int MOST_IMAGES = 1000;

  private static final String[] REMEMBERED = {"model", "output", "flips", "split"};

  private static final LastTime LAST = new LastTime();

  private SegmentDialog() {}

  /** Has the dialog propose a model that was just made. */
  static void propose(String model) {
    Segmentation.choices().put("model", model).remember("model");
    LAST.put("model", model);
  }

  /**
   * Asks the server for its models, then the person; not on the event thread.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open, no server is there or it has no model
   */
  public static Choices ask() throws CristaeException {
    StatusBar status = new StatusBar();
    boolean isOpen = !OpenImages.all().isEmpty();
    Client client = isOpen ? null : Connection.ifThere();
    boolean mayBeThere = client != null && !Connection.lacks(client, FoundImages.FEATURE);
    // Without an open image only one on the server can be meant.
    String active = isOpen || !mayBeThere ? OpenImages.find("").getTitle() : "";
    client = Connection.open(status, new Cancellation());
    List<Model> models = ServerModels.some(client);
    List<String> onServer = onServer(client, status);
    StatusBar.clear("");
    Choices choices =
        LAST.of(
            active,
            FittingModel.put(
                Segmentation.choices().recall(REMEMBERED),
                models,
                isOpen ? OpenImages.find(active) : null));
    boolean canFlip = !Connection.lacks(Segmentation.FLIPS);
    boolean canSplit = !Connection.lacks(Segmentation.SPLIT);
    boolean canMask = isOpen && !Connection.lacks(Segmentation.INSIDE);
    boolean canCombine = models.size() > 1 && !Connection.lacks(Segmentation.ENSEMBLE);
    List<String> devices = Devices.of(client);
    boolean[] accepted = new boolean[1];
    Look.onEventThread(
        () ->
            accepted[0] =
                show(
                    active,
                    onServer,
                    models,
                    devices,
                    canFlip,
                    canSplit,
                    canMask,
                    canCombine,
                    choices));
    if (!accepted[0]) {
      return null;
    }
    choices.rememberIfAccepted(REMEMBERED);
    LAST.keep(choices, active, choices.get("image", ""));
    IJ.showStatus("");
    return choices;
  }

  /** The names of the images under the server's data root, "" before them; empty without one. */
  private static List<String> onServer(Client client, StatusBar status) throws CristaeException {
    List<String> names = new ArrayList<>();
    if (!Connection.lacks(client, FoundImages.FEATURE)) {
      status.update("Asking the server for its images", 0, "");
      names.add("");
      FoundImages.list(client, MOST_IMAGES, new Cancellation())
          .forEach(image -> names.add(image.getName()));
    }
    return names;
  }

  private static boolean show(
      String image,
      List<String> onServer,
      List<Model> models,
      List<String> devices,
      boolean canFlip,
      boolean canSplit,
      boolean canMask,
      boolean canCombine,
      Choices choices) {
    FormDialog form = new FormDialog("Cristae: segment an image", choices);
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(open -> titles.add(open.getTitle()));
    if (!titles.isEmpty()) {
      form.choice(false, "image", "Image", titles, false, image);
    }
    if (!onServer.isEmpty()) {
      form.choice(!titles.isEmpty(), ModelOnServerImage.KEY, "Server image", onServer, true, "");
      form.hint(!titles.isEmpty(), "instead of an open image: one that lies on the server already");
    }
    List<String> names = new ArrayList<>();
    models.forEach(model -> names.add(model.getName()));
    javax.swing.JComboBox<String> model =
        form.choice(false, "model", "Model", names, false, names.get(0));
    form.say(about(models.get(Math.max(0, model.getSelectedIndex()))));
    model.addActionListener(
        event -> form.say(about(models.get(Math.max(0, model.getSelectedIndex())))));
    form.choice(
        true,
        "output",
        "Result",
        Arrays.asList("auto", "labels", "instances", "probabilities", "uncertainty"),
        false,
        "auto");
    form.hint(true, "auto: single objects if the model was trained for them, else classes");
    if (canFlip) {
      form.check(true, "flips", "Average over mirror images");
      form.hint(true, "takes four times as long, usually a little better");
    }
    if (canSplit) {
      form.check(true, "split", "Split touching objects");
      form.hint(true, "for the result instances of a model of classes: cut where they are narrow");
    }
    if (canMask) {
      List<String> orNone = new ArrayList<>();
      orNone.add("");
      orNone.addAll(titles);
      form.choice(true, Segmentation.MASK, "Only inside", orNone, false, "");
      form.hint(true, "a mask: where it is 0 nothing is looked for, and no time is spent");
    }
    if (canCombine) {
      form.text(true, "more-models", "More models", "", "Names with commas between: mito-2,mito-3");
      form.choice(
          true, "combine", "Combined by", Arrays.asList("mean", "median", "vote"), false, "mean");
      form.hint(
          true, "models of the same classes answer together; uncertain is where they disagree");
    }
    form.text(true, "voxel-size", "Voxel size z,y,x in nm", "", "Instead of the calibration");
    form.choice(true, "device", "Device", devices, true, Devices.FASTEST)
        .setToolTipText(Devices.HINT);
    if (!form.ask("Segment")) {
      return false;
    }
    for (String key : new String[] {"model", "voxel-size", "device"}) {
      choices.put(key, form.value(key));
    }
    String served = onServer.isEmpty() ? "" : form.value(ModelOnServerImage.KEY);
    choices.put(ModelOnServerImage.KEY, served);
    choices.put("image", served.isEmpty() && !titles.isEmpty() ? form.value("image") : "");
    String more = canCombine ? form.value("more-models") : "";
    choices.put("more-models", more);
    choices.put("combine", more.isEmpty() ? "" : form.value("combine"));
    choices.put("flips", canFlip ? form.value("flips") : "");
    choices.put("split", canSplit ? form.value("split") : "");
    choices.put(Segmentation.MASK, canMask ? form.value(Segmentation.MASK) : "");
    String output = form.value("output");
    choices.put("output", output.equals("auto") ? "" : output);
    return true;
  }

  /** One line about a model: its classes, how good it was, for which voxels. */
  static String about(Model model) {
    List<String> classes = new ArrayList<>();
    for (LabelClass label : model.getClassesList()) {
      classes.add(label.getName());
    }
    int more = classes.size() - MOST_CLASSES;
    if (more > 0) {
      classes = new ArrayList<>(classes.subList(0, MOST_CLASSES));
      classes.add(more + " more");
    }
    StringBuilder text = new StringBuilder();
    text.append(model.getTarget().equals("instances") ? "Finds objects" : "Finds classes");
    if (!classes.isEmpty() && !model.getTarget().equals("instances")) {
      text.setLength(0);
      text.append("Finds ").append(String.join(", ", classes));
    }
    if (model.getMetricsMap().containsKey("dice")) {
      text.append(String.format(Locale.ROOT, "; Dice %.2f", model.getMetricsMap().get("dice")));
    }
    if (model.hasVoxelSize()) {
      text.append(
          String.format(
              Locale.ROOT,
              "; made for %.3g x %.3g x %.3g nm",
              model.getVoxelSize().getZNm(),
              model.getVoxelSize().getYNm(),
              model.getVoxelSize().getXNm()));
    }
    return text.toString();
  }
}

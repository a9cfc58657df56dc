package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import javax.swing.JComboBox;
import javax.swing.JOptionPane;
import javax.swing.JTextField;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;

/** The dialog of "Cristae Train". */
public final class TrainDialog {
  private static final String[] REMEMBERED = {
    "task", "budget", "name", "classes", "unknown", "empty-sections", "set"
  };

  private static final LastTime LAST = new LastTime();

  private final ImagePlus active;
  private final List<String> tasks;
  private final ServerModels models;
  private final Choices choices;
  private final ImagePairs pairs;
  private final FormDialog form;
  private JComboBox<String> images;
  private JComboBox<String> labels;
  private JComboBox<String> task;
  private JTextField name;
  private String suggestedTask;

  /** Another image is proposed than the active one, since only that has labels. */
  private boolean isInsteadOfActive;

  /** On the event thread. */
  private TrainDialog(
      ImagePlus active,
      List<String> tasks,
      ServerModels models,
      Choices choices,
      ImagePairs pairs) {
    this.active = active;
    this.tasks = tasks;
    this.models = models;
    this.choices = choices;
    this.pairs = pairs;
    form = new FormDialog("Cristae: train a model", choices);
  }

  /**
   * Asks the person; not on the event thread. Meanwhile the server is asked for its models, and
   * started if need be, since none is to be replaced unawares.
   *
   * @return the choices; null if the person cancelled
   * @throws CristaeException if no image is open, or no server is there
   */
  public static Choices ask() throws CristaeException {
    ImagePlus active = OpenImages.find("");
    IJ.showStatus("Cristae: looking at the open images and for the server ...");
    Choices choices = LAST.of(active.getTitle(), TrainingChoices.none().recall(REMEMBERED));
    choices.put("budget", TrainingChoices.budgetNow(choices.get("budget", "")));
    LabelledImage.forgetClosed(choices);
    final String namesBefore = choices.get("classes", "");
    List<String> tasks = new ArrayList<>(Arrays.asList("semantic", "masks", "instances"));
    Client client = Connection.ifThere();
    if (Connection.lacks(client, TrainingChoices.feature("masks"))) {
      tasks.remove("masks"); // an older server
    }
    boolean canVote = !Connection.lacks(client, Training.SEVERAL_ANNOTATORS);
    ServerModels models = ServerModels.ask();
    ImagePairs pairs = new ImagePairs();
    proposed(pairs, active); // looked at here, not on the event thread
    pairs.lookAhead();
    boolean[] accepted = new boolean[1];
    while (true) {
      Look.onEventThread(
          () -> {
            TrainDialog dialog = new TrainDialog(active, tasks, models, choices, pairs);
            accepted[0] = dialog.show(canVote);
          });
      if (!accepted[0]) {
        return null;
      }
      boolean areOfBefore =
          choices.get("classes", "").equals(namesBefore)
              && choices.get("task", "").equals("instances");
      if (areOfBefore) {
        choices.put("classes", ""); // those of a training before, which nobody gave now
      }
      choices.rememberIfAccepted(REMEMBERED);
      LAST.keep(choices, titles(active, choices));
      String replaced = canBe(choices) ? models.all().get(choices.get("name", "")) : null;
      if (replaced == null || mayReplace(replaced)) {
        return choices;
      }
      if (areOfBefore) {
        choices.put("classes", namesBefore); // another task may be chosen now
      }
    }
  }

  /** False of what is refused in any case: nothing is to be asked about it before. */
  private static boolean canBe(Choices choices) {
    try {
      TrainingChoices.spec(choices);
      TrainingChoices.voxelSize(choices);
      return true;
    } catch (CristaeException e) {
      return false;
    }
  }

  /** The titles of the images that were chosen: who opens the dialog for one goes on with all. */
  private static String[] titles(ImagePlus active, Choices choices) {
    List<String> titles = new ArrayList<>();
    titles.add(active.getTitle());
    titles.add(choices.get("image", ""));
    titles.add(choices.get("labels", ""));
    titles.addAll(Titles.split(choices.get(LabelledImage.ALSO, "")));
    titles.addAll(Titles.split(choices.get(LabelledImage.ANNOTATORS, "")));
    return titles.toArray(new String[0]);
  }

  /** Asks whether a model may be replaced; not on the event thread. */
  private static boolean mayReplace(String replaced) {
    boolean[] may = new boolean[1];
    Look.onEventThread(
        () -> {
          String[] answers = {"Replace", "Another Name"};
          String question = Look.wrapped(replaced, FormDialog.WIDTH);
          int answer =
              JOptionPane.showOptionDialog(
                  null, // in the middle, where the dialog was
                  question,
                  "Cristae: replace a model?",
                  JOptionPane.DEFAULT_OPTION,
                  JOptionPane.WARNING_MESSAGE,
                  null,
                  answers,
                  answers[1]);
          may[0] = answer == 0;
        });
    return may[0];
  }

  /** The image that is proposed to learn from. */
  private static ImagePlus proposed(ImagePairs pairs, ImagePlus active) {
    ImagePlus image = pairs.imageFor(active);
    return pairs.labelled(image, Training.hasRois(image), OpenImages.all());
  }

  private boolean show(boolean canVote) {
    List<String> titles = new ArrayList<>();
    OpenImages.all().forEach(image -> titles.add(image.getTitle()));
    ImagePlus before = choices.has("image") ? OpenImages.titled(choices.get("image", "")) : null;
    boolean isAgain = before != null; // not if it was closed while another name was asked for
    ImagePlus image = isAgain ? before : proposed(pairs, active);
    isInsteadOfActive = !isAgain && image != pairs.imageFor(active);
    images = form.choice(false, "image", "Image", titles, false, image.getTitle());
    List<String> sources = new ArrayList<>(titles);
    sources.add(TrainingChoices.ROIS);
    String likely = labelsFor(image);
    labels = form.choice(false, "labels", "Labels", sources, false, likely);
    labels.setToolTipText("A label image of the same size, or the ROIs of the ROI Manager");
    String source = form.value("labels");
    if (!isAgain || !source.equals(choices.get("labels", ""))) {
      choices.put("task", pairs.task(OpenImages.titled(source), choices.get("task", "semantic")));
    }
    task = form.choice(false, "task", "Task", tasks, false, "semantic");
    suggestedTask = form.value("task");
    String overlap = tasks.contains("masks") ? " masks: kinds that overlap;" : "";
    form.hint(
        false,
        "semantic: classes, the kind of each voxel;" + overlap + " instances: single objects");
    name =
        form.text(
            false,
            "name",
            "Name of the model",
            ModelName.suggested(likely),
            "A model of this name is replaced when the training ends well");
    name.selectAll();
    form.onTyping(name, text -> tell());
    String proposed = form.value("name");
    models.whenThere(() -> proposeFreeName(proposed));
    form.choice(
        false,
        "budget",
        "Time",
        Arrays.asList("seconds", "quick", "standard", "best"),
        true,
        "quick");
    form.hint(
        false,
        "quick: 5 minutes, standard: 20, best: up to 120; or a number of minutes;"
            + " seconds: a random forest");
    several(canVote);
    advanced();
    images.addActionListener(
        event -> {
          ImagePlus chosen = OpenImages.titled(form.value("image"));
          if (chosen != null) {
            labels.setSelectedItem(labelsFor(chosen));
          }
          tell();
        });
    labels.addActionListener(
        event -> {
          suggestTask();
          tell();
        });
    tell();
    if (!form.ask("Train")) {
      return false;
    }
    for (String key :
        new String[] {
          "image",
          "labels",
          LabelledImage.ALSO,
          "task",
          "name",
          "budget",
          "classes",
          "unknown",
          "slices",
          "validation",
          "voxel-size",
          "start-from",
          "seed",
          "device",
          "set"
        }) {
      choices.put(key, form.value(key));
    }
    choices.put(LabelledImage.ANNOTATORS, canVote ? form.value(LabelledImage.ANNOTATORS) : "");
    String empty = form.value("empty-sections");
    choices.put("empty-sections", empty.equals("unknown") ? "" : empty);
    return true;
  }

  /** The task for other labels, unless the person chose another one than was suggested. */
  private void suggestTask() {
    if (form.value("task").equals(suggestedTask)) {
      task.setSelectedItem(pairs.task(OpenImages.titled(form.value("labels")), suggestedTask));
      suggestedTask = form.value("task");
    }
  }

  /** A name that no model has, unless the person typed one by now. */
  private void proposeFreeName(String proposed) {
    String free = ModelName.free(proposed, models.soFar().keySet());
    if (name.isShowing() && form.value("name").equals(proposed) && !free.equals(proposed)) {
      name.setText(free);
      name.selectAll();
    }
    tell();
  }

  /** Says what is to be known of what is chosen now. */
  private void tell() {
    ImagePlus image = OpenImages.titled(form.value("image"));
    ImagePlus chosen = OpenImages.titled(form.value("labels"));
    String lack = image == null ? "" : aboutLabels(image);
    String swap = image == null || chosen == null ? "" : pairs.aboutSwap(image, chosen);
    String typed = form.value("name");
    String refused = typed.isEmpty() ? "" : ModelName.whyNot(typed);
    if (!refused.isEmpty()) {
      form.refuse(refused);
      return;
    }
    String doubt = image == null || chosen == null ? "" : pairs.doubt(image, chosen);
    String model = chosen == null ? "" : ImagePairs.modelOf(chosen);
    String made =
        model.isEmpty()
            ? ""
            : "\""
                + chosen.getTitle()
                + "\" was made by the model \""
                + model
                + "\": learn from it only if you have corrected it.";
    form.say(
        String.join(" ", lack, swap, made, doubt, models.soFar().getOrDefault(typed, "")).trim());
  }

  /** Why this image and these labels are proposed, where it is not what a person may expect. */
  private String aboutLabels(ImagePlus image) {
    boolean isLacking =
        form.value("labels").equals(TrainingChoices.ROIS) && !Training.hasRois(image);
    if (isLacking) {
      return pairs.aboutLack(image, OpenImages.all());
    }
    return isInsteadOfActive && image != active
        ? "The active image \""
            + active.getTitle()
            + "\" has no ROIs and no labels that are open: \""
            + image.getTitle()
            + "\" is proposed, which has."
        : "";
  }

  /** Further images, and further annotators of the first one. */
  private void several(boolean canVote) {
    MoreImages more = new MoreImages(pairs);
    form.titles(
        true,
        LabelledImage.ALSO,
        "Also learn from",
        "Further images, each with its labels behind it: b.tif,b-labels.tif",
        before -> more.images(form.value("image"), form.value("labels"), before));
    if (canVote) {
      form.titles(
          true,
          LabelledImage.ANNOTATORS,
          "Other annotators",
          "Labels of the same image by other people: what most say counts",
          before -> more.annotators(form.value("image"), form.value("labels"), before));
    }
  }

  /** A choice whose words come from the server, while the dialog is open; any can be typed. */
  private JComboBox<String> later(String key, String label, String toolTip) {
    JComboBox<String> box = form.choice(true, key, label, Collections.singletonList(""), true, "");
    box.setToolTipText(toolTip);
    return box;
  }

  private void advanced() {
    form.text(
        true,
        "classes",
        "Names of classes",
        "",
        "For values 1, 2, ..., or for the channels of masks");
    form.hint(true, "for the values 1, 2, ...: mitochondria,vesicles");
    form.text(
        true,
        "unknown",
        "Unknown value",
        "",
        "The label value of voxels that nobody labelled; empty: none");
    form.choice(
        true,
        "empty-sections",
        "Slices without labels",
        Arrays.asList("unknown", "background"),
        false,
        "unknown");
    form.text(true, "slices", "Slices to train on", "", "1-40: from 1, both ends included");
    form.text(true, "validation", "Slices to check with", "", "41-50; empty: chosen for you");
    form.hint(
        true, "1-40 counts from 1, both ends included; empty: all, and some chosen to check with");
    form.text(true, "voxel-size", "Voxel size z,y,x in nm", "", "Instead of the calibration");
    JComboBox<String> start = later("start-from", "Start from the model", "Empty: from scratch");
    form.text(true, "seed", "Seed", "", "The same number makes the same model");
    JComboBox<String> device = later("device", "Device", Devices.HINT);
    models.whenThere(
        () -> {
          models.names().forEach(start::addItem);
          models.devices().forEach(device::addItem);
        });
    form.text(
        true,
        "set",
        "Choices of the plan",
        "",
        "Instead of those made for you: batch=4 patch_zyx=1,256,256");
  }

  private String labelsFor(ImagePlus image) {
    ImagePlus likely = pairs.drawnLabelsFor(image);
    return likely == null ? TrainingChoices.ROIS : likely.getTitle();
  }
}

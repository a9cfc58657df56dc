package org.cristae.fiji.ui;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.v1.Budget;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;
import org.cristae.v1.SectionRange;
import org.cristae.v1.TrainingSpec;
import org.cristae.v1.VoxelSize;

/** What the choices of "Cristae Train" mean in the contract. */
public final class TrainingChoices {
  /** The value of {@code labels} that stands for the ROI Manager, or the overlay if it is empty. */
  public static final String ROIS = "ROIs";

  private static final Pattern RANGE = Pattern.compile("(\\d+)(?:-(\\d+))?");
  private static final Pattern CLASS = Pattern.compile("(?:(\\d{1,9})\\s*=\\s*)?([^=]+)");

  /** Between two settings; a comma that no name follows is part of a value, as in 1,256,256. */
  private static final Pattern NEXT_SETTING = Pattern.compile("[,\\s]+(?=\\w+=)");

  private static final long MAX_VALUE = 0xFFFF_FFFFL;

  private TrainingChoices() {}

  /** No choices yet. */
  public static Choices none() {
    return new Choices(
        "Cristae Train",
        "image",
        "labels",
        LabelledImage.ALSO,
        LabelledImage.ANNOTATORS,
        "task",
        "name",
        "budget",
        "minutes",
        "steps",
        "classes",
        "unknown",
        "empty-sections",
        "slices",
        "validation",
        "voxel-size",
        "start-from",
        "seed",
        "device",
        "set");
  }

  /** The task in the words of the contract, which calls semantic "classes". */
  private static String target(Choices choices) throws CristaeException {
    String task = choices.word("task", "semantic", "masks", "instances");
    return task.equals("semantic") ? "classes" : task;
  }

  /** The feature of a server that trains a target. */
  static String feature(String target) {
    return "target." + target;
  }

  /**
   * What is to be trained, without the volumes.
   *
   * @throws CristaeException if a choice cannot be
   */
  public static TrainingSpec.Builder spec(Choices choices) throws CristaeException {
    TrainingSpec.Builder spec =
        TrainingSpec.newBuilder()
            .setTarget(target(choices))
            .setBudget(budget(choices))
            .addAllClasses(classes(choices))
            .putAllSettings(settings(choices))
            .setStartFrom(choices.get("start-from", ""))
            .setDevice(choices.get("device", ""))
            .setEmptySectionsAreBackground(
                choices.word("empty-sections", "unknown", "background").equals("background"));
    if (choices.has("name")) {
      ModelName.check(choices.get("name", ""));
      spec.setModelName(choices.get("name", ""));
    } else {
      throw choices.wrong("name", "the name of the model to make");
    }
    if (choices.has("classes") && spec.getTarget().equals("instances")) {
      throw choices.wrong("classes", "left out with task=instances: objects have no classes");
    }
    if (choices.has("unknown")) {
      spec.setUnknownValue(unknown(choices));
    }
    if (choices.has("seed")) {
      spec.setSeed(choices.whole("seed", 0));
    }
    if (choices.has("slices")) {
      spec.setZ(range(choices, "slices"));
    }
    if (choices.has("validation")) {
      spec.setValidationZ(range(choices, "validation"));
    }
    return spec;
  }

  /** The 32 bits of the value given with {@code unknown}. */
  static int unknown(Choices choices) throws CristaeException {
    long value = choices.whole("unknown", 0);
    if (value > MAX_VALUE) {
      throw choices.wrong("unknown", "a value that labels can have, at most " + MAX_VALUE);
    }
    return (int) value;
  }

  /** The name of a budget as it is called now: macros may still say medium for standard. */
  static String budgetNow(String name) {
    return name.equals("medium") ? "standard" : name;
  }

  private static Budget budget(Choices choices) throws CristaeException {
    Budget.Builder budget = Budget.newBuilder();
    if (choices.has("budget") && choices.has("minutes")
        || choices.has("steps") && (choices.has("budget") || choices.has("minutes"))) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "Cristae Train takes one of budget, minutes and steps, not several.");
    }
    if (choices.has("steps")) {
      return budget.setSteps(choices.whole("steps", 1)).build();
    }
    if (choices.has("minutes")) {
      return budget.setMinutes(choices.positive("minutes")).build();
    }
    String value = budgetNow(choices.get("budget", "quick"));
    switch (value) {
      case "quick":
      case "standard":
      case "best":
        return budget.setPreset(value).build();
      case "seconds": // of a random forest, whatever the budget; see settings
        return budget.setPreset("quick").build();
      default:
        if (!value.matches("[0-9.]+")) {
          throw choices.wrongNumber(
              "budget", "seconds, quick, standard, best or a number of minutes");
        }
        return budget.setMinutes(choices.positive("budget")).build();
    }
  }

  /**
   * The choices of the plan given with {@code set=[learner=forest batch=4]}; the server knows which
   * there are. A training of seconds is a random forest, unless they say otherwise.
   */
  static Map<String, String> settings(Choices choices) throws CristaeException {
    Map<String, String> settings = new LinkedHashMap<>();
    if (choices.has("set")) {
      for (String pair : NEXT_SETTING.split(choices.get("set", ""))) {
        int equals = pair.indexOf('=');
        if (equals < 1) {
          throw choices.wrong("set", "choices of the plan such as learner=forest batch=4");
        }
        String name = pair.substring(0, equals).trim();
        if (settings.put(name, pair.substring(equals + 1).trim()) != null) {
          throw choices.wrong(
              "set", "choices of the plan, each once, but " + name + " is there twice");
        }
      }
    }
    if (choices.get("budget", "").equals("seconds")) {
      settings.putIfAbsent("learner", "forest");
    }
    return settings;
  }

  /**
   * The names given with {@code classes=a,b} for the values 1, 2, ..., or with {@code
   * classes=100=a,200=b}.
   */
  static List<LabelClass> classes(Choices choices) throws CristaeException {
    List<LabelClass> classes = new ArrayList<>();
    if (!choices.has("classes")) {
      return classes;
    }
    String[] parts = choices.get("classes", "").split(",", -1);
    boolean isListed = parts[0].contains("=");
    for (String part : parts) {
      Matcher match = CLASS.matcher(part.trim());
      if (!match.matches() || (match.group(1) != null) != isListed) {
        throw choices.wrong(
            "classes", "names such as er,mitochondria for 1, 2, or 100=er,200=mitochondria");
      }
      int value = isListed ? Integer.parseInt(match.group(1)) : classes.size() + 1;
      LabelClass.Builder label = LabelClass.newBuilder().setValue(value);
      classes.add(label.setName(match.group(2)).setRgb(ClassColors.rgb(value)).build());
    }
    return classes;
  }

  /** Slices as people count them, 1-40 with both ends, as a half-open range from 0. */
  static SectionRange range(Choices choices, String key) throws CristaeException {
    Matcher match = RANGE.matcher(choices.get(key, "").replace(" ", ""));
    if (match.matches()) {
      try {
        long first = Long.parseLong(match.group(1));
        long last = match.group(2) == null ? first : Long.parseLong(match.group(2));
        if (first >= 1 && last >= first) {
          return SectionRange.newBuilder().setStart(first - 1).setStop(last).build();
        }
      } catch (NumberFormatException e) {
        // told below
      }
    }
    throw choices.wrong(key, "a range of slices such as 1-40, counted from 1, both ends included");
  }

  /**
   * The voxel size given with {@code voxel-size=z,y,x} in nanometres; null if none was.
   *
   * @throws CristaeException if it is not three numbers greater than 0
   */
  static VoxelSize voxelSize(Choices choices) throws CristaeException {
    if (!choices.has("voxel-size")) {
      return null;
    }
    String[] parts = choices.get("voxel-size", "").split("[, ]+");
    try {
      if (parts.length == 3) {
        double z = Double.parseDouble(parts[0]);
        double y = Double.parseDouble(parts[1]);
        double x = Double.parseDouble(parts[2]);
        if (z > 0 && y > 0 && x > 0 && !Double.isInfinite(z + y + x)) {
          return VoxelSize.newBuilder().setZNm(z).setYNm(y).setXNm(x).setDisplayUnit("nm").build();
        }
      }
    } catch (NumberFormatException e) {
      // told below
    }
    String advice = parts.length > 3 ? ": points within the numbers, commas between them" : "";
    throw choices.wrong(
        "voxel-size", "three numbers z,y,x in nanometres, such as 50,4.6,4.6" + advice);
  }
}

package org.cristae.fiji.ui;

import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/** Names of models: they become names of folders, and the server's rules for them are these. */
final class ModelName {
  private static final int MAX_LENGTH = 120;
  private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9][A-Za-z0-9 ._+()-]*");
  private static final Pattern RESERVED = Pattern.compile("(con|prn|aux|nul|(com|lpt)[1-9])");

  private ModelName() {}

  /**
   * Makes sure that the server will take a name, before anything is sent.
   *
   * @throws CristaeException if it will not; the sentence names the characters that are allowed
   */
  static void check(String name) throws CristaeException {
    String about = whyNot(name);
    if (!about.isEmpty()) {
      throw new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, about);
    }
  }

  /** Why a model cannot have this name, in a sentence; empty if it can. */
  static String whyNot(String name) {
    boolean fits =
        name.length() <= MAX_LENGTH
            && ALLOWED.matcher(name).matches()
            && !name.endsWith(" ")
            && !name.endsWith(".");
    if (!fits) {
      return "\""
          + (name.length() > 60 ? name.substring(0, 60) + "..." : name)
          + "\" cannot be the name of a model. Use letters from A to Z, digits, spaces and . _ - +"
          + " ( ), at most "
          + MAX_LENGTH
          + " characters, beginning with a letter or digit and not ending with a point.";
    }
    String stem = name.split("\\.")[0].trim().toLowerCase(Locale.ROOT);
    return RESERVED.matcher(stem).matches()
        ? "\"" + name + "\" cannot be the name of a model: Windows reserves it. Choose another."
        : "";
  }

  /** A name from the title of the labels: "mito" for "stack-mito-labels.tif". */
  static String suggested(String labels) {
    if (labels.equals(TrainingChoices.ROIS)) {
      return "model";
    }
    String stem =
        OpenImages.stem(labels)
            .replaceAll(" \\(\\d+\\)$", "") // of a result of which there are several
            .replaceAll("(?i)[-_ ]*(labels?|instances|masks?|truth|gt)$", "");
    String[] words = stem.split("[-_ ]+");
    String last = words.length == 0 ? "" : words[words.length - 1];
    String name = last.replaceAll("[^A-Za-z0-9]+", "-").replaceAll("^-|-$", "");
    return whyNot(name).isEmpty() ? name : "model";
  }

  /** The name itself if it is free, else the next one with a number: "mito-2", "mito-3". */
  static String free(String name, Set<String> taken) {
    String stem = name.replaceFirst("-\\d+$", "");
    String free = name;
    for (int number = 2; taken.contains(free); number++) {
      free = stem + "-" + number;
    }
    return free;
  }
}

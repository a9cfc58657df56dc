package org.cristae.fiji.ui;

import ij.Prefs;
import ij.plugin.frame.Recorder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/**
 * What a person chose in a dialog, or a macro wrote into {@code run("Cristae ...", "key=value
 * ...")}: the same keys, so that a recorded line replays exactly. Absent and empty are the same.
 */
public final class Choices {
  private final String command;
  private final List<String> keys;
  private final Map<String, String> values = new LinkedHashMap<>();

  /** What a dialog calls the keys, for sentences to whoever fills it in. */
  private final Map<String, String> labels = new HashMap<>();

  /** What does the same as keys that are not there. */
  private final Map<String, String> instead = new HashMap<>();

  private boolean isOfMacro;
  private String refused;
  private String[] unkept = {};

  /**
   * No choices yet.
   *
   * @param command the command's name in macros, for sentences
   * @param keys the macro keys that it knows, in the order in which they are recorded
   */
  public Choices(String command, String... keys) {
    this.command = command;
    this.keys = Arrays.asList(keys);
  }

  /** The same choices; what is chosen there later is not chosen here. */
  Choices copy() {
    Choices copy = new Choices(command, keys.toArray(new String[0]));
    copy.values.putAll(values);
    copy.labels.putAll(labels);
    copy.isOfMacro = isOfMacro;
    copy.refused = refused;
    copy.unkept = unkept;
    return copy;
  }

  /** A sentence for whoever gives a key that many expect here, and that is not there. */
  Choices lacks(String key, String advice) {
    instead.put(key, " " + advice);
    return this;
  }

  /** The command's name in menus and macros. */
  public String command() {
    return command;
  }

  /**
   * Reads the options of a macro: words {@code key=value}, values with spaces as {@code [a b]}.
   *
   * @throws CristaeException if a key is not known; the sentence lists those that are
   */
  public Choices parse(String options) throws CristaeException {
    isOfMacro = true;
    String before = null;
    int at = 0;
    while (at < options.length()) {
      if (options.charAt(at) == ' ') {
        at++;
        continue;
      }
      int equals = options.indexOf('=', at);
      int space = endOf(options, ' ', at);
      boolean isFlag = equals < 0 || space < equals;
      String key = options.substring(at, isFlag ? space : equals);
      if (!keys.contains(key)) {
        String known =
            keys.isEmpty()
                ? " It takes no options."
                : " It knows: " + String.join(", ", keys) + "." + instead.getOrDefault(key, "");
        String rest =
            isFlag && before != null
                ? " If this is still the value of \""
                    + before
                    + "\", write brackets around it: "
                    + before
                    + "=["
                    + get(before, "")
                    + " "
                    + key
                    + " ...]."
                : "";
        throw new CristaeException(
            ErrorCode.ERROR_CODE_INVALID_INPUT,
            command + " does not know \"" + key + "\"." + rest + known);
      }
      if (isFlag) {
        put(key, "true");
        before = null;
        at = space;
      } else {
        at = equals + 1;
        int end = valueEnd(options, at);
        put(key, unquoted(options.substring(at, end)));
        before = key;
        at = end;
      }
    }
    return this;
  }

  private int valueEnd(String options, int start) {
    if (start < options.length() && options.charAt(start) == '[') {
      for (int i = start; i < options.length(); i++) {
        if (options.charAt(i) == ']' && isEndOrKey(options, i + 1)) {
          return i + 1;
        }
      }
      int close = options.indexOf("] ", start);
      return close < 0 ? endOf(options, ' ', start) : close + 1;
    }
    if (start < options.length() && options.charAt(start) == '\'') {
      int quote = options.indexOf('\'', start + 1);
      if (quote > 0) {
        return quote + 1;
      }
    }
    return endOf(options, ' ', start);
  }

  /** True if the options end here, or go on with a key: brackets may stand within a value. */
  private boolean isEndOrKey(String options, int at) {
    String rest = options.substring(at);
    String word = rest.trim().split("[ =]", 2)[0];
    boolean looksLikeKey = keys.contains(word) || rest.trim().matches("[a-z-]+=.*");
    return rest.trim().isEmpty() || rest.charAt(0) == ' ' && looksLikeKey;
  }

  private static int endOf(String text, char end, int start) {
    int index = text.indexOf(end, start);
    return index < 0 ? text.length() : index;
  }

  private static String unquoted(String value) {
    boolean quoted =
        value.length() > 1
            && (value.startsWith("[") && value.endsWith("]")
                || value.startsWith("'") && value.endsWith("'"));
    return quoted ? value.substring(1, value.length() - 1) : value;
  }

  /** True if a macro chose, which does not see which window is active. */
  boolean isOfMacro() {
    return isOfMacro;
  }

  /** Chooses; null or an empty text takes a choice back. */
  public Choices put(String key, String value) {
    if (value == null || value.trim().isEmpty()) {
      values.remove(key);
    } else {
      values.put(key, value.trim());
    }
    return this;
  }

  /** What was chosen, or {@code otherwise}. */
  public String get(String key, String otherwise) {
    return values.getOrDefault(key, otherwise);
  }

  /** True if something was chosen. */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** What was chosen, as one of a few words; {@code allowed[0]} if nothing was. */
  public String word(String key, String... allowed) throws CristaeException {
    String value = get(key, allowed[0]);
    if (!Arrays.asList(allowed).contains(value)) {
      throw wrong(key, "one of " + String.join(", ", allowed));
    }
    return value;
  }

  /** True if a box was ticked, or a macro says true. */
  boolean flag(String key) throws CristaeException {
    return word(key, "false", "true").equals("true");
  }

  /** What was chosen, as a number greater than 0. */
  public double positive(String key) throws CristaeException {
    try {
      double value = Double.parseDouble(get(key, ""));
      if (value > 0 && !Double.isInfinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw wrongNumber(key, "a number greater than 0");
  }

  /** What was chosen, as a whole number from {@code least} on. */
  public long whole(String key, long least) throws CristaeException {
    try {
      long value = Long.parseLong(get(key, ""));
      if (value >= least) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw wrongNumber(key, "a whole number, at least " + least);
  }

  /** Says what a dialog calls a key. */
  void call(String key, String label) {
    labels.put(key, label);
  }

  /** The same for what should be a number: many write 1,5 where a point is needed. */
  CristaeException wrongNumber(String key, String expected) {
    String value = get(key, "");
    boolean hasComma = value.matches("\\d+,\\d+");
    String advice = ": write " + value.replace(',', '.') + ", with a point";
    return wrong(key, hasComma ? expected + advice : expected);
  }

  /** The key that was refused last; null if none was since it was asked for. */
  String takeRefused() {
    String key = refused;
    refused = null;
    return key;
  }

  /** The sentence for a choice that cannot be. */
  CristaeException wrong(String key, String expected) {
    refused = key;
    if (labels.containsKey(key)) {
      String found = has(key) ? "\"" + get(key, "") + "\"" : "it is empty, and";
      return new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          labels.get(key) + ": " + found + " should be " + expected + ".");
    }
    String found = has(key) ? key + "=" + get(key, "") : key + " is not given; it";
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        command + ": " + found + " should be " + expected + ".");
  }

  /** Adds the choices to the line that ImageJ's recorder writes for this command. */
  public void record() {
    if (Recorder.record) {
      for (String key : keys) {
        if (has(key)) {
          Recorder.recordOption(key, escaped(quoted(get(key, ""))));
        }
      }
    }
  }

  /** Adds a line of its own to the recorder, for what a window does after its command ended. */
  void recordLine() {
    if (Recorder.record) {
      StringBuilder options = new StringBuilder();
      for (String key : keys) {
        if (has(key)) {
          String value = quoted(get(key, ""));
          boolean bare = value.indexOf(' ') < 0;
          options.append(options.length() == 0 ? "" : " ").append(key).append('=');
          options.append(bare ? value : "[" + value + "]");
        }
      }
      Recorder.recordString("run(\"" + command + "\", \"" + escaped(options.toString()) + "\");\n");
    }
  }

  /** A text as it stands in quotes in a macro. */
  private static String escaped(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"");
  }

  /** The recorder puts values with spaces into brackets, but not those that look quoted already. */
  static String quoted(String value) {
    boolean looksQuoted = value.startsWith("[") || value.startsWith("'");
    return looksQuoted && value.indexOf(' ') < 0 ? "[" + value + "]" : value;
  }

  /** Keeps the choices of these keys for the next time if they are accepted. */
  void rememberIfAccepted(String... kept) {
    unkept = kept;
  }

  /** They can be: what was to be remembered then is. */
  public void accept() {
    remember(unkept);
  }

  /** Keeps the choices of these keys for the next time. */
  public void remember(String... kept) {
    for (String key : kept) {
      Prefs.set(preference(key), get(key, ""));
    }
  }

  /** Takes the choices of these keys from the last time. */
  public Choices recall(String... kept) {
    for (String key : kept) {
      put(key, Prefs.get(preference(key), ""));
    }
    return this;
  }

  private String preference(String key) {
    return command.toLowerCase(java.util.Locale.ROOT).replace(' ', '.') + "." + key;
  }
}

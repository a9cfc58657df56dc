package org.cristae.fiji.ui;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/** Several images in one choice: their titles, or the paths of files, with commas between. */
final class Titles {
  private Titles() {}

  /** The list as one text. */
  static String join(List<String> titles) {
    return String.join(",", titles);
  }

  /**
   * The titles in a list. A title may have commas itself: as much as is the title of an open image,
   * or the path of a file, is taken as one.
   */
  static List<String> split(String listed) {
    return split(listed, title -> OpenImages.titled(title) != null || new File(title).isFile());
  }

  /** As {@link #split(String)}, told which titles and paths there are. */
  static List<String> split(String listed, Predicate<String> isThere) {
    String[] parts = listed.split(",");
    List<String> titles = new ArrayList<>();
    int from = 0;
    while (from < parts.length) {
      int to = parts.length;
      while (to > from + 1 && !isThere.test(joined(parts, from, to))) {
        to--;
      }
      String title = joined(parts, from, to);
      if (!title.isEmpty()) {
        titles.add(title);
      }
      from = to;
    }
    return titles;
  }

  private static String joined(String[] parts, int from, int to) {
    return String.join(",", Arrays.copyOfRange(parts, from, to)).trim();
  }
}

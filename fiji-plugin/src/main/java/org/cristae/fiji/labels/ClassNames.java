package org.cristae.fiji.labels;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cristae.fiji.image.ResultProperties;
import org.cristae.v1.LabelClass;

/**
 * The names of the classes of a label image, which Cristae writes into the images that it makes.
 */
public final class ClassNames {
  private static final int MAX_LENGTH = 120;

  /** A value and its name; a comma that no value follows is part of the name. */
  private static final Pattern CLASS = Pattern.compile("\\G(\\d{1,5})=(.+?)(?:, (?=\\d{1,5}=)|$)");

  private ClassNames() {}

  /** The classes that the image names; empty if it names none, or not 1, 2, ... in this order. */
  public static List<LabelClass> of(ImagePlus labels) {
    List<LabelClass> classes = new ArrayList<>();
    String told = labels.getProp(ResultProperties.CLASSES);
    Set<String> names = new HashSet<>();
    Matcher each = CLASS.matcher(told == null ? "" : told);
    while (each.find()) {
      int value = Integer.parseInt(each.group(1));
      String name = each.group(2).trim();
      boolean isNext = value == classes.size() + 1;
      if (!isNext || name.isEmpty() || name.length() > MAX_LENGTH || !names.add(name)) {
        return new ArrayList<>();
      }
      LabelClass.Builder label = LabelClass.newBuilder().setValue(value).setName(name);
      classes.add(label.setRgb(ClassColors.rgb(value)).build());
    }
    return classes;
  }
}

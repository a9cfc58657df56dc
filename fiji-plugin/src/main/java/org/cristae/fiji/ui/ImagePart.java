package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.gui.Roi;
import java.awt.Rectangle;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.v1.Box;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.SectionRange;

/** A part of an image: some slices, and in them all or the rectangle around a selection. */
final class ImagePart {
  /** The macro key of the rectangle. */
  static final String KEY = "part";

  /** The value that stands for whole slices, also where there is a selection. */
  static final String WHOLE = "whole";

  private static final Pattern RECTANGLE =
      Pattern.compile("(\\d{1,9}),(\\d{1,9}),(\\d{1,9}),(\\d{1,9})");

  private ImagePart() {}

  /**
   * What was chosen with the keys {@code slices} and {@code part}; the slice that is shown, and the
   * rectangle around the selection, where nothing was.
   *
   * @throws CristaeException if it is no part of the image
   */
  static Box of(Choices choices, ImagePlus image, PlaneOrder order) throws CristaeException {
    SectionRange z = slices(choices, image, order);
    Rectangle xy = rectangle(choices, image);
    return Box.newBuilder()
        .setZStart(z.getStart())
        .setZStop(z.getStop())
        .setYStart(xy.y)
        .setYStop((long) xy.y + xy.height)
        .setXStart(xy.x)
        .setXStop((long) xy.x + xy.width)
        .build();
  }

  private static SectionRange slices(Choices choices, ImagePlus image, PlaneOrder order)
      throws CristaeException {
    if (!choices.has("slices")) {
      int shown = order.currentSection(image);
      return SectionRange.newBuilder().setStart(shown).setStop(shown + 1L).build();
    }
    SectionRange chosen = TrainingChoices.range(choices, "slices");
    if (chosen.getStop() > order.sections()) {
      throw choices.wrong("slices", "within the image, which has the slices 1-" + order.sections());
    }
    return chosen;
  }

  private static Rectangle rectangle(Choices choices, ImagePlus image) throws CristaeException {
    Rectangle all = new Rectangle(image.getWidth(), image.getHeight());
    if (!choices.has(KEY) && isOutside(image.getRoi(), all)) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "The selection of \""
              + image.getTitle()
              + "\" lies outside of the image. Select a part of the image (or nothing, for whole"
              + " slices), or say part=whole.");
    }
    String text = choices.get(KEY, proposed(image)).replace(" ", "");
    if (text.equals(WHOLE)) {
      return all;
    }
    Matcher match = RECTANGLE.matcher(text);
    if (match.matches()) {
      int[] sides = new int[4];
      for (int i = 0; i < 4; i++) {
        sides[i] = Integer.parseInt(match.group(i + 1));
      }
      Rectangle part = new Rectangle(sides[0], sides[1], sides[2], sides[3]);
      if (!part.isEmpty() && all.contains(part)) {
        return part;
      }
    }
    throw choices.wrong(
        KEY,
        WHOLE
            + ", or x,y,width,height within the image of "
            + all.width
            + " x "
            + all.height
            + " pixels");
  }

  private static boolean isOutside(Roi selection, Rectangle all) {
    return selection != null && selection.isArea() && !selection.getBounds().intersects(all);
  }

  /**
   * The rectangle around the selection of an image in words; whole slices if it has none, or one
   * without an area, such as a line.
   */
  static String proposed(ImagePlus image) {
    Roi selection = image.getRoi();
    if (selection == null || !selection.isArea()) {
      return WHOLE;
    }
    Rectangle all = new Rectangle(image.getWidth(), image.getHeight());
    Rectangle part = selection.getBounds().intersection(all);
    return part.isEmpty() ? WHOLE : part.x + "," + part.y + "," + part.width + "," + part.height;
  }
}

package org.cristae.fiji.ui;

import java.util.Locale;

/**
 * A text with a few marks, as Swing's labels show it. The only way from a text to a mark is through
 * here, where everything is escaped: names of images, sentences of servers and paths are shown as
 * they are.
 */
final class Html {
  private static final String START = "<html>";

  private final StringBuilder html = new StringBuilder();

  /** Goes on with a text. */
  Html text(String text) {
    html.append(text.replace("&", "&amp;").replace("<", "&lt;"));
    return this;
  }

  /** Goes on with a text in bold. */
  Html bold(String text) {
    html.append("<b>");
    text(text);
    html.append("</b>");
    return this;
  }

  /** Goes on with a text in red. */
  Html red(String text) {
    html.append("<span style='color:#b00020'>");
    text(text);
    html.append("</span>");
    return this;
  }

  /** Goes on with a small square in a colour 0xRRGGBB. */
  Html square(int rgb) {
    html.append(String.format("<span style='color:#%06x'>&#9632;</span>", rgb & 0xffffff));
    return this;
  }

  /** Goes on in a new line. */
  Html line() {
    html.append("<br>");
    return this;
  }

  /** What a label shows, broken into lines of this width. */
  String wrapped(int width) {
    return START + "<body style='width:" + width + "px'>" + html + "</body></html>";
  }

  /** What a label shows of a text in one line: labels take what begins like HTML for HTML. */
  static String line(String text) {
    return text.toLowerCase(Locale.ROOT).startsWith(START)
        ? START + new Html().text(text).html + "</html>"
        : text;
  }
}

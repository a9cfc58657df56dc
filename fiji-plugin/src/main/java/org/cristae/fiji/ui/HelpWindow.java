package org.cristae.fiji.ui;

import java.awt.Dimension;
import java.io.IOException;
import javax.swing.JEditorPane;
import javax.swing.JFrame;
import javax.swing.JScrollPane;
import javax.swing.WindowConstants;

/** What the commands do and how macros call them. */
public final class HelpWindow {
  private HelpWindow() {}

  /** Opens the help. */
  public static void open() {
    Look.onEventThread(
        () -> {
          JEditorPane text = new JEditorPane();
          text.setEditable(false);
          try {
            text.setPage(HelpWindow.class.getResource("/cristae-help.html"));
          } catch (IOException e) {
            throw new IllegalStateException("cristae-help.html is missing in the jar", e);
          }
          JScrollPane scroll = new JScrollPane(text);
          scroll.setPreferredSize(new Dimension(820, 600));
          JFrame frame = new JFrame("Cristae: help");
          frame.setDefaultCloseOperation(WindowConstants.DISPOSE_ON_CLOSE);
          frame.setContentPane(scroll);
          Look.onEsc(frame.getRootPane(), frame::dispose);
          Look.show(frame);
        });
  }
}

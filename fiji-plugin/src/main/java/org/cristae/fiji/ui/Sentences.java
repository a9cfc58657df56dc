package org.cristae.fiji.ui;

import javax.swing.JTextArea;

/**
 * What a job told, one sentence below the other; warnings stand above the rest, where they are seen
 * without scrolling.
 */
final class Sentences extends JTextArea {
  private static final long serialVersionUID = 1L;

  /** Where the next warning begins: behind those before. */
  private int warningsEnd;

  Sentences() {
    super(9, 52);
    setEditable(false);
    setLineWrap(true);
    setWrapStyleWord(true);
  }

  /** Adds a sentence, and shows the first ones again; on the event thread. */
  void add(String sentence, boolean isWarning) {
    String line = (isWarning ? "! " : "") + sentence + "\n";
    insert(line, isWarning ? warningsEnd : getDocument().getLength());
    warningsEnd += isWarning ? line.length() : 0;
    setCaretPosition(0);
  }
}

package org.cristae.fiji.ui;

import javax.swing.JTextArea;
import javax.swing.text.DefaultCaret;

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
    setCaret(new Hidden());
  }

  /** A caret that is not drawn: it would cover what stands there. */
  private static final class Hidden extends DefaultCaret {
    private static final long serialVersionUID = 1L;

    @Override
    public void setVisible(boolean isVisible) {
      super.setVisible(false);
    }
  }

  /** Adds a sentence, and shows the first ones again; on the event thread. */
  void add(String sentence, boolean isWarning) {
    String line = (isWarning ? "! " : "") + sentence + "\n";
    if (getText().contains(line)) {
      return; // a training that goes on after a break tells its plan and its doubts again
    }
    insert(line, isWarning ? warningsEnd : getDocument().getLength());
    warningsEnd += isWarning ? line.length() : 0;
    setCaretPosition(0);
  }
}

package org.cristae.fiji.command;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.macro.Interpreter;
import ij.plugin.PlugIn;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.StatusBar;
import org.cristae.fiji.ui.Work;
import org.cristae.v1.ErrorCode;

/**
 * A menu entry. Called with options, from a macro, it opens no dialog and blocks until it is done;
 * failures abort the macro with one sentence. Called without, it opens its dialog.
 */
abstract class Command implements PlugIn {
  private static final int LINE_LENGTH = 80;
  private static final int POLL_MS = 100;

  /** Does the command with the options of a macro; blocks until it is done. */
  abstract void scripted(String options) throws CristaeException;

  /** Asks the person, and returns once the work has begun in a window of its own. */
  abstract void interactive() throws CristaeException;

  @Override
  public final void run(String argument) {
    String options = Macro.getOptions();
    try {
      if (options == null || options.trim().isEmpty()) {
        interactive();
      } else {
        scripted(options);
      }
    } catch (CristaeException e) {
      fail(e);
    } catch (RuntimeException | OutOfMemoryError e) {
      if (Macro.MACRO_CANCELED.equals(e.getMessage())) {
        throw e; // ImageJ ends macros so
      }
      fail(unforeseen(e));
    }
  }

  /** One sentence for a failure that nobody foresaw; the console gets the whole of it. */
  private static CristaeException unforeseen(Throwable failure) {
    failure.printStackTrace();
    String sentence =
        failure instanceof OutOfMemoryError
            ? "ImageJ has not enough memory for this: give it more in Edit > Options > Memory &"
                + " Threads, or use virtual stacks."
            : "This went wrong inside the plugin (" + failure + "); the console has the details.";
    return new CristaeException(ErrorCode.ERROR_CODE_INTERNAL, sentence);
  }

  private static void fail(CristaeException failure) {
    StatusBar.clear("");
    if (failure.code() == ErrorCode.ERROR_CODE_CANCELLED) {
      IJ.showStatus("Cristae: cancelled");
      Macro.abort();
      return;
    }
    if (failure.getCause() != null) {
      System.err.println("Cristae: " + failure.getCause()); // the console is for whoever helps
    }
    Interpreter interpreter = Interpreter.getInstance();
    if (IJ.getInstance() == null && interpreter != null) {
      System.err.println("Cristae: " + failure.getMessage());
      interpreter.setIgnoreErrors(true); // ImageJ -batch: a dialog would wait for nobody
    }
    // A macro gets the sentence as it is; ImageJ's own dialog does not break lines.
    IJ.error("Cristae", interpreter == null ? wrapped(failure.getMessage()) : failure.getMessage());
  }

  /** The text in lines of about 80 characters. */
  static String wrapped(String text) {
    StringBuilder lines = new StringBuilder();
    int length = 0;
    for (String word : text.split(" ")) {
      boolean isNewLine = length + word.length() > LINE_LENGTH;
      lines.append(length == 0 ? "" : isNewLine ? "\n" : " ").append(word);
      length = (isNewLine ? 0 : length) + word.length() + 1;
    }
    return lines.toString();
  }

  /** Does the work on this thread; Esc cancels it, on the server too. Shows the result. */
  static void runToEnd(Work work) throws CristaeException {
    Cancellation cancellation = new Cancellation();
    Cancellation end = new Cancellation();
    Thread watch = new Thread(() -> watchEscape(cancellation, end), "Cristae watches Esc");
    watch.setDaemon(true);
    watch.start();
    try {
      ImagePlus result = work.run(new StatusBar(), cancellation, new Cancellation());
      StatusBar.clear(work.lastWords());
      if (result != null) {
        result.show();
      }
    } finally {
      end.cancel();
    }
  }

  private static void watchEscape(Cancellation cancellation, Cancellation end) {
    while (!end.isCancelled()) {
      if (IJ.escapePressed()) {
        cancellation.cancel();
        return;
      }
      IJ.wait(POLL_MS);
    }
  }
}

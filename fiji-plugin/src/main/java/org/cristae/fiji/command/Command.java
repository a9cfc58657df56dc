package org.cristae.fiji.command;

import ij.IJ;
import ij.ImagePlus;
import ij.Macro;
import ij.macro.Interpreter;
import ij.plugin.PlugIn;
import ij.plugin.frame.Recorder;
import java.awt.EventQueue;
import java.awt.SecondaryLoop;
import java.awt.Toolkit;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.Choices;
import org.cristae.fiji.ui.Failures;
import org.cristae.fiji.ui.JobWindow;
import org.cristae.fiji.ui.Results;
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
  private static final int POLLS_OF_STATUS = 10;

  /** Does the command with the options of a macro; blocks until it is done. */
  abstract void scripted(String options) throws CristaeException;

  /** Asks the person, and begins what was chosen. */
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
    } catch (RuntimeException | Error e) {
      if (Macro.MACRO_CANCELED.equals(e.getMessage())) {
        throw e; // ImageJ ends macros so
      }
      fail(Failures.unforeseen(e));
    }
  }

  private static void fail(CristaeException failure) {
    StatusBar.clear("");
    Recorder.setCommand(null); // what did not happen is not recorded
    if (failure.code() == ErrorCode.ERROR_CODE_CANCELLED) {
      IJ.showStatus("Cristae: cancelled");
      Macro.abort();
      return;
    }
    if (failure.getCause() != null) {
      Failures.keep(failure);
    }
    Interpreter interpreter = Interpreter.getInstance();
    if (IJ.getInstance() == null && interpreter != null) {
      System.err.println("Cristae: " + failure.getMessage());
      interpreter.setIgnoreErrors(true); // ImageJ -batch: a dialog would wait for nobody
    }
    // A macro gets the sentence as it is; ImageJ's own dialog does not break lines.
    IJ.error("Cristae", interpreter == null ? wrapped(failure.getMessage()) : failure.getMessage());
  }

  /** A dialog: the choices of the person, or null. */
  interface Dialog {
    Choices ask() throws CristaeException;
  }

  /** Makes work of choices, or refuses them. */
  interface Preparation<W extends Work> {
    W prepare(Choices choices) throws CristaeException;
  }

  /** Asks the person, and begins what was chosen in the window of a job. */
  static void ask(Dialog dialog, Preparation<Work> preparation) throws CristaeException {
    String[] command = new String[1];
    Dialog remembered =
        () -> {
          Choices choices = dialog.ask();
          command[0] = choices == null ? null : choices.command();
          return choices;
        };
    ask(remembered, preparation, work -> JobWindow.start(work, () -> IJ.doCommand(command[0])));
  }

  /**
   * Asks the person, and begins what was chosen. A choice that cannot be is asked for again.
   *
   * @param window begins the work in a window of its own; a macro waits for the end instead
   */
  static <W extends Work> void ask(Dialog dialog, Preparation<W> preparation, Consumer<W> window)
      throws CristaeException {
    while (true) {
      Choices choices = dialog.ask();
      if (choices == null) {
        throw dismissed();
      }
      W work;
      try {
        work = preparation.prepare(choices);
      } catch (CristaeException e) {
        if (e.code() != ErrorCode.ERROR_CODE_INVALID_INPUT || IJ.isMacro()) {
          throw e;
        }
        IJ.error("Cristae", wrapped(e.getMessage()));
        continue; // the dialog remembers what was chosen
      }
      choices.accept();
      choices.record();
      if (IJ.isMacro()) {
        runToEnd(work);
      } else {
        window.accept(work);
      }
      return;
    }
  }

  /**
   * Does what needs no dialog, such as the changing of what is selected, with the progress in the
   * status bar.
   */
  static void now(Choices choices, Preparation<Work> preparation) throws CristaeException {
    Work work = preparation.prepare(choices);
    choices.record();
    runToEnd(work, new StatusBar(work.title()));
  }

  /** What a dialog that was cancelled is: nothing is recorded, and a macro that opened it ends. */
  static CristaeException dismissed() {
    return new CristaeException(ErrorCode.ERROR_CODE_CANCELLED, "Cancelled.");
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
    runToEnd(work, new StatusBar());
  }

  private static void runToEnd(Work work, StatusBar status) throws CristaeException {
    IJ.resetEscape(); // of something before
    Cancellation cancellation = new Cancellation();
    Cancellation end = new Cancellation();
    Thread watch = new Thread(() -> watch(status, cancellation, end), "Cristae watches Esc");
    watch.setDaemon(true);
    watch.start();
    try {
      ImagePlus result = done(work, status, cancellation);
      status.end();
      StatusBar.clear(work.lastWords());
      if (result != null) {
        Results.show(result);
      }
    } catch (CristaeException e) {
      if (e.code() == ErrorCode.ERROR_CODE_CANCELLED && !cancellation.isCancelled()) {
        // Said as a failure: ImageJ without a window lets a macro go on after Macro.abort().
        throw new CristaeException(
            ErrorCode.ERROR_CODE_NOT_FOUND,
            "The job was cancelled, not by this macro: there is no result, and the macro ends.");
      }
      throw e;
    } finally {
      status.end();
      end.cancel();
    }
  }

  /**
   * Does the work. On the event thread, where ImageJ runs what is tried out in the recorder,
   * another thread does it, so that windows live on meanwhile.
   */
  private static ImagePlus done(Work work, StatusBar status, Cancellation cancellation)
      throws CristaeException {
    if (!EventQueue.isDispatchThread()) {
      return work.run(status, cancellation, new Cancellation());
    }
    SecondaryLoop meanwhile =
        Toolkit.getDefaultToolkit().getSystemEventQueue().createSecondaryLoop();
    FutureTask<ImagePlus> task =
        new FutureTask<>(() -> work.run(status, cancellation, new Cancellation()));
    Thread thread =
        new Thread(
            () -> {
              task.run();
              while (!meanwhile.exit()) { // it is not entered yet
                IJ.wait(1);
              }
            },
            "Cristae: " + work.title());
    thread.setDaemon(true);
    thread.start();
    meanwhile.enter();
    try {
      return task.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof CristaeException
          ? (CristaeException) e.getCause()
          : Failures.unforeseen(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw dismissed();
    }
  }

  /** Cancels on Esc; keeps the status where it is seen, unless a macro says something there. */
  private static void watch(StatusBar status, Cancellation cancellation, Cancellation end) {
    for (int polls = 1; !end.isCancelled(); polls++) {
      if (IJ.escapePressed()) {
        cancellation.cancel();
        return;
      }
      if (polls % POLLS_OF_STATUS == 0 && !IJ.isMacro()) {
        status.again();
      }
      IJ.wait(POLL_MS);
    }
  }
}

package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import ij.macro.Interpreter;
import java.awt.BorderLayout;
import java.awt.Dimension;
import java.awt.image.BufferedImage;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.swing.BoxLayout;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JProgressBar;
import javax.swing.JScrollPane;
import javax.swing.SwingUtilities;
import javax.swing.WindowConstants;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.LabelClass;

/**
 * A window with one job: stage, progress, curve, preview and plan. Cancel ends the job on the
 * server; Close leaves it running, to be found again in the list of jobs.
 */
public final class JobWindow implements JobListener {
  private static int opened;

  /** The windows that are open, by the id of their job; used on the event thread. */
  private static final Map<String, JobWindow> OF_JOBS = new HashMap<>();

  private final Work work;
  private final Cancellation cancellation = new Cancellation();
  private final Cancellation detach = new Cancellation();
  private final JFrame frame;
  private final JLabel stage = new JLabel("Starting ...");
  private final JLabel detail = Look.hint(" ");
  private final JProgressBar bar = new JProgressBar(0, 1000);
  private final Sentences log = new Sentences();
  private final JScrollPane sentences = new JScrollPane(log);
  private final CurvePanel curve = new CurvePanel();
  private final PreviewPanel preview = new PreviewPanel();
  private final CurveTable figures = new CurveTable();
  private final JButton curves;
  private final JButton keep;
  private final JButton cancel;
  private final JButton change;
  private Finishing finishing;
  private boolean isRunning;
  private final JPanel buttons;
  private boolean hasJob;
  private boolean ended;
  private boolean isDone;
  private boolean mayChange;

  /** It ended with a sentence of the server; written before the event thread is told of the end. */
  private volatile boolean isRefused;

  private JobWindow(Work work, Runnable again) {
    this.work = work;
    frame = new JFrame("Cristae: " + work.title());
    frame.setDefaultCloseOperation(WindowConstants.DO_NOTHING_ON_CLOSE);
    frame.addWindowListener(
        new java.awt.event.WindowAdapter() {
          @Override
          public void windowClosing(java.awt.event.WindowEvent event) {
            close();
          }
        });
    curves = Look.button("Curves", () -> figures.table().show(work.title() + ": curves"));
    curves.setToolTipText("All figures up to now as a table, to plot or to save as CSV");
    curves.setVisible(false);
    keep = Look.button("Stop and Keep", this::keep);
    keep.setToolTipText("It ends within few steps, and the best that it has is the model");
    keep.setVisible(false);
    keep.setEnabled(false);
    cancel = Look.button("Cancel", this::cancel);
    change =
        Look.button(
            "Change...",
            () -> {
              close();
              again.run();
            });
    change.setToolTipText("The dialog again, with what was chosen");
    change.setVisible(false);
    JButton close = Look.button("Close", this::close);
    close.setToolTipText(
        "A job that the server has goes on; Plugins > Cristae > Cristae Jobs finds it again."
            + " One that is still being sent is cancelled");
    log.setFont(stage.getFont().deriveFont(stage.getFont().getSize2D() - 0.5f));
    stage.setFont(stage.getFont().deriveFont(java.awt.Font.BOLD));
    bar.setPreferredSize(new Dimension(420, 18));
    curve.setVisible(false);
    sentences.setVisible(false);

    JPanel top = new JPanel();
    top.setLayout(new BoxLayout(top, BoxLayout.Y_AXIS));
    for (JComponent part : new JComponent[] {stage, bar, detail, curve, preview}) {
      part.setAlignmentX(0);
      top.add(part);
      top.add(javax.swing.Box.createVerticalStrut(4));
    }
    JPanel all = new JPanel(new BorderLayout(0, Look.GAP));
    all.add(top, BorderLayout.NORTH);
    all.add(sentences, BorderLayout.CENTER);
    buttons = Look.buttons(curves, change, keep, cancel, close);
    frame.setContentPane(new FieldsAboveFoot(all, buttons));
    // While the job runs, Esc could mean its end.
    Look.onEsc(frame.getRootPane(), this::closeIfEnded);
  }

  private void closeIfEnded() {
    if (ended) {
      close();
    }
  }

  /** Opens a window and does the work on a thread of its own; returns at once. */
  public static void start(Work work) {
    start(work, null);
  }

  /**
   * The same.
   *
   * @param again opens the dialog in which the work was chosen, where the server refuses it; may be
   *     null
   */
  public static void start(Work work, Runnable again) {
    Look.onEventThread(
        () -> {
          JobWindow window = new JobWindow(work, again);
          window.mayChange = again != null;
          Look.show(window.frame);
          int shift = 28 * (opened++ % 8); // so that several can be seen
          window.frame.setLocation(
              window.frame.getX() + shift, Math.max(0, window.frame.getY() - 180 + shift));
          Thread thread = new Thread(window::run, "Cristae: " + work.title());
          thread.setDaemon(true);
          thread.start();
        });
  }

  /** Brings the window that follows a job to the front, or opens one; not two for one job. */
  static void follow(Job job) {
    Look.onEventThread(
        () -> {
          JobWindow window = OF_JOBS.get(job.getJobId());
          // The window of a segmentation that ended is not asked for: its result is, once more. One
          // that lost sight of its job never tells of it again.
          boolean tells = window != null && (!window.ended || window.isDone && isTraining(job));
          if (tells && window.frame.isDisplayable()) {
            window.frame.toFront();
            return;
          }
          if (window != null) {
            window.close();
          }
          start(new Attachment(job));
        });
  }

  private static boolean isTraining(Job job) {
    return job.getKind() == JobKind.JOB_KIND_TRAINING;
  }

  private void run() {
    String lastStatus = "";
    try {
      ImagePlus result = work.run(this, cancellation, detach);
      end(new Html().text(work.lastWords()), true);
      if (result != null) {
        lastStatus = Results.showBeside(result);
      }
    } catch (CristaeException e) {
      boolean isCancelled = e.code() == ErrorCode.ERROR_CODE_CANCELLED;
      isRefused = !isCancelled;
      end(isCancelled ? new Html().text("Cancelled.") : new Html().red(e.getMessage()), false);
    } catch (RuntimeException | Error e) {
      end(new Html().red(Failures.unforeseen(e).getMessage()), false);
    } finally {
      StatusBar.clear(lastStatus);
    }
  }

  private void end(Html words, boolean isDone) {
    SwingUtilities.invokeLater(
        () -> {
          ended = true;
          this.isDone = isDone;
          if (!frame.isDisplayable()) {
            return; // closed: packing it would bring it back
          }
          stage.setText(words.wrapped(440));
          detail.setText(" ");
          bar.setIndeterminate(false);
          bar.setValue(isDone ? bar.getMaximum() : 0);
          bar.setVisible(isDone);
          cancel.setEnabled(false);
          keep.setVisible(false);
          change.setVisible(mayChange && isRefused && !hasJob);
          if (isDone) {
            work.afterwards().forEach(this::offer);
          }
          Look.fit(frame);
        });
  }

  private void keep() {
    Finishing asking = finishing;
    finishing = null; // it is asked once, and again only if that fails
    showWhetherItCanBeKept();
    Thread thread =
        new Thread(
            () -> {
              try {
                asking.ask();
                note("The training was asked to end: its best state becomes the model.", false);
              } catch (CristaeException e) {
                note(e.getMessage(), true);
                SwingUtilities.invokeLater(() -> setFinishing(asking));
              } catch (RuntimeException | Error e) {
                note(Failures.unforeseen(e).getMessage(), true);
                SwingUtilities.invokeLater(() -> setFinishing(asking));
              }
            },
            "Cristae asks a training to end");
    thread.setDaemon(true);
    thread.start();
  }

  private void setFinishing(Finishing finishing) {
    this.finishing = finishing;
    showWhetherItCanBeKept();
  }

  private void showWhetherItCanBeKept() {
    keep.setEnabled(finishing != null && isRunning && !ended);
  }

  @Override
  public void isTraining(Finishing finishing) {
    SwingUtilities.invokeLater(
        () -> {
          setFinishing(finishing);
          keep.setVisible(!ended);
          if (finishing == null) {
            keep.setToolTipText("This server is older and cannot: update it");
          }
          if (frame.isDisplayable()) {
            Look.fit(frame);
          }
        });
  }

  @Override
  public void runs(boolean isRunning) {
    SwingUtilities.invokeLater(
        () -> {
          this.isRunning = isRunning;
          showWhetherItCanBeKept();
        });
  }

  /** Adds a button for something that can be done now. */
  private void offer(String words, Work.Afterwards action) {
    JButton button = new JButton(words);
    button.addActionListener(
        event -> {
          button.setEnabled(false);
          Thread thread = new Thread(() -> doNow(button, action), "Cristae: " + words);
          thread.setDaemon(true);
          thread.start();
        });
    buttons.add(button, 0);
  }

  private void doNow(JButton button, Work.Afterwards action) {
    try {
      action.run();
    } catch (CristaeException e) {
      note(e.getMessage(), true);
    } catch (RuntimeException | Error e) {
      note(Failures.unforeseen(e).getMessage(), true);
    } finally {
      SwingUtilities.invokeLater(() -> button.setEnabled(true));
    }
  }

  private void cancel() {
    finishing = null;
    showWhetherItCanBeKept();
    cancel.setEnabled(false);
    stage.setText("Cancelling ...");
    detail.setText(hasJob ? Following.WAITS_FOR_CANCEL : " ");
    new Thread(cancellation::cancel, "Cristae cancels").start();
  }

  private void close() {
    frame.dispose();
    OF_JOBS.values().remove(this);
    if (ended) {
      return;
    }
    if (!hasJob && cancel.isEnabled()) {
      IJ.log(
          "Cristae: "
              + work.title()
              + " was cancelled, since its window was closed before the server had everything. What"
              + " was sent is kept there for a week: the same once more goes on from it.");
    }
    // Before the server has the job there is nothing that could go on.
    new Thread(hasJob ? detach::cancel : cancellation::cancel, "Cristae closes").start();
  }

  @Override
  public void submitted(String jobId) {
    SwingUtilities.invokeLater(
        () -> {
          hasJob = true;
          frame.setTitle("Cristae: " + work.title()); // what was left to the server is known now
          OF_JOBS.put(jobId, this);
        });
  }

  @Override
  public void update(String text, double fraction, String figures) {
    SwingUtilities.invokeLater(
        () -> {
          if (!ended && cancel.isEnabled()) {
            stage.setText(Html.line(text));
            detail.setText(figures.isEmpty() ? " " : Html.line(figures));
            bar.setIndeterminate(fraction <= 0); // how far it is, is not known
            bar.setValue((int) (fraction * bar.getMaximum()));
          }
        });
  }

  @Override
  public void note(String sentence, boolean isWarning) {
    SwingUtilities.invokeLater(
        () -> {
          log.add(sentence, isWarning);
          reveal(sentences);
        });
  }

  @Override
  public void figures(long step, Map<String, Double> values) {
    SwingUtilities.invokeLater(
        () -> {
          curves.setVisible(true);
          reveal(curve);
          curve.add(step, values);
          figures.add(step, values);
        });
  }

  /** Makes room for a part that has something to show now. */
  private void reveal(JComponent part) {
    if (!part.isVisible()) {
      part.setVisible(true);
      if (frame.isDisplayable()) { // closed: packing it would bring it back
        Look.fit(frame);
      }
    }
  }

  @Override
  public boolean opensEarly() {
    return !Interpreter.isBatchMode(); // of a macro that runs meanwhile: there are no windows
  }

  @Override
  public boolean showsPreviews() {
    return true;
  }

  @Override
  public void preview(BufferedImage picture, List<LabelClass> classes) {
    SwingUtilities.invokeLater(
        () -> {
          curve.color(classes);
          if (frame.isDisplayable() && preview.show(picture, classes)) {
            Look.fit(frame);
          }
        });
  }
}

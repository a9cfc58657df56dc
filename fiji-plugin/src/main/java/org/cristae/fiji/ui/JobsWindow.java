package org.cristae.fiji.ui;

import java.awt.BorderLayout;
import java.awt.Dimension;
import java.awt.event.ActionEvent;
import java.awt.event.KeyEvent;
import java.awt.event.MouseAdapter;
import java.awt.event.MouseEvent;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JTable;
import javax.swing.KeyStroke;
import javax.swing.ListSelectionModel;
import javax.swing.SwingUtilities;
import javax.swing.Timer;
import javax.swing.WindowConstants;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.JobState;

/** The jobs on the server, also those of an earlier session of ImageJ. */
public final class JobsWindow {
  private static final int LIMIT = 200;
  private static final long REFRESH_MS = 1500;
  private static final long AFTER_FAILURE_MS = 10_000; // each time may start a server that fails
  private static final long LATE_MS = 5000;
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss");
  private static final int[] WIDTHS = {220, 180, 80, 70, 70, 100};
  private static final int WORDS_WIDTH = 500;
  private static JobsWindow shown;

  private final JFrame frame = new JFrame("Cristae: jobs");
  private final JobsTable model = new JobsTable();
  private final JTable table = new JTable(model);
  private final JLabel status = Look.hint(" ");
  private final JButton follow = Look.button("Follow", this::followSelected);
  private final JButton result = Look.button("Open Result", this::followSelected);
  private final JButton cancel = Look.button("Cancel Job", this::cancelSelected);
  private final JButton delete = Look.button("Delete", this::deleteSelected);

  /** The person asked for the list, and it was not shown since: a stopped server is started. */
  private volatile boolean isAskedFor = true;

  /** Since when the server is asked without a word from it; 0 if it is not asked just now. */
  private volatile long askedNs;

  /** When the list came; null if it did not yet. Used on the event thread. */
  private LocalTime listed;

  /** What an action told; it stands until the person does or selects something else. */
  private String toldByAction = "";

  /** A new list replaces the rows, which is no choice of the person. */
  private boolean isListing;

  private JobsWindow() {
    frame.setDefaultCloseOperation(WindowConstants.DISPOSE_ON_CLOSE);
    table.setSelectionMode(ListSelectionModel.MULTIPLE_INTERVAL_SELECTION);
    delete.setToolTipText("Forgets jobs that have ended; models and images that they made stay");
    table.setFillsViewportHeight(true);
    table.setShowVerticalLines(false);
    table.setRowHeight(22);
    Look.showAsItIs(table.getDefaultRenderer(Object.class));
    for (int column = 0; column < WIDTHS.length; column++) {
      table.getColumnModel().getColumn(column).setPreferredWidth(WIDTHS[column]);
    }
    table.getSelectionModel().addListSelectionListener(event -> selectionChanged());
    JScrollPane scroll = new JScrollPane(table);
    scroll.setPreferredSize(new Dimension(760, 260));
    JPanel south = new JPanel(new BorderLayout(0, Look.GAP));
    south.add(status, BorderLayout.NORTH);
    south.add(
        Look.buttons(follow, result, cancel, delete, Look.button("Close", frame::dispose)),
        BorderLayout.EAST);
    JPanel content = Look.padded(new JPanel(new BorderLayout(0, Look.GAP)));
    content.add(scroll, BorderLayout.CENTER);
    content.add(south, BorderLayout.SOUTH);
    frame.setContentPane(content);
    Look.onEsc(frame.getRootPane(), frame::dispose);
    openByEnterOrDoubleClick();
    describe();
  }

  private void openByEnterOrDoubleClick() {
    Runnable open = () -> (result.isEnabled() ? result : follow).doClick();
    table.registerKeyboardAction(
        event -> open.run(),
        KeyStroke.getKeyStroke(KeyEvent.VK_ENTER, 0),
        JComponent.WHEN_ANCESTOR_OF_FOCUSED_COMPONENT);
    table.addMouseListener(
        new MouseAdapter() {
          @Override
          public void mouseClicked(MouseEvent event) {
            if (event.getClickCount() == 2) {
              open.run();
            }
          }
        });
  }

  /** Opens the window, or brings it to the front. */
  public static void open() {
    Look.onEventThread(
        () -> {
          if (shown == null || !shown.frame.isDisplayable()) {
            shown = new JobsWindow();
            Look.show(shown.frame);
            Thread thread = new Thread(shown::refreshWhileOpen, "Cristae lists jobs");
            thread.setDaemon(true);
            thread.start();
            new Timer(1000, shown::tellIfLate).start();
          } else {
            shown.isAskedFor = true;
            shown.frame.toFront();
          }
        });
  }

  private void refreshWhileOpen() {
    while (frame.isDisplayable()) {
      long pauseMs = REFRESH_MS;
      askedNs = System.nanoTime();
      try {
        refresh();
      } catch (CristaeException e) {
        sayUnanswered(e);
        pauseMs = AFTER_FAILURE_MS;
      } catch (RuntimeException
          | Error e) { // such as too little memory, of which there may be more
        sayUnanswered(Failures.unforeseen(e));
        pauseMs = AFTER_FAILURE_MS;
      } finally {
        askedNs = 0;
      }
      try {
        Thread.sleep(pauseMs);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void refresh() throws CristaeException {
    Progress starting =
        (stage, fraction, detail) -> {
          askedNs = System.nanoTime();
          say(stage);
        };
    Client client =
        isAskedFor
            ? Connection.open(starting, new Cancellation())
            : Connection.openUnlessStopped(starting);
    if (client == null) {
      say("The server was stopped. The next command starts it, and its jobs go on.");
      return;
    }
    List<Job> jobs = new Jobs(client).list(LIMIT);
    isAskedFor = false;
    SwingUtilities.invokeLater(() -> show(jobs));
  }

  /** A line that broke, or a laptop that slept, is noticed late: until then the list is old. */
  private void tellIfLate(ActionEvent tick) {
    long asked = askedNs;
    if (!frame.isDisplayable()) {
      ((Timer) tick.getSource()).stop();
    } else if (asked != 0 && listed != null) {
      String words = late((System.nanoTime() - asked) / 1_000_000, listed);
      if (!words.isEmpty()) {
        tell(words);
      }
    }
  }

  /** What is to be said of a list while a new one does not come; nothing in the first seconds. */
  static String late(long waitedMs, LocalTime listed) {
    return waitedMs < LATE_MS
        ? ""
        : "The server has not answered since "
            + TIME.format(listed)
            + ": the list is as it was then. It is asked again and again.";
  }

  /** What is to be said if the list cannot be had: how old the one is that is shown. */
  static String unanswered(String why, LocalTime listed) {
    return listed == null
        ? why
        : why
            + " The list is as it was at "
            + TIME.format(listed)
            + "; it is asked for again and again.";
  }

  private void sayUnanswered(CristaeException failure) {
    SwingUtilities.invokeLater(() -> tell(unanswered(failure.getMessage(), listed)));
  }

  private void sayOfAction(String text) {
    SwingUtilities.invokeLater(
        () -> {
          toldByAction = text;
          tell(text);
        });
  }

  private void say(String text) {
    SwingUtilities.invokeLater(() -> tell(text));
  }

  private void tell(String text) {
    status.setText(text.isEmpty() ? " " : Look.wrapped(text, WORDS_WIDTH));
  }

  private void show(List<Job> jobs) {
    listed = LocalTime.now();
    List<Job> selected = allSelected();
    isListing = true;
    if (model.show(jobs)) {
      for (Job job : selected) {
        int row = model.row(job.getJobId());
        if (row >= 0) {
          table.addRowSelectionInterval(row, row);
        }
      }
    }
    isListing = false;
    describe(); // also if nothing changed: that the server did not answer is over
  }

  /** The job that is selected; null if none is, or several are. */
  private Job selected() {
    return table.getSelectedRowCount() == 1 ? model.job(table.getSelectedRow()) : null;
  }

  private List<Job> allSelected() {
    List<Job> jobs = new ArrayList<>();
    for (int row : table.getSelectedRows()) {
      jobs.add(model.job(row));
    }
    return jobs;
  }

  private void selectionChanged() {
    if (!isListing) {
      toldByAction = "";
      describe();
    }
  }

  /** Shows what can be done with the jobs that are selected, and says what is to be said now. */
  private void describe() {
    Job job = selected();
    boolean open = job != null && !Jobs.isEnd(job.getState());
    boolean isTraining = job != null && job.getKind() == JobKind.JOB_KIND_TRAINING;
    // What a training told is kept: its plan, curves and preview can be seen when it has ended.
    follow.setText(isTraining && !open ? "Show" : "Follow");
    follow.setEnabled(open || isTraining);
    cancel.setEnabled(!cancellable(allSelected()).isEmpty());
    result.setEnabled(
        job != null
            && job.getState() == JobState.JOB_STATE_DONE
            && job.getKind() != JobKind.JOB_KIND_TRAINING);
    delete.setEnabled(!JobDeletion.ended(allSelected()).isEmpty());
    String ofJob = job == null ? withoutJob(listed, model.getRowCount()) : words(job);
    tell(toldByAction.isEmpty() ? ofJob : toldByAction);
  }

  /**
   * What is said while no job is selected: that there may be jobs, as long as no list came; then
   * what is to be known of a list of {@code count}.
   */
  static String withoutJob(LocalTime listed, int count) {
    if (listed == null) {
      return "Asking the server ...";
    }
    if (count == 0) {
      return "No jobs yet: Plugins > Cristae > Cristae Train makes the first.";
    }
    return count < LIMIT ? "" : "The newest " + LIMIT + " jobs, and all that wait or run.";
  }

  /** What is to be said of a job below the list. */
  static String words(Job job) {
    switch (job.getState()) {
      case JOB_STATE_FAILED:
        return job.getError().getSentence();
      case JOB_STATE_CANCELLED:
        return "It was cancelled.";
      case JOB_STATE_DONE:
        return job.getKind() == JobKind.JOB_KIND_TRAINING
            ? "The model \"" + job.getResult().getModelName() + "\" is ready."
            : isReady(job);
      default:
        String text = job.getProgress().getStage() + "  " + job.getProgress().getDetail();
        return text.trim();
    }
  }

  private static String isReady(Job job) {
    switch (job.getKind()) {
      case JOB_KIND_EVALUATION:
        return PredictedKind.isReady("scores");
      case JOB_KIND_MEASUREMENT:
        return PredictedKind.isReady("tables");
      default:
        return PredictedKind.isReady(ActivationMaps.isOf(job) ? "maps" : PredictedKind.of(job));
    }
  }

  private void followSelected() {
    Job job = selected();
    if (job != null) {
      JobWindow.follow(job);
    }
  }

  private void deleteSelected() {
    List<Job> ended = JobDeletion.ended(allSelected());
    if (!ended.isEmpty() && JobDeletion.isWanted(frame, ended)) {
      delete.setEnabled(false);
      toldByAction = ""; // of one before, which may be mended now
      Runnable deletion = () -> JobDeletion.run(ended, this::say, this::sayOfAction);
      new Thread(deletion, "Cristae deletes jobs").start();
    }
  }

  /**
   * Those of some jobs that can be cancelled, the waiting ones first: else they would begin as soon
   * as a running one has ended.
   */
  static List<Job> cancellable(List<Job> jobs) {
    List<Job> cancellable = new ArrayList<>(jobs);
    cancellable.removeIf(
        job -> Jobs.isEnd(job.getState()) || job.getState() == JobState.JOB_STATE_CANCELLING);
    cancellable.sort(
        Comparator.comparing((Job job) -> job.getState() != JobState.JOB_STATE_QUEUED));
    return cancellable;
  }

  private void cancelSelected() {
    List<Job> jobs = cancellable(allSelected());
    if (jobs.isEmpty()) {
      return;
    }
    cancel.setEnabled(false);
    toldByAction = "";
    new Thread(
            () -> {
              try {
                Jobs server =
                    new Jobs(Connection.open((stage, f, d) -> say(stage), new Cancellation()));
                for (Job job : jobs) {
                  server.cancel(job.getJobId());
                }
              } catch (CristaeException e) {
                sayOfAction(e.getMessage());
              } catch (RuntimeException | Error e) {
                sayOfAction(Failures.unforeseen(e).getMessage());
              }
            },
            "Cristae cancels jobs")
        .start();
  }
}

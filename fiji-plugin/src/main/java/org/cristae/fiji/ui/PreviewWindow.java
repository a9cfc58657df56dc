package org.cristae.fiji.ui;

import ij.ImageListener;
import ij.ImagePlus;
import ij.gui.ImageRoi;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.gui.RoiListener;
import java.awt.BorderLayout;
import java.util.Locale;
import java.util.UUID;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JSlider;
import javax.swing.SwingUtilities;
import javax.swing.Timer;
import javax.swing.WindowConstants;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.image.PlaneOrder;
import org.cristae.fiji.labels.PreviewColors;
import org.cristae.v1.Box;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;
import org.cristae.v1.PreviewedPart;

/**
 * A preview that lies over the slice that an image shows, and follows slice and selection; the
 * image itself is not changed. A small window says what is seen; closing it takes the preview away.
 */
public final class PreviewWindow implements ImageListener, RoiListener {
  /** The name of the preview in the overlay of the image. */
  public static final String NAME = "cristae-preview";

  /** Somebody who scrolls is not at the goal yet. */
  private static final int PAUSE_MS = 60;

  /** By then an image is mostly cropped or converted. */
  private static final int SETTLED_MS = 500;

  private static final int HALF = 50;

  private static final String LOOKING = "Looking";

  /** Whoever waits longer is told that it still goes on. */
  private static final long LATE_MS = 4000;

  /** The name of the property of a preview in the overlay that tells whose window it is of. */
  private static final String OWNER = "cristae-window";

  private final String id = UUID.randomUUID().toString();
  private final ImagePlus image;
  private final JFrame frame;
  private final JLabel message = new JLabel(" ");
  private volatile Client client;
  private final JSlider opacity = new JSlider(0, 100, HALF);

  /** Of the image as it was last; used on the event thread, as all that follows. */
  private SlicePreview preview;

  /** What is looked at, or was. */
  private Box wanted;

  private Cancellation running = new Cancellation();
  private ImageRoi shown;
  private boolean isClosed;

  /** When the look began that has no answer yet; 0 if there is none. */
  private long begunNs;

  /** What a look does that has no answer yet. */
  private String stage = LOOKING;

  /** What was told of the server since the last answer; empty if nothing. */
  private String news = "";

  private boolean hasSeen;
  private CristaeException lastFailure;
  private final Timer late = new Timer(1000, event -> tellIfLate());

  /** ImageJ tells of a change when it begins, and perhaps not when it has ended: once more then. */
  private final Timer settled = new Timer(SETTLED_MS, event -> look(false));

  private PreviewWindow(SlicePreview preview) {
    this.preview = preview;
    image = preview.source();
    frame = new JFrame("Cristae: preview of " + image.getTitle());
    settled.setRepeats(false);
    frame.setDefaultCloseOperation(WindowConstants.DO_NOTHING_ON_CLOSE);
    frame.addWindowListener(
        new java.awt.event.WindowAdapter() {
          @Override
          public void windowClosing(java.awt.event.WindowEvent event) {
            close();
          }
        });
    message.setName("message");
    opacity.setName("opacity");
    opacity.setToolTipText("How much of the image the preview covers");
    opacity.addChangeListener(event -> showOpacity());
    JPanel slider = new JPanel(new BorderLayout(Look.GAP, 0));
    JLabel opacityName = new JLabel("Opacity");
    opacityName.setLabelFor(opacity);
    slider.add(opacityName, BorderLayout.WEST);
    slider.add(opacity, BorderLayout.CENTER);
    JPanel foot = new JPanel(new BorderLayout(0, Look.GAP));
    foot.add(slider, BorderLayout.CENTER);
    foot.add(
        Look.buttons(Look.button("Look Again", this::again), Look.button("Close", this::close)),
        BorderLayout.SOUTH);
    frame.setContentPane(new FieldsAboveFoot(message, foot));
    Look.onEsc(frame.getRootPane(), this::close);
  }

  /** Lays a preview over its image, and follows it from now on; returns at once. */
  public static void open(SlicePreview preview) {
    Look.onEventThread(
        () -> {
          PreviewWindow window = new PreviewWindow(preview);
          window.say(waiting(LOOKING, 0, true, null));
          Look.show(window.frame);
          ImagePlus.addImageListener(window);
          Roi.addRoiListener(window);
          window.follow();
        });
  }

  // Listening

  @Override
  public void imageOpened(ImagePlus opened) {}

  @Override
  public void imageUpdated(ImagePlus updated) {
    if (updated == image) {
      SwingUtilities.invokeLater(this::follow); // of a change of the slice
    }
  }

  @Override
  public void imageClosed(ImagePlus closed) {
    if (closed == image) {
      SwingUtilities.invokeLater(this::close);
    }
  }

  @Override
  public void roiModified(ImagePlus modified, int how) {
    if (modified == image) {
      SwingUtilities.invokeLater(this::follow);
    }
  }

  // Looking

  private void again() {
    lastFailure = null;
    say(waiting(LOOKING, 0, true, null));
    look(true);
  }

  /** Looks at what the image shows now, unless that is looked at already. */
  private void follow() {
    look(false);
    if (!isClosed) {
      settled.restart();
    }
  }

  private void look(boolean isAsked) {
    if (isClosed) {
      return;
    }
    if (hasNoSlices(image)) { // they are just being replaced
      settled.restart();
      return;
    }
    Box now;
    try {
      if (isAsked || !preview.isOfNow()) {
        wanted = null;
        preview = preview.anew();
      }
      now = preview.shown();
    } catch (CristaeException e) {
      running.cancel();
      ended();
      wanted = null; // what was seen is taken away, and looked at again once that can be
      refuse(e);
      return;
    }
    if (now.equals(wanted)) {
      return;
    }
    wanted = now;
    running.cancel();
    Cancellation cancellation = new Cancellation();
    running = cancellation;
    begunNs = System.nanoTime();
    stage = LOOKING;
    late.start();
    SlicePreview of = preview;
    Thread thread = new Thread(() -> look(of, now, cancellation), "Cristae preview");
    thread.setDaemon(true);
    thread.start();
  }

  /** ImageJ itself says of such an image that it has one. */
  static boolean hasNoSlices(ImagePlus image) {
    return image.getStack().getSize() == 0;
  }

  private void look(SlicePreview of, Box region, Cancellation cancellation) {
    try {
      Thread.sleep(PAUSE_MS);
      cancellation.check();
      long start = System.nanoTime();
      Progress progress = meanwhile(cancellation);
      Client server = connected(progress, cancellation);
      PreviewedPart part = of.look(server, region, progress, cancellation);
      double seconds = (System.nanoTime() - start) * 1e-9;
      java.awt.image.BufferedImage picture = of.picture(part, region);
      SwingUtilities.invokeLater(
          () -> {
            if (!isClosed && !cancellation.isCancelled()) {
              ended();
              hasSeen = true;
              lastFailure = null;
              lay(picture, region);
              say(told(part, region, seconds, news));
              news = "";
            }
          });
    } catch (CristaeException e) {
      SwingUtilities.invokeLater(() -> failed(e, cancellation));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      CristaeException failure = Failures.unforeseen(e);
      SwingUtilities.invokeLater(() -> failed(failure, cancellation));
    }
  }

  /** Tells what keeps a look from its answer, unless a newer one goes on. */
  private Progress meanwhile(Cancellation cancellation) {
    return new Progress() {
      @Override
      public void update(String newStage, double fraction, String detail) {
        SwingUtilities.invokeLater(
            () -> {
              boolean isOfNow = !isClosed && !cancellation.isCancelled() && begunNs != 0;
              if (isOfNow && !newStage.equals(stage)) {
                stage = newStage;
                tellWaiting();
              }
            });
      }

      @Override
      public void note(String sentence, boolean isWarning) {
        SwingUtilities.invokeLater(() -> news = sentence);
      }
    };
  }

  /** The connection of before, as long as it works. */
  private Client connected(Progress progress, Cancellation cancellation) throws CristaeException {
    Client now = client;
    if (now == null) {
      now = Connection.open(progress, cancellation);
      client = now;
    }
    return now;
  }

  private void failed(CristaeException failure, Cancellation cancellation) {
    client = failure.isPassing() ? null : client;
    if (isClosed || !isTold(failure, cancellation.isCancelled(), begunNs != 0)) {
      return;
    }
    lastFailure = failure;
    if (cancellation.isCancelled()) {
      takeAway();
      tellWaiting();
    } else {
      ended();
      refuse(failure);
    }
  }

  /**
   * True if a failure concerns the person: also that of a look at another slice than is shown by
   * now, unless a newer look has been answered.
   */
  static boolean isTold(CristaeException failure, boolean isOvertaken, boolean isLooking) {
    boolean isCancelled = failure.code() == ErrorCode.ERROR_CODE_CANCELLED; // by a newer look
    return !isOvertaken || isLooking && !isCancelled;
  }

  private void ended() {
    begunNs = 0;
    late.stop();
  }

  private long waitedMs() {
    return (System.nanoTime() - begunNs) / 1_000_000;
  }

  private void tellIfLate() {
    if (begunNs != 0 && waitedMs() >= LATE_MS) {
      tellWaiting();
    }
  }

  private void tellWaiting() {
    say(waiting(stage, waitedMs(), !hasSeen, lastFailure));
  }

  /**
   * What is said while a look has no answer yet.
   *
   * @param stage what it does, or that the server is not there
   * @param failure why the look before, at another slice, had none; null if it had one
   */
  static Html waiting(String stage, long waitedMs, boolean isFirst, CristaeException failure) {
    Html text = new Html();
    if (failure != null) {
      text.red(failure.getMessage()).line();
    }
    text.text(stage + " ...");
    if (waitedMs >= LATE_MS) {
      text.text(
          isFirst && stage.equals(LOOKING)
              ? " (loading the model; the first look takes longest)"
              : " (since " + waitedMs / 1000 + " s)");
    }
    return text;
  }

  /** Says why there is no preview, and takes away the one of before. */
  private void refuse(CristaeException failure) {
    takeAway();
    say(new Html().red(failure.getMessage()));
  }

  private Html told(PreviewedPart part, Box region, double seconds, String before) {
    Html text = new Html();
    text.bold(preview.model());
    text.text(
        String.format(
            Locale.ROOT,
            " on slice %d: %.1f s on %s",
            SlicePreview.slice(region),
            seconds,
            part.getDevice()));
    for (LabelClass label : part.getClassesList()) {
      text.line().square(PreviewColors.rgb(part, label.getValue())).text(" " + label.getName());
    }
    part.getNotesList().forEach(note -> text.line().text(note));
    if (!before.isEmpty()) {
      text.line().text(before);
    }
    return text;
  }

  private void say(Html text) {
    message.setText(text.wrapped(FormDialog.WIDTH));
    Look.fit(frame);
  }

  // Showing

  private void lay(java.awt.image.BufferedImage picture, Box region) {
    ImageRoi roi = new ImageRoi((int) region.getXStart(), (int) region.getYStart(), picture);
    roi.setName(NAME);
    roi.setProperty(OWNER, id);
    roi.setOpacity(opacity.getValue() / 100.0);
    try {
      PlaneOrder.of(image).place(roi, (int) region.getZStart());
    } catch (CristaeException e) {
      refuse(e);
      return;
    }
    Overlay overlay = image.getOverlay() == null ? new Overlay() : image.getOverlay();
    removeFrom(overlay);
    overlay.add(roi);
    shown = roi;
    image.setOverlay(overlay);
  }

  private void showOpacity() {
    if (shown != null) {
      shown.setOpacity(opacity.getValue() / 100.0);
      image.draw();
    }
  }

  /** Takes the preview off the image; what else lies over it stays. */
  private void takeAway() {
    Overlay overlay = image.getOverlay();
    if (shown != null && overlay != null) {
      removeFrom(overlay);
      image.setOverlay(overlay.size() == 0 ? null : overlay);
    }
    shown = null;
  }

  /** Whoever crops an image gets copies of all that lies over it. */
  private void removeFrom(Overlay overlay) {
    for (int i = overlay.size() - 1; i >= 0; i--) {
      if (id.equals(overlay.get(i).getProperty(OWNER))) {
        overlay.remove(i);
      }
    }
  }

  private void close() {
    isClosed = true;
    settled.stop();
    running.cancel();
    ended();
    ImagePlus.removeImageListener(this);
    Roi.removeRoiListener(this);
    takeAway();
    frame.dispose();
  }
}

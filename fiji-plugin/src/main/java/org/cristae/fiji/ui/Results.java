package org.cristae.fiji.ui;

import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.ImageWindow;
import ij.macro.Interpreter;
import java.awt.AWTEvent;
import java.awt.Component;
import java.awt.KeyboardFocusManager;
import java.awt.Toolkit;
import java.awt.Window;
import java.awt.event.AWTEventListener;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.image.ArrivingVolume;
import org.cristae.fiji.image.LayerMaps;
import org.cristae.fiji.image.ReceivedVolume;
import org.cristae.fiji.image.ResultProperties;
import org.cristae.fiji.image.ResultRoom;
import org.cristae.fiji.image.ServedStack;
import org.cristae.fiji.image.VoxelSizes;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.fiji.labels.MaskChannels;
import org.cristae.fiji.labels.ProbabilityChannels;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Model;
import org.cristae.v1.OutputVolume;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Volume;

/** Brings the result of a prediction into an ImageJ image. */
public final class Results {
  /** How many labels are told apart by their colours where it is not known how many there are. */
  private static final long MOST_LABELS = 65_535;

  private Results() {}

  /**
   * Fetches what a prediction made, coloured, with calibration, title and properties.
   *
   * @param source the image that was segmented; null: an open image of its name is looked for
   * @return the image; not shown yet, unless the listener let it be looked at while it arrived
   * @throws CristaeException if there is none or it cannot be fetched
   */
  public static ImagePlus fetch(
      Client client, Job job, ImagePlus source, JobListener listener, Cancellation cancellation)
      throws CristaeException {
    if (job.getResult().getOutputsCount() == 0) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_NOT_FOUND, "The job \"" + job.getTitle() + "\" made no image.");
    }
    OutputVolume output = job.getResult().getOutputs(0);
    Volume volume = Download.describe(client, output.getVolumeId());
    if (ActivationMaps.isOf(job)) {
      ResultRoom.checkMaps(volume.getSpec().getShape());
      return maps(client, job, source, received(client, volume, listener, cancellation));
    }
    ImagePlus origin = source == null ? openSource(client, job, volume) : source;
    String name = source == null ? sourceName(client, job) : source.getTitle();
    String model = job.getPrediction().getModelName();
    String title = OpenImages.resultTitle(name, models(job.getPrediction()), output.getOutput());
    List<LabelClass> classes = volume.getSpec().getClassesList();
    boolean isObjects = output.getOutput().equals("instances");
    boolean isLabels = isObjects || output.getOutput().equals("labels");
    List<LabelClass> colored = isObjects ? new ArrayList<>() : classes;
    Optional<Model> made = new Jobs(client).findModel(model); // its result is seen without, too
    List<LabelClass> masks = masks(made, (int) volume.getSpec().getShape().getC());
    boolean isSeenEarly =
        listener.opensEarly()
            && isLabels
            && masks.isEmpty()
            && ArrivingVolume.isOfSeveralSlabs(volume.getSpec());
    long maximum = MOST_LABELS;
    ImagePlus image;
    try {
      ResultRoom.check(volume.getSpec().getShape());
      if (isSeenEarly) {
        image =
            ArrivingWindow.fetch(client, volume, title, origin, colored, listener, cancellation);
        describe(image, model, output.getOutput(), classes);
        image.setProp(ResultProperties.JOB, job.getJobId());
        image.setTitle(title); // last, since the window says no more that it is arriving
        image.updateAndDraw();
        return image;
      }
      ReceivedVolume received = received(client, volume, listener, cancellation);
      maximum = received.maximum();
      image = received.toImage(title, origin);
    } catch (CristaeException e) {
      if (e.code() != ErrorCode.ERROR_CODE_OUT_OF_MEMORY) {
        throw e;
      }
      image = new ServedStack(client, volume).toImage(title, origin);
      listener.note(ResultRoom.isServed(volume.getSpec().getShape()), true);
    }
    if (!masks.isEmpty()) {
      image = MaskChannels.show(image, masks);
      classes = masks;
    } else if (isLabels && image.getNChannels() == 1) {
      ClassColors.apply(image, colored, maximum);
    } else if (output.getOutput().equals("probabilities") && made.isPresent()) {
      // The volume has no classes: its channels are those of the model.
      List<String> names = ProbabilityChannels.names(made.get(), image.getNChannels());
      ProbabilityChannels.show(image, names);
      classes = names.isEmpty() ? classes : made.get().getClassesList();
    } // else how sure: grey from 0 to 255
    describe(image, model, output.getOutput(), classes);
    image.setProp(ResultProperties.JOB, job.getJobId());
    return image;
  }

  private static ReceivedVolume received(
      Client client, Volume volume, Progress progress, Cancellation cancellation)
      throws CristaeException {
    ReceivedVolume received = new ReceivedVolume(volume.getSpec());
    Download.run(client, volume, received, progress, cancellation);
    return received;
  }

  /** Shows a fetched image; maps of a coarse layer are small, and enlarged to be seen. */
  public static void show(ImagePlus result) {
    result.show();
    if (result.getProp(ResultProperties.LAYER) != null) {
      LayerMaps.enlarge(result);
    }
  }

  /**
   * Shows an image that arrives by itself. Whoever works in the window of another image goes on
   * there: that stays in front, has the keyboard and is the active image.
   *
   * @return what is to be said of it; empty if the result is the active image now
   */
  static String showBeside(ImagePlus result) {
    Window focused = KeyboardFocusManager.getCurrentKeyboardFocusManager().getFocusedWindow();
    boolean isUsed = focused instanceof ImageWindow && !Interpreter.isBatchMode();
    if (result.isVisible() || !isUsed) {
      show(result);
    } else {
      // ImageJ builds the window and shows it in one step, so that it is met on the way.
      AWTEventListener met = event -> leaveFocus(event, result);
      Toolkit.getDefaultToolkit().addAWTEventListener(met, AWTEvent.HIERARCHY_EVENT_MASK);
      try {
        show(result);
      } finally {
        Toolkit.getDefaultToolkit().removeAWTEventListener(met);
      }
      ImageWindow window = result.getWindow();
      if (window != null) { // else it was closed at once
        window.setAutoRequestFocus(true); // when it is chosen from a menu
      }
      if (focused.isShowing()) {
        WindowManager.setCurrentWindow((ImageWindow) focused);
        focused.toFront();
      }
    }
    ImagePlus active = WindowManager.getCurrentImage();
    return active == null || active == result || result.getWindow() == null
        ? ""
        : String.format(
            "\"%s\" is there; \"%s\" is still the active image.",
            result.getTitle(), active.getTitle());
  }

  /** Has the window that is built for an image not ask for the keyboard when it is shown. */
  private static void leaveFocus(AWTEvent event, ImagePlus image) {
    Window window = SwingUtilities.getWindowAncestor((Component) event.getSource());
    if (window instanceof ImageWindow
        && !window.isShowing()
        && ((ImageWindow) window).getImagePlus() == image) {
      window.setAutoRequestFocus(false);
    }
  }

  /** The maps of a layer, grey, at the place in space that they stand for. */
  private static ImagePlus maps(Client client, Job job, ImagePlus source, ReceivedVolume received)
      throws CristaeException {
    PredictionSpec spec = job.getPrediction();
    Volume seen = Download.describe(client, spec.getImageVolumeId());
    String name = source == null ? sourceName(client, job) : source.getTitle();
    String title = OpenImages.resultTitle(name, spec.getModelName(), spec.getLayer());
    ImagePlus image = received.toImage(title, null);
    LayerMaps.show(image);
    if (received.spec().hasVoxelSize()) {
      LayerMaps.place(
          image,
          received.spec().getVoxelSize(),
          seen.getSpec().getVoxelSize(),
          spec.getRegion(),
          source == null ? openSource(client, job, seen) : source);
    }
    describe(image, spec.getModelName(), ActivationMaps.OUTPUT, new ArrayList<>());
    image.setProp(ResultProperties.JOB, job.getJobId());
    image.setProp(ResultProperties.LAYER, spec.getLayer());
    return image;
  }

  /** The names of all models that answered. */
  private static String models(PredictionSpec spec) {
    return Stream.concat(Stream.of(spec.getModelName()), spec.getMoreModelsList().stream())
        .collect(Collectors.joining("+"));
  }

  /** The masks that the channels hold, which only the model can name; empty for other results. */
  private static List<LabelClass> masks(Optional<Model> made, int channels) {
    return made.filter(model -> model.getTarget().equals("masks"))
        .map(Model::getClassesList)
        .filter(masks -> masks.size() == channels) // or it is another one of that name by now
        .orElseGet(ArrayList::new);
  }

  /** The title under which the image was sent; of a job that does not tell, the volume's name. */
  private static String sourceName(Client client, Job job) throws CristaeException {
    String told = job.getPrediction().getImageName();
    if (!told.isEmpty()) {
      return told;
    }
    return Download.describe(client, job.getPrediction().getImageVolumeId()).getSpec().getName();
  }

  private static ImagePlus openSource(Client client, Job job, Volume volume)
      throws CristaeException {
    ImagePlus open = OpenImages.titled(sourceName(client, job));
    // A title says little: another "raw.tif" must not lend its calibration to this result.
    boolean same =
        open != null
            && VoxelSizes.areLike(open.getCalibration(), volume.getSpec())
            && open.getWidth() == volume.getSpec().getShape().getX()
            && open.getHeight() == volume.getSpec().getShape().getY()
            && open.getStackSize() == open.getNChannels() * volume.getSpec().getShape().getZ();
    return same ? open : null;
  }

  /** Writes into the image, and so into its TIFF, where it comes from. */
  static void describe(ImagePlus image, String model, String output, List<LabelClass> classes) {
    image.setProp(ResultProperties.MODEL, model);
    image.setProp(ResultProperties.OUTPUT, output);
    List<String> names = new ArrayList<>();
    for (LabelClass label : classes) {
      names.add(label.getValue() + "=" + label.getName());
    }
    if (!names.isEmpty()) {
      image.setProp(ResultProperties.CLASSES, String.join(", ", names));
    }
  }
}

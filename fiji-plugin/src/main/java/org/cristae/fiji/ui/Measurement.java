package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.v1.Job;
import org.cristae.v1.MeasurementSpec;
import org.cristae.v1.NamedVolume;

/** One measuring of the objects of a label image: it is sent, the tables are fetched. */
public final class Measurement implements Work {
  private static final String FEATURE = "measuring";
  private static final String LABELS = "labels";
  private static final String RAW = "raw";
  private static final String OTHER = "other";
  private static final String CLASSES = "classes";

  /** The images by the choice that names them, the labels first. */
  private final Map<String, NamedUpload> images;

  private final MeasurementSpec.Builder spec;
  private final Path file;
  private JobTables tables;

  private Measurement(Map<String, NamedUpload> images, MeasurementSpec.Builder spec, Path file) {
    this.images = images;
    this.spec = spec;
    this.file = file;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices(
        "Cristae Measure Objects",
        LABELS,
        RAW,
        OTHER,
        CLASSES,
        "contacts",
        "skeletons",
        "condition",
        ReportFiles.KEY);
  }

  /**
   * Checks the choices against the open images; nothing is sent yet.
   *
   * @throws CristaeException if something cannot be
   */
  public static Measurement prepare(Choices choices) throws CristaeException {
    MeasurementSpec.Builder spec =
        MeasurementSpec.newBuilder()
            .setContacts(choices.flag("contacts"))
            .setSkeletons(choices.flag("skeletons"))
            .setCondition(choices.get("condition", ""));
    Path file = ReportFiles.chosen(choices, ReportFiles.OF_OBJECTS);
    Map<String, NamedUpload> images = new LinkedHashMap<>();
    ImagePlus labels = OpenImages.find(choices.get(LABELS, ""));
    images.put(LABELS, labels(labels, "label image"));
    for (String key : new String[] {RAW, OTHER, CLASSES}) {
      if (choices.has(key)) {
        ImagePlus image =
            OpenImages.findApart(choices.get(key, ""), Collections.singletonList(labels));
        NamedUpload upload =
            key.equals(RAW)
                ? new NamedUpload(image, ImageVolume.image(image, null), "raw image")
                : labels(image, key.equals(OTHER) ? "image of other objects" : "image of classes");
        upload.checkAsLargeAs(images.get(LABELS));
        images.put(key, upload);
      }
    }
    return new Measurement(images, spec, file);
  }

  private static NamedUpload labels(ImagePlus image, String role) throws CristaeException {
    return new NamedUpload(image, ImageVolume.labels(image, null, new ArrayList<>()), role);
  }

  @Override
  public String title() {
    return "Measuring " + images.get(LABELS).name();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    Client client = Connection.open(listener, cancellation);
    Connection.need(client, FEATURE, "does not measure objects");
    if (!images.get(LABELS).doubt().isEmpty()) {
      listener.note(images.get(LABELS).doubt(), true);
    }
    final ImagePlus labels = images.get(LABELS).source();
    final Object sent = Edits.state(labels);
    Uploads uploads = new Uploads(client, listener, cancellation, images.size());
    for (Map.Entry<String, NamedUpload> image : images.entrySet()) {
      set(image.getKey(), uploads.send(image.getValue()));
    }
    cancellation.check();
    Job job = new Jobs(client).submit(spec.build(), cancellation);
    listener.submitted(job.getJobId());
    Job done = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    Cancellation either = Cancellation.either(cancellation, detach);
    tables = JobTables.fetch(client, done, listener, either);
    tables.show(labels, sent);
    if (file != null) {
      tables.save(client, file, listener, either);
    } else {
      tables.checkComplete();
    }
    return null;
  }

  private void set(String key, NamedVolume volume) {
    switch (key) {
      case LABELS:
        spec.setLabels(volume);
        break;
      case RAW:
        spec.setRaw(volume);
        break;
      case OTHER:
        spec.setOther(volume);
        break;
      default:
        spec.setClasses(volume);
    }
  }

  @Override
  public String lastWords() {
    return tables.words();
  }

  @Override
  public Map<String, Afterwards> afterwards() {
    return tables.afterwards();
  }
}

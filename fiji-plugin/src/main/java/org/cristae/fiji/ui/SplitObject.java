package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Jobs;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.LabelType;
import org.cristae.fiji.image.ObjectEdit;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.ObjectMask;
import org.cristae.fiji.image.ReceivedVolume;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.fiji.labels.PickedObjects;
import org.cristae.v1.Box;
import org.cristae.v1.CleaningSpec;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.NamedVolume;
import org.cristae.v1.Volume;
import org.cristae.v1.Voxel;

/**
 * An object that is cut between points, in place. The server computes the cut, from the object in
 * its bounding box and nothing else.
 */
public final class SplitObject implements Work {
  private static final String POINTS = "points";

  /** As the contract has it. */
  private static final int MOST_POINTS = 1000;

  private static final Pattern POINT = Pattern.compile("(\\d{1,9}),(\\d{1,9})(?:,(\\d{1,9}))?");

  private final ObjectImage objects;
  private final int id;
  private final List<Voxel> points;
  private final boolean isPicked;
  private String done = "";

  private SplitObject(ObjectImage objects, int id, List<Voxel> points, boolean isPicked) {
    this.objects = objects;
    this.id = id;
    this.points = points;
    this.isPicked = isPicked;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices("Cristae Split Object", "image", POINTS);
  }

  /** The choice of the active image. */
  public static Choices active() throws CristaeException {
    return choices().put("image", OpenImages.find("").getTitle());
  }

  /**
   * Looks which points are meant: those given as {@code x,y,slice;x,y,slice}, else those of the
   * selection, which are put into the choices.
   *
   * @throws CristaeException if they are less than two or not in one object, or the image cannot be
   *     changed
   */
  public static SplitObject prepare(Choices choices) throws CristaeException {
    ObjectImage objects = ObjectImage.of(OpenImages.image(choices));
    objects.checkEditable();
    boolean isPicked = !choices.has(POINTS);
    List<Voxel> points = isPicked ? PickedObjects.points(objects) : given(choices, objects);
    if (points.size() < 2 || points.size() > MOST_POINTS) {
      String found = points.isEmpty() ? "No point is" : points.size() == 1 ? "One point is" : "";
      throw invalid(
          (found.isEmpty() ? points.size() + " points are" : found)
              + " set in \""
              + objects.image().getTitle()
              + "\". Click with the multi-point tool once into each part that the object is to fall"
              + " into, 2 to "
              + MOST_POINTS
              + " times, and begin again.");
    }
    int id = theOneOf(objects, points);
    choices.put(POINTS, points.stream().map(SplitObject::words).collect(Collectors.joining(";")));
    return new SplitObject(objects, id, points, isPicked);
  }

  private static CristaeException invalid(String sentence) {
    return new CristaeException(ErrorCode.ERROR_CODE_INVALID_INPUT, sentence);
  }

  private static List<Voxel> given(Choices choices, ObjectImage objects) throws CristaeException {
    List<Voxel> points = new ArrayList<>();
    for (String word : choices.get(POINTS, "").replace(" ", "").split(";")) {
      Matcher match = POINT.matcher(word);
      if (!match.matches()) {
        throw choices.wrong(POINTS, "x,y,slice of each point, such as 40,80,6;90,80,6");
      }
      long slice = match.group(3) == null ? 1 : Long.parseLong(match.group(3));
      Voxel point =
          Voxel.newBuilder()
              .setZ(Math.max(0, slice - 1))
              .setY(Long.parseLong(match.group(2)))
              .setX(Long.parseLong(match.group(1)))
              .build();
      if (slice < 1 || !objects.contains(point.getZ(), point.getY(), point.getX())) {
        throw choices.wrong(
            POINTS,
            "within the image, which has "
                + objects.image().getWidth()
                + " x "
                + objects.image().getHeight()
                + " pixels in the slices 1-"
                + objects.order().sections());
      }
      points.add(point);
    }
    return points;
  }

  private static String words(Voxel point) {
    return point.getX() + "," + point.getY() + "," + (point.getZ() + 1);
  }

  /** The object that all points lie in. */
  private static int theOneOf(ObjectImage objects, List<Voxel> points) throws CristaeException {
    if (new HashSet<>(points).size() < points.size()) {
      throw invalid("Two of the points are in the same voxel. Set one point for each part.");
    }
    int id = 0;
    for (Voxel point : points) {
      int here = objects.idAt((int) point.getZ(), (int) point.getY(), (int) point.getX());
      if (here <= 0 || id > 0 && here != id) {
        throw invalid(
            "The point "
                + words(point)
                + " (x, y, slice) lies in "
                + (here <= 0 ? "the background" : "the object " + here)
                + (id > 0 ? ", one before in the object " + id : "")
                + ". Set all points in the one object that is to be split.");
      }
      id = here;
    }
    return id;
  }

  @Override
  public String title() {
    return "Splitting object " + id + " of " + objects.image().getTitle();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    Client client = Connection.open(listener, cancellation);
    Connection.need(client, CleanObjects.FEATURE, "does not split objects");
    Edits.locked(objects.image(), () -> split(client, listener, cancellation, detach));
    return null;
  }

  private void split(
      Client client, JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    ImagePlus image = objects.image();
    checkUnchanged();
    ObjectImage.Place place = objects.place(id, listener, cancellation);
    LabelType.check(image, place.largest() + points.size() - 1);
    ReceivedVolume parts = parts(client, place.box(), listener, cancellation, detach);
    checkUnchanged();
    int largest = objects.place(id, listener, cancellation).largest(); // painted meanwhile, perhaps
    int last = largest + points.size() - 1;
    int bits = LabelType.widen(image, last);
    ClassColors.cover(image, last);
    String numbers = "numbers " + id + ", " + listed(largest + 1, last);
    done =
        String.format(
            "object %d into %d parts, %s%s",
            id, points.size(), numbers, bits > 0 ? ", in a window of " + bits + " bits now" : "");
    Edits.keep(
        image,
        () ->
            ObjectEdit.split(
                    objects, id, place.box(), parts.toImage("", null).getStack(), largest + 1)
                .called("the split of " + id + " into " + points.size() + " parts"),
        "split " + done + ", in \"" + image.getTitle() + "\".");
    if (isPicked) {
      image.deleteRoi(); // the next points are set anew
    }
  }

  /**
   * Other commands leave a locked image alone; a person with a brush, or a closed window, may not.
   */
  private void checkUnchanged() throws CristaeException {
    objects.checkStillEditable();
    if (theOneOf(objects, points) != id) {
      throw invalid(
          "The points do not lie in object "
              + id
              + " of \""
              + objects.image().getTitle()
              + "\" any more. Begin again.");
    }
  }

  private static String listed(int first, int last) {
    return first == last ? String.valueOf(first) : first + (last > first + 1 ? "-" : ", ") + last;
  }

  /** Has the server cut the object in its box; the part of the first point is 1. */
  private ReceivedVolume parts(
      Client client, Box box, JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    ImageVolume mask =
        ImageVolume.labels(ObjectMask.of(objects, id, box), null, Collections.emptyList());
    String volumeId = Upload.run(client, mask, listener, cancellation).getVolumeId();
    org.cristae.v1.SplitObject.Builder cut = org.cristae.v1.SplitObject.newBuilder().setId(1);
    for (Voxel point : points) {
      cut.addPoints(
          Voxel.newBuilder()
              .setZ(point.getZ() - box.getZStart())
              .setY(point.getY() - box.getYStart())
              .setX(point.getX() - box.getXStart()));
    }
    CleaningSpec spec =
        CleaningSpec.newBuilder()
            .setLabels(
                NamedVolume.newBuilder().setVolumeId(volumeId).setName(mask.spec().getName()))
            .addSplits(cut)
            .build();
    cancellation.check();
    Job job = new Jobs(client).submit(spec, cancellation);
    listener.submitted(job.getJobId());
    Job ended = Following.toEnd(client, job.getJobId(), listener, cancellation, detach);
    String result = ended.getResult().getOutputs(0).getVolumeId();
    Volume volume = Download.describe(client, result);
    ReceivedVolume parts = new ReceivedVolume(volume.getSpec());
    Download.run(client, volume, parts, listener, Cancellation.either(cancellation, detach));
    JobDeletion.ofTakenResult(client, job.getJobId());
    return parts;
  }

  @Override
  public String lastWords() {
    return "Split " + done + ". Cristae Undo Edit takes it back.";
  }
}

package org.cristae.fiji.ui;

import ij.ImagePlus;
import java.math.BigInteger;
import java.util.Collections;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectEdit;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.image.ReceivedVolume;
import org.cristae.fiji.labels.PickedObjects;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Voxel;

/** Objects that become one, which gets the lowest of their ids; in place, without a server. */
public final class MergeObjects implements Work {
  private static final String IDS = "ids";

  /** More are counted, not named. */
  private static final int MOST_NAMED = 8;

  private static final BigInteger GREATEST = BigInteger.valueOf(ReceivedVolume.MAX_EXACT_LABEL);

  private final ObjectImage objects;
  private final SortedSet<Integer> ids;
  private final boolean isPicked;
  private final List<Voxel> beside;

  private MergeObjects(
      ObjectImage objects, SortedSet<Integer> ids, boolean isPicked, List<Voxel> beside) {
    this.objects = objects;
    this.ids = ids;
    this.isPicked = isPicked;
    this.beside = beside;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices("Cristae Merge Objects", "image", IDS);
  }

  /** The choice of the active image. */
  public static Choices active() throws CristaeException {
    return choices().put("image", OpenImages.find("").getTitle());
  }

  /**
   * Looks which objects are meant: those named, else those below the selection, whose ids are put
   * into the choices.
   *
   * @throws CristaeException if they are less than two, or the image cannot be changed
   */
  public static MergeObjects prepare(Choices choices) throws CristaeException {
    ObjectImage objects = ObjectImage.of(OpenImages.image(choices));
    objects.checkEditable();
    boolean isPicked = !choices.has(IDS);
    SortedSet<Integer> ids = isPicked ? PickedObjects.ids(objects) : named(choices);
    if (isPicked && ids.size() < 2) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          (ids.isEmpty() ? "No object is" : "Only the object " + ids.first() + " is")
              + " picked in \""
              + objects.image().getTitle()
              + "\". Click with the multi-point tool into each object that is to become one with"
              + " the others, or draw a selection across them, and begin again.");
    }
    choices.put(IDS, ids.stream().map(String::valueOf).collect(Collectors.joining(",")));
    List<Voxel> beside = isPicked ? PickedObjects.besideObjects(objects) : Collections.emptyList();
    return new MergeObjects(objects, ids, isPicked, beside);
  }

  private static SortedSet<Integer> named(Choices choices) throws CristaeException {
    SortedSet<Integer> ids = new TreeSet<>();
    for (String word : choices.get(IDS, "").split(",")) {
      String id = word.trim();
      if (id.matches("\\d+") && new BigInteger(id).compareTo(GREATEST) > 0) {
        throw choices.wrong(
            IDS, "numbers of objects up to 16,777,216: images hold no greater ones exactly");
      }
      if (!id.matches("\\d{1,8}") || Integer.parseInt(id) == 0) {
        ids.clear();
        break;
      }
      ids.add(Integer.parseInt(id));
    }
    if (ids.size() < 2) {
      throw choices.wrong(IDS, "the numbers of two or more objects, such as 3,7,9");
    }
    return ids;
  }

  private String words() {
    String named =
        ids.size() > MOST_NAMED
            ? ids.size() + " objects"
            : ids.stream().map(String::valueOf).collect(Collectors.joining(", "));
    return named + " into " + ids.first();
  }

  /** Says which points picked nothing. */
  static String leftOut(List<Voxel> points) {
    String places =
        points.stream()
            .limit(MOST_NAMED)
            .map(
                one ->
                    String.format("x %d, y %d, slice %d", one.getX(), one.getY(), one.getZ() + 1))
            .collect(Collectors.joining("; "));
    String more = points.size() > MOST_NAMED ? "; ..." : "";
    return points.size() == 1
        ? "1 point lies on no object (" + places + ") and was left out."
        : points.size() + " points lie on no object (" + places + more + ") and were left out.";
  }

  @Override
  public String title() {
    return "Merging " + words();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    ImagePlus image = objects.image();
    Edits.locked(
        image,
        () -> {
          objects.checkStillEditable();
          SortedSet<Integer> lost = new TreeSet<>(ids);
          lost.removeAll(objects.found(ids, listener, cancellation));
          if (!lost.isEmpty()) {
            throw new CristaeException(
                ErrorCode.ERROR_CODE_NOT_FOUND,
                "\""
                    + image.getTitle()
                    + (lost.size() == 1 ? "\" has no object " : "\" has none of the objects ")
                    + lost.stream()
                        .limit(MOST_NAMED)
                        .map(String::valueOf)
                        .collect(Collectors.joining(", "))
                    + (lost.size() > MOST_NAMED ? ", ..." : "")
                    + ". Nothing was changed.");
          }
          Edits.keep(
              image,
              () ->
                  ObjectEdit.merge(objects, ids, ids.first(), listener, cancellation)
                      .called("the merge of " + words()),
              "merged " + words() + " in \"" + image.getTitle() + "\".");
          if (isPicked) {
            image.deleteRoi(); // the next ones are picked anew
          }
          if (!beside.isEmpty()) {
            listener.note(leftOut(beside), true);
          }
        });
    return null;
  }

  @Override
  public String lastWords() {
    String left = beside.isEmpty() ? "" : " " + leftOut(beside);
    return "Merged " + words() + "." + left + " Cristae Undo Edit takes it back.";
  }
}

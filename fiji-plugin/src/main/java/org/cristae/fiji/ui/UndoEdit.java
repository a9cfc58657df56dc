package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectEdit;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.v1.ErrorCode;

/** Takes back the last merge or split in a label image; again, the one before. */
public final class UndoEdit implements Work {
  private final ObjectImage objects;
  private final ObjectEdit edit;

  private UndoEdit(ObjectImage objects, ObjectEdit edit) {
    this.objects = objects;
    this.edit = edit;
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices("Cristae Undo Edit", "image");
  }

  /** The choice of the active image. */
  public static Choices active() throws CristaeException {
    return choices().put("image", OpenImages.find("").getTitle());
  }

  /**
   * Looks for the change to take back.
   *
   * @throws CristaeException if the image is not open, or there is none
   */
  public static UndoEdit prepare(Choices choices) throws CristaeException {
    ImagePlus image = OpenImages.image(choices);
    ObjectEdit last = Edits.last(image);
    if (last == null) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_INVALID_INPUT,
          "There is nothing to take back in \""
              + image.getTitle()
              + "\": merges and splits can be, as long as the window is open.");
    }
    return new UndoEdit(ObjectImage.of(image), last);
  }

  @Override
  public String title() {
    return "Taking back " + edit.words();
  }

  @Override
  public ImagePlus run(JobListener listener, Cancellation cancellation, Cancellation detach)
      throws CristaeException {
    ImagePlus image = objects.image();
    Edits.locked(
        image,
        () -> {
          objects.checkStillEditable();
          if (Edits.last(image) != edit) {
            throw new CristaeException(
                ErrorCode.ERROR_CODE_INVALID_INPUT,
                "The last change of \""
                    + image.getTitle()
                    + "\" is another one by now. Begin again.");
          }
          long changedSince = edit.takeBack(objects);
          ObjectImage.checkOpen(image);
          Edits.forget(image, edit, changedSince == 0);
          String left =
              changedSince == 0
                  ? ""
                  : " " + changedSince + " of its voxels were changed since, and stay.";
          IJ.log("Cristae: took back " + edit.words() + "." + left + Edits.outdated(image));
        });
    return null;
  }

  @Override
  public String lastWords() {
    return "Took back " + edit.words() + ".";
  }
}

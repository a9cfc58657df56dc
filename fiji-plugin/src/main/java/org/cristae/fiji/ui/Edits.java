package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import ij.Undo;
import ij.text.TextWindow;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.WeakHashMap;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.image.ObjectEdit;
import org.cristae.fiji.image.ObjectImage;
import org.cristae.fiji.labels.ObjectMark;
import org.cristae.v1.ErrorCode;

/** Changes of open label images, the last ones kept so that they can be taken back. */
final class Edits {
  private static final int MOST_EDITS = 50;
  private static final int MOST_PARTS_OF_MEMORY = 8;

  private static final Map<ImagePlus, Deque<ObjectEdit>> KEPT = new WeakHashMap<>();

  /** What stands for the objects as they are now, and as they were before each change. */
  private static final Map<ImagePlus, Object> STATES = new WeakHashMap<>();

  private static final Map<ObjectEdit, Object> BEFORE = new WeakHashMap<>();

  private Edits() {}

  /** Something done to an image that nobody else changes meanwhile. */
  interface Action {
    void run() throws CristaeException;
  }

  /** Changes voxels of an image, and returns what was changed. */
  interface Change {
    ObjectEdit make() throws CristaeException;
  }

  /**
   * Does something while the image is locked for other commands, and shows what became of it.
   *
   * @throws CristaeException if another command has it, or the action fails
   */
  static void locked(ImagePlus image, Action action) throws CristaeException {
    if (!image.lockSilently()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_BUSY,
          "Another command works on \""
              + image.getTitle()
              + "\" at the moment. Wait for its end, and begin again.");
    }
    try {
      action.run();
    } finally {
      image.unlock();
      if (ObjectImage.wasClosed(image)) {
        image.flush(); // ImageJ left that out, since it was locked
      } else {
        image.updateAndDraw();
      }
    }
  }

  /** Changes voxels, keeps what was changed, and tells the log. */
  static void keep(ImagePlus image, Change change, String sentence) throws CristaeException {
    boolean hasOnePlane = image.getStackSize() == 1;
    Undo.setup(hasOnePlane ? Undo.COMPOUND_FILTER : Undo.NOTHING, image);
    ObjectEdit edit = change.make();
    ObjectImage.checkOpen(image);
    if (hasOnePlane) {
      Undo.setup(Undo.COMPOUND_FILTER_DONE, image); // Edit > Undo takes it back too
    }
    push(image, edit);
    image.changes = true;
    IJ.log("Cristae: " + sentence + outdated(image));
  }

  /**
   * Takes away the outline of an object, which may be another one by now, and says which table of
   * the objects is older than they are; empty if none is open.
   */
  static String outdated(ImagePlus image) {
    ObjectMark.remove(image);
    ObjectLink.unmark(image);
    TextWindow table = ObjectTables.window(image);
    return table == null || ObjectTables.isOfNow(table, image)
        ? ""
        : ObjectTables.isOlder(table.getTitle());
  }

  private static synchronized void push(ImagePlus image, ObjectEdit edit) {
    Deque<ObjectEdit> edits = KEPT.computeIfAbsent(image, key -> new ArrayDeque<>());
    edits.push(edit);
    BEFORE.put(edit, state(image));
    STATES.put(image, new Object());
    long mostBytes = Runtime.getRuntime().maxMemory() / MOST_PARTS_OF_MEMORY;
    long bytes = edits.stream().mapToLong(ObjectEdit::bytes).sum();
    while (edits.size() > 1 && (edits.size() > MOST_EDITS || bytes > mostBytes)) {
      bytes -= edits.removeLast().bytes();
    }
  }

  /** The newest change of an image that was not taken back; null if there is none. */
  static synchronized ObjectEdit last(ImagePlus image) {
    Deque<ObjectEdit> edits = KEPT.get(image);
    return edits == null ? null : edits.peek();
  }

  /**
   * Forgets a change that was taken back.
   *
   * @param isWhole all of it was, so that the objects are what they were before it
   */
  static synchronized void forget(ImagePlus image, ObjectEdit edit, boolean isWhole) {
    KEPT.get(image).remove(edit);
    Object before = BEFORE.remove(edit);
    STATES.put(image, isWhole ? before : new Object());
    if (!isWhole) { // what stays of it stays, too, when the changes before it are taken back
      KEPT.get(image).forEach(older -> BEFORE.put(older, new Object()));
    }
  }

  /** The same thing as long as no change was made, and again when all since were taken back. */
  static synchronized Object state(ImagePlus image) {
    return STATES.computeIfAbsent(image, key -> new Object());
  }
}

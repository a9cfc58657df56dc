package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.WindowManager;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.labels.ObjectMark;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What was prepared is refused in a sentence if the image became another one since. */
class UndoEditTest {
  private static final byte[] FIRST = {1, 2, 3, 0};

  private final ImagePlus image = new ImagePlus("cells.tif", stack(2));

  private static ImageStack stack(int sections) {
    ImageStack stack = new ImageStack(2, 2);
    for (int z = 0; z < sections; z++) {
      stack.addSlice(null, FIRST.clone());
    }
    return stack;
  }

  @BeforeEach
  void open() {
    WindowManager.setTempCurrentImage(image);
  }

  @AfterEach
  void close() {
    WindowManager.setTempCurrentImage(null);
  }

  private static Work merge(String ids) throws Exception {
    return MergeObjects.prepare(MergeObjects.choices().put("ids", ids));
  }

  private static void run(Work work) throws CristaeException {
    work.run(new StatusBar(), new Cancellation(), new Cancellation());
  }

  private static void assertRefused(String words, Work work) {
    CristaeException refused = assertThrows(CristaeException.class, () -> run(work));
    assertTrue(refused.getMessage().contains(words), refused.getMessage());
  }

  private void assertPlane(int... ids) {
    byte[] plane = new byte[ids.length];
    for (int i = 0; i < ids.length; i++) {
      plane[i] = (byte) ids[i];
    }
    assertArrayEquals(plane, (byte[]) image.getStack().getPixels(2));
  }

  @Test
  void ofTwoPreparedCallsTheSecondIsRefused() throws Exception {
    run(merge("1,2"));
    run(merge("1,3"));
    assertPlane(1, 1, 1, 0);
    Work once = UndoEdit.prepare(UndoEdit.choices());
    Work again = UndoEdit.prepare(UndoEdit.choices());
    run(once);
    assertPlane(1, 1, 3, 0);
    assertRefused("is another one by now. Begin again.", again);
    assertPlane(1, 1, 3, 0);
    run(UndoEdit.prepare(UndoEdit.choices()));
    assertPlane(1, 2, 3, 0);
  }

  @Test
  void theOutlineOfAnObjectGoesWithEachChangeAndWhatElseLiesThereStays() throws Exception {
    run(merge("1,2"));
    Work[] changes = {merge("1,3"), null};
    for (Work change : changes) {
      image.setOverlay(new Overlay(new Roi(0, 0, 1, 1)));
      ObjectMark.put(image, new Roi(0, 0, 2, 1), 1);
      assertEquals(2, image.getOverlay().size());
      run(change == null ? UndoEdit.prepare(UndoEdit.choices()) : change);
      assertEquals(1, image.getOverlay().size());
    }
  }

  @Test
  void aTableIsSaidToBeOlder() {
    assertEquals(
        " The table \"cells-objects\" is older than this change: Cristae Measure Objects makes a"
            + " new one.",
        ObjectTables.isOlder("cells-objects"));
  }

  @Test
  void theObjectsAreTheSameAgainWhenAllChangesWereTakenBack() throws Exception {
    Object first = Edits.state(image);
    run(merge("1,2"));
    Object second = Edits.state(image);
    run(merge("1,3"));
    assertNotSame(second, Edits.state(image));
    run(UndoEdit.prepare(UndoEdit.choices()));
    assertSame(second, Edits.state(image));
    assertNotSame(first, second);
    run(UndoEdit.prepare(UndoEdit.choices()));
    assertSame(first, Edits.state(image));
    run(merge("1,2"));
    run(merge("1,3"));
    image.getStack().getProcessor(2).set(2, 0, 9); // painted, and so it stays
    run(UndoEdit.prepare(UndoEdit.choices()));
    assertNotSame(second, Edits.state(image));
    run(UndoEdit.prepare(UndoEdit.choices()));
    assertPlane(1, 2, 9, 0);
    assertNotSame(first, Edits.state(image));
  }

  @Test
  void anImageThatBecameAnotherOneIsLeftAlone() throws Exception {
    run(merge("1,2"));
    Work[] prepared = {merge("1,3"), UndoEdit.prepare(UndoEdit.choices())};
    image.setStack(stack(3));
    for (Work work : prepared) {
      assertRefused("has another size or other slices than when this began", work);
      assertPlane(1, 2, 3, 0);
    }
  }

  @Test
  void anImageThatBecameAVirtualStackIsLeftAlone() throws Exception {
    run(merge("1,2"));
    Work[] prepared = {merge("1,3"), UndoEdit.prepare(UndoEdit.choices())};
    VirtualStack read =
        new VirtualStack(2, 2, 2) {
          @Override
          public ImageProcessor getProcessor(int number) {
            return new ByteProcessor(2, 2, FIRST.clone());
          }

          @Override
          public String getSliceLabel(int number) {
            return null;
          }
        };
    read.setBitDepth(8);
    image.setStack(read);
    for (Work work : prepared) {
      assertRefused("is a virtual stack", work);
    }
  }

  @Test
  void anImageThatWasClosedIsToldOf() throws Exception {
    run(merge("1,2"));
    Work[] prepared = {merge("1,3"), UndoEdit.prepare(UndoEdit.choices())};
    image.flush();
    for (Work work : prepared) {
      assertRefused("was closed, or lost slices, meanwhile", work);
    }
  }
}

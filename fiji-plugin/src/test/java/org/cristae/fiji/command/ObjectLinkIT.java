package org.cristae.fiji.command;

import static org.cristae.fiji.command.MendIT.cells;
import static org.cristae.fiji.command.RealImageJ.closeTables;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.seen;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.ImageStack;
import ij.VirtualStack;
import ij.WindowManager;
import ij.gui.ImageCanvas;
import ij.measure.ResultsTable;
import ij.process.ImageProcessor;
import ij.text.TextWindow;
import java.awt.Component;
import java.awt.EventQueue;
import java.awt.event.MouseEvent;
import java.util.Collections;
import java.util.concurrent.atomic.AtomicInteger;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ServedStack;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Volume;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Label images and the tables of their objects, linked by clicks, in real ImageJ. */
@Timeout(480)
class ObjectLinkIT {
  private static final String MEASURE = "run(\"Cristae Measure Objects\", \"labels=%s\");";

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
    IJ.log("\\Clear");
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static void mouse(Component part, int x, int y) throws Exception {
    SwingUtilities.invokeAndWait(
        () -> {
          for (int id : new int[] {MouseEvent.MOUSE_PRESSED, MouseEvent.MOUSE_RELEASED}) {
            int held = id == MouseEvent.MOUSE_PRESSED ? MouseEvent.BUTTON1_DOWN_MASK : 0;
            long now = System.currentTimeMillis();
            part.dispatchEvent(
                new MouseEvent(part, id, now, held, x, y, 1, false, MouseEvent.BUTTON1));
          }
        });
    SwingUtilities.invokeAndWait(() -> {}); // what was to be done later
  }

  /** Where on the screen a row lies: the heights of rows are the panel's own, once it is drawn. */
  private static int rowY(TextWindow table, int row) throws Exception {
    return await("row " + row, () -> seen(() -> drawnAt(table, row)));
  }

  private static Integer drawnAt(TextWindow table, int row) {
    try {
      for (int y = 0; y < 200; y++) {
        if (table.getTextPanel().rowIndex(y) == row) {
          return y + 2;
        }
      }
    } catch (ArithmeticException e) {
      // it is not drawn yet
    }
    return null;
  }

  private static TextWindow table() {
    TextWindow table = (TextWindow) WindowManager.getFrame("cells-objects");
    assertNotNull(table, "no table");
    return table;
  }

  private static void clickImage(ImagePlus image, int x, int y) throws Exception {
    ImageCanvas canvas = image.getCanvas();
    mouse(canvas, canvas.screenX(x), canvas.screenY(y));
  }

  private static void clickRow(TextWindow table, int row) throws Exception {
    SwingUtilities.invokeAndWait(() -> table.getTextPanel().setSelection(row, row));
    mouse(table.getTextPanel().getComponent(0), 20, rowY(table, row));
  }

  private static boolean isMarked(ImagePlus image) throws Exception {
    return seen(() -> image.getOverlay() != null && image.getOverlay().size() == 1);
  }

  @Test
  void aClickIntoAnObjectSelectsItsRowAndARowShowsTheObject() throws Exception {
    ImagePlus image = MendIT.cells("8-bit", 5, 3);
    macro("run(\"Cristae Measure Objects\", \"labels=cells.tif\");");
    TextWindow table = (TextWindow) WindowManager.getFrame("cells-objects");
    assertNotNull(table, "no table");
    IJ.selectWindow("cells.tif");
    image.setSlice(7);
    IJ.setTool("hand");
    ImageCanvas canvas = image.getCanvas();
    mouse(canvas, canvas.screenX(14), canvas.screenY(20));
    int row = table.getTextPanel().getSelectionStart();
    assertEquals(5, table.getResultsTable().getValue("id", row));
    assertEquals(1, image.getOverlay().size());
    assertEquals(7, image.getOverlay().get(0).getPosition());
    mouse(canvas, canvas.screenX(1), canvas.screenY(1));
    assertEquals(-1, table.getTextPanel().getSelectionStart());
    assertNull(image.getOverlay());

    image.setSlice(1);
    int other = 1 - row;
    clickRow(table, other);
    assertEquals(other, table.getTextPanel().getSelectionStart());
    assertEquals(7, image.getCurrentSlice());
    assertEquals(46, image.getOverlay().get(0).getBounds().x);
    assertFalse(image.changes);
    SwingUtilities.invokeAndWait(table::dispose);
    await("the end", () -> image.getOverlay() == null ? image : null);
  }

  @Test
  void ofTwoImagesOfOneNameTheTableIsThatOfTheMeasuredOne() throws Exception {
    ImagePlus other = cells("8-bit", 5, 3);
    other.setTitle("cells.png");
    ImagePlus measured = cells("8-bit", 5, 3);
    macro(String.format(MEASURE, "cells.tif"));
    other.setSlice(7);
    measured.setSlice(7);
    clickImage(other, 14, 20);
    assertEquals(-1, table().getTextPanel().getSelectionStart());
    assertFalse(isMarked(other));
    clickImage(measured, 14, 20);
    assertTrue(isMarked(measured));
    measured.setTitle("renamed.tif");
    measured.setSlice(1);
    other.setSlice(1);
    clickRow(table(), 0);
    assertEquals(7, measured.getCurrentSlice());
    assertEquals(1, other.getCurrentSlice());
    assertFalse(isMarked(other));
    measured.changes = false;
    measured.close();
    clickRow(table(), 0);
    assertEquals(1, other.getCurrentSlice());
  }

  private static void showTable(int section, double... ids) {
    ResultsTable table = new ResultsTable();
    for (double id : ids) {
      table.incrementCounter();
      table.addValue("id", id);
      table.addValue("centroid_z_px", section);
      table.addValue("centroid_y_px", 20);
      table.addValue("centroid_x_px", 14);
    }
    table.show("cells-objects");
  }

  @Test
  void aTableOfAnotherDayGoesWithTheOnlyImageOfItsNameAndAnEmptyIdIsNoObject() throws Exception {
    ImagePlus image = cells("8-bit", 5, 3);
    macro(String.format(MEASURE, "cells.tif")); // from now on clicks are heard
    closeTables();
    ImagePlus other = cells("8-bit", 5, 3);
    other.setTitle("cells.png");
    showTable(6, 5, Double.NaN);
    clickRow(table(), 0);
    assertFalse(isMarked(image));
    assertFalse(isMarked(other));
    other.changes = false;
    other.close();
    clickRow(table(), 0);
    assertEquals(7, image.getCurrentSlice());
    assertTrue(isMarked(image));
    image.setSlice(3);
    clickRow(table(), 1);
    assertEquals(3, image.getCurrentSlice());
    assertFalse(isMarked(image));
    clickRow(table(), 0);
    assertTrue(isMarked(image));
    macro("run(\"Cristae Merge Objects\", \"image=cells.tif ids=3,5\");");
    assertFalse(isMarked(image), "the outline of what is another object now");
    String older = "The table \"cells-objects\" is older than this change";
    assertTrue(IJ.getLog().contains(older), IJ.getLog());
  }

  @Test
  void aTableIsNotOlderThanObjectsThatAreAgainWhatWasMeasured() {
    cells("8-bit", 5, 3);
    macro(String.format(MEASURE, "cells.tif"));
    String merge = "run(\"Cristae Merge Objects\", \"image=cells.tif ids=3,5\");";
    String undo = "run(\"Cristae Undo Edit\", \"image=cells.tif\");";
    IJ.log("\\Clear");
    macro(merge);
    assertTrue(IJ.getLog().contains("is older than this change"), IJ.getLog());
    IJ.log("\\Clear");
    macro(undo);
    assertTrue(IJ.getLog().contains("took back"), IJ.getLog());
    assertFalse(IJ.getLog().contains("is older"), IJ.getLog());
    macro(merge, String.format(MEASURE, "cells.tif"));
    IJ.log("\\Clear");
    macro(undo); // now it was measured in between
    assertTrue(IJ.getLog().contains("is older than this change"), IJ.getLog());
  }

  /** The slices of an image as a disk would give them, and how often on the event thread. */
  private static VirtualStack virtual(ImagePlus memory, AtomicInteger onEventThread) {
    ImageStack kept = memory.getStack();
    VirtualStack slices =
        new VirtualStack(memory.getWidth(), memory.getHeight(), memory.getStackSize()) {
          @Override
          public ImageProcessor getProcessor(int number) {
            if (EventQueue.isDispatchThread()) {
              onEventThread.incrementAndGet();
            }
            return kept.getProcessor(number).duplicate();
          }

          @Override
          public Object getPixels(int number) {
            return getProcessor(number).getPixels();
          }

          @Override
          public String getSliceLabel(int number) {
            return null;
          }
        };
    slices.setBitDepth(8);
    return slices;
  }

  @Test
  void aTableGoesWithItsImageThatWasClosedAndOpenedAgainIfItHasTheSameObjects() throws Exception {
    close(cells("8-bit", 5, 3), true);
    ImagePlus changed = cells("8-bit", 5, 3);
    changed.getStack().getProcessor(7).set(57, 20, 5); // it was of the object 3
    changed.setSlice(7);
    clickImage(changed, 14, 20);
    String others = "The table \"cells-objects\" does not fit \"cells.tif\"";
    await("a sentence", () -> String.valueOf(IJ.getLog()).contains(others) ? this : null);
    clickRow(table(), 0);
    assertFalse(isMarked(changed));
    close(changed, false);
    ImagePlus again = cells("8-bit", 5, 3);
    again.setSlice(7);
    clickImage(again, 14, 20);
    await("the mark", () -> isMarked(again) ? this : null);
    int row = table().getTextPanel().getSelectionStart();
    assertEquals(5, table().getResultsTable().getValue("id", row));
    again.setSlice(1);
    clickRow(table(), 1 - row); // at once: the image is known
    assertEquals(7, again.getCurrentSlice());
    assertEquals(46, again.getOverlay().get(0).getBounds().x);
    close(again, false);
    ImagePlus third = cells("8-bit", 5, 3);
    clickRow(table(), row); // the table finds it, too
    await("the mark", () -> isMarked(third) ? this : null);
    assertEquals(7, third.getCurrentSlice());
  }

  @Test
  void anImageThatIsNotKeptInMemoryIsKnownAgainByItsJob() throws Exception {
    ImagePlus memory = cells("8-bit", 5, 3);
    memory.setProp("cristae.job", "one");
    VirtualStack slices = virtual(memory.duplicate(), new AtomicInteger());
    close(memory, true);
    ImagePlus other = new ImagePlus("cells.tif", slices);
    other.show();
    clickRow(table(), 0);
    String others = "The table \"cells-objects\" does not fit \"cells.tif\"";
    await("a sentence", () -> String.valueOf(IJ.getLog()).contains(others) ? this : null);
    close(other, false);
    ImagePlus same = new ImagePlus("cells.tif", slices);
    same.setProp("cristae.job", "one");
    same.show();
    clickRow(table(), 0);
    await("the mark", () -> isMarked(same) ? this : null);
  }

  private static void close(ImagePlus image, boolean isMeasured) {
    if (isMeasured) {
      macro(String.format(MEASURE, "cells.tif"));
    }
    image.changes = false;
    image.close();
  }

  @Test
  void slicesOfAVirtualStackAreNotReadOnTheEventThread() throws Exception {
    ImagePlus memory = cells("8-bit", 5, 3);
    AtomicInteger onEventThread = new AtomicInteger();
    VirtualStack slices = virtual(memory, onEventThread);
    memory.setTitle("memory.tif");
    ImagePlus image = new ImagePlus("cells.tif", slices);
    image.show();
    macro(String.format(MEASURE, "cells.tif"));
    IJ.selectWindow("cells.tif");
    IJ.setTool("hand");
    image.setSlice(7);
    SwingUtilities.invokeAndWait(() -> onEventThread.set(0)); // what ImageJ itself did
    clickImage(image, 14, 20);
    await("the mark", () -> isMarked(image) ? image : null);
    int row = table().getTextPanel().getSelectionStart();
    assertEquals(5, table().getResultsTable().getValue("id", row));
    image.setSlice(1);
    clickRow(table(), 1 - row);
    await("the slice", () -> image.getCurrentSlice() == 7 && isMarked(image) ? image : null);
    assertEquals(46, image.getOverlay().get(0).getBounds().x);
    assertEquals(0, onEventThread.get());
  }

  @Test
  void whatTheServerDoesNotSendIsToldInASentence() throws Exception {
    macro("newImage(\"cells.tif\", \"8-bit\", 8, 8, 1);", String.format(MEASURE, "cells.tif"));
    closeTables();
    RealImageJ.closeAll();
    ImagePlus memory = RealImageJ.labels("cells.tif", 40); // more slices than come at a time
    ImageVolume labels = ImageVolume.labels(memory, null, Collections.emptyList());
    Client client = Connection.open(Progress.NONE, new Cancellation());
    Volume volume = Upload.run(client, labels, Progress.NONE, new Cancellation());
    RealImageJ.closeAll();
    ImagePlus image = new ServedStack(client, volume).toImage("cells.tif", null);
    image.show();
    Connection.stopLocal();
    showTable(36, 1);
    clickRow(table(), 0);
    await("a sentence", () -> IJ.getLog() != null && IJ.getLog().contains("Cristae: ") ? 1 : null);
    assertTrue(IJ.getLog().contains("does not answer"), IJ.getLog());
    assertEquals(1, image.getCurrentSlice());
    assertFalse(isMarked(image));
    Connection.open(Progress.NONE, new Cancellation());
    clickRow(table(), 0);
    await("the mark", () -> isMarked(image) ? image : null);
    assertEquals(37, image.getCurrentSlice());
  }
}

package org.cristae.fiji.image;

import static org.cristae.fiji.command.Windows.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.ScrollbarWithLabel;
import ij.gui.StackWindow;
import ij.macro.Interpreter;
import java.awt.Component;
import java.awt.Window;
import java.awt.event.AdjustmentEvent;
import java.util.Collections;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Patience;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.ServerAddress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.command.RealImageJ;
import org.cristae.fiji.command.Windows;
import org.cristae.fiji.launch.HomeFolder;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Volume;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the commands and the sliders of the real ImageJ get of slices whose server is gone. */
@Timeout(300)
class LostSliceIT {
  /** More than a block has, so that there are two slabs. */
  private static final int SLICES = 20;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  @Test
  void aCommandOfTheMenuIsRefusedALostSliceAndLookingNeverIsAlsoWhileAMacroRuns() throws Exception {
    ServerAddress address = Connection.open(Progress.NONE, new Cancellation()).address();
    HomeFolder home = Connection.local().home();
    Client client = new Client(address, home::token, new Patience(0.5));
    ImagePlus cells = IJ.createImage("cells", "8-bit black", 48, 40, SLICES);
    ImageVolume labels = ImageVolume.labels(cells, null, Collections.emptyList());
    Volume volume = Upload.run(client, labels, Progress.NONE, new Cancellation());
    ImagePlus served = new ServedStack(client, volume, 0).toImage("lost.tif", null);
    served.show();
    int last = BlockGrid.of(volume.getSpec()).slab(0, 0).depth;
    served.setSlice(last);
    Connection.stopLocal();
    int open = WindowManager.getImageCount();
    IJ.doCommand(served, "Stack to Images");
    Window message = await("the refusal", Windows::message);
    SwingUtilities.invokeAndWait(message::dispose);
    await("its end", () -> runs("Stack to Images") ? null : "ended");
    assertEquals(open + last, WindowManager.getImageCount(), "slices that are here, no others");
    served.unlock(); // ImageJ unlocks the active image, which is a slice by now
    Interpreter macro = new Interpreter();
    Thread running = new Thread(() -> macro.run("wait(240000);"), "Macro$");
    running.start();
    try {
      await("the macro", () -> IJ.isMacro() ? "runs" : null);
      IJ.doCommand(served, "Next Slice [>]");
      await("the next slice", () -> served.getCurrentSlice() == last + 1 ? "there" : null);
      for (int slice = last + 2; slice <= SLICES; slice++) {
        int wanted = slice; // ImageJ misses a move while it still fetches: again
        await("slice " + slice, () -> drag(served, wanted));
      }
      assertNull(Windows.message());
      assertTrue(running.isAlive());
    } finally {
      macro.abortMacro();
      running.interrupt();
    }
  }

  private static boolean runs(String thread) {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(one -> one.getName().equals(thread));
  }

  /** As if the slider was dragged; ImageJ goes to the slice on a thread of its own. */
  private static String drag(ImagePlus image, int slice) throws Exception {
    for (Component part : image.getWindow().getComponents()) {
      if (part instanceof ScrollbarWithLabel) {
        ScrollbarWithLabel slider = (ScrollbarWithLabel) part;
        slider.setValue(slice);
        AdjustmentEvent moved = new AdjustmentEvent(slider, 0, AdjustmentEvent.TRACK, slice);
        SwingUtilities.invokeAndWait(
            () -> ((StackWindow) image.getWindow()).adjustmentValueChanged(moved));
      }
    }
    return image.getCurrentSlice() == slice ? "there" : null;
  }
}

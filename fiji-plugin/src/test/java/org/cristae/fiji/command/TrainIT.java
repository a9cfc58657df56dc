package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.box;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.menu;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.Prefs;
import java.awt.Window;
import javax.swing.JLabel;
import javax.swing.SwingUtilities;
import org.cristae.fiji.ui.Connection;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What Train proposes, and what it refuses before anything is sent. */
@Timeout(240)
class TrainIT {
  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterAll
  static void stopServer() {
    Connection.stopLocal();
  }

  @AfterEach
  void close() {
    RealImageJ.closeAll();
  }

  @Test
  void theLabelsAreFoundByTheirValuesWhicheverImageIsActiveAndTheTaskFollowsThem()
      throws Exception {
    RealImageJ.dots("zzz.tif", 48, 3, false);
    RealImageJ.dots("neurons.tif", 48, 3, true);
    ImagePlus mask = RealImageJ.dots("inside.tif", 48, 3, true);
    for (int plane = 1; plane <= 3; plane++) {
      mask.getStack().getProcessor(plane).max(1); // active, and opened last
    }
    Prefs.set("cristae.train.task", "instances");
    try {
      menu("Cristae Train");
      Window train = await("the dialog", () -> dialog("Cristae: train a model"));
      assertEquals("zzz.tif", box(train, "image").getSelectedItem());
      choose(train, "labels", "neurons.tif");
      assertEquals("instances", box(train, "task").getSelectedItem());
      choose(train, "labels", "inside.tif");
      assertEquals("semantic", box(train, "task").getSelectedItem());
      choose(train, "task", "masks");
      choose(train, "labels", "neurons.tif");
      assertEquals("masks", box(train, "task").getSelectedItem(), "chosen by the person");
      choose(train, "image", "neurons.tif");
      choose(train, "labels", "zzz.tif");
      String swapped = "labels \"zzz.tif\" are grey values: choose them the other way round";
      await(
          "the words",
          () ->
              child(
                  train,
                  part -> part instanceof JLabel && ((JLabel) part).getText().contains(swapped)));
      click(train, "Cancel");
      await("the end of the dialog", () -> train.isShowing() ? null : this);
    } finally {
      Prefs.set("cristae.train.task", "");
    }
  }

  private static void choose(Window window, String key, String item) throws Exception {
    SwingUtilities.invokeAndWait(() -> box(window, key).setSelectedItem(item));
  }

  @Test
  void anImageAndItsLabelsTheWrongWayRoundAreRefused() {
    RealImageJ.stack("stack.tif", 6, 1);
    RealImageJ.labels("six.tif", 6);
    String swapped =
        failingMacro("run(\"Cristae Train\", \"image=six.tif labels=stack.tif name=x steps=1\");");
    assertTrue(swapped.contains("choose them the other way round"), swapped);
  }
}

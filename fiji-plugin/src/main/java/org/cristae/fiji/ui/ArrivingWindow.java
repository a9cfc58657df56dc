package org.cristae.fiji.ui;

import ij.IJ;
import ij.ImagePlus;
import ij.gui.ImageWindow;
import java.util.List;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.BlockSink;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.image.ArrivingVolume;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Volume;

/**
 * The window of labels that are still coming from the server, the slice that the image shows first.
 * Its window says so in the title until all of them are there; if they never are, it is closed. The
 * image has its final title from the start: what is recorded of it must be found in a later run.
 */
final class ArrivingWindow implements BlockSink {
  private final ArrivingVolume arriving;
  private final String title;
  private final ImagePlus source;
  private final List<LabelClass> classes;
  private ImagePlus image;

  private ArrivingWindow(
      ArrivingVolume arriving, String title, ImagePlus source, List<LabelClass> classes) {
    this.arriving = arriving;
    this.title = title;
    this.source = source;
    this.classes = classes;
  }

  /**
   * Fetches labels and shows them meanwhile.
   *
   * @param title that of the result; until the caller sets it again, its window says "arriving"
   * @param source the image that was segmented; null if that is not open any more
   * @param classes whose colours the labels have; empty for objects
   * @return the whole image, shown
   * @throws CristaeException if it cannot be fetched, or was cancelled; the window is closed then
   */
  static ImagePlus fetch(
      Client client,
      Volume volume,
      String title,
      ImagePlus source,
      List<LabelClass> classes,
      Progress progress,
      Cancellation cancellation)
      throws CristaeException {
    ArrivingVolume arriving = new ArrivingVolume(volume.getSpec());
    ArrivingWindow window = new ArrivingWindow(arriving, title, source, classes);
    try {
      long first = arriving.firstBlock(source);
      Download.run(client, volume, first, window, progress, cancellation);
      arriving.complete(window.image);
      ClassColors.apply(window.image, classes, arriving.maximum());
      return window.image;
    } catch (CristaeException | RuntimeException | Error e) {
      window.close();
      throw e;
    }
  }

  @Override
  public void write(BlockGrid.Block block, byte[] voxels) throws CristaeException {
    if (image != null && !image.isVisible()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_CANCELLED, "The window was closed by the person who looked at it.");
    }
    int before = arriving.slices();
    arriving.write(block, voxels);
    if (arriving.slices() > before) {
      show();
    }
  }

  /** A slab is there. */
  private void show() throws CristaeException {
    String told = told();
    if (image == null) {
      image = arriving.toImage(title, source);
      ClassColors.apply(image, classes, arriving.maximum());
      image.show();
    } else {
      if (arriving.update(image)) {
        ClassColors.apply(image, classes, arriving.maximum());
      } else {
        ClassColors.cover(image, arriving.maximum());
      }
      image.updateAndDraw();
    }
    ImageWindow window = image.getWindow();
    if (window != null) { // else a macro in batch mode shows none
      window.setTitle(told);
    }
    IJ.showStatus(told);
    IJ.showProgress(arriving.slices(), arriving.count());
  }

  private String told() {
    return String.format(
        "%s (arriving: %d of %d slices)", title, arriving.slices(), arriving.count());
  }

  /** A part must never be taken for the result: it goes, and the log says where the whole is. */
  private void close() {
    if (image == null) {
      return;
    }
    image.changes = false; // nobody is asked whether to save it
    image.close();
    IJ.log(
        String.format(
            "Cristae: the window of \"%s\" was closed, since only %d of %d slices had arrived. The"
                + " whole result is on the server: Plugins > Cristae > Cristae Jobs opens it.",
            title, arriving.slices(), arriving.count()));
  }
}

package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.SegmentDialog;
import org.cristae.fiji.ui.Segmentation;

/** Plugins > Cristae > Cristae Segment: makes a label image of an image with a model. */
public final class Segment extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(Segmentation.prepare(Segmentation.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(SegmentDialog::ask, Segmentation::prepare);
  }
}

package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.MeasureDialog;
import org.cristae.fiji.ui.Measurement;

/** Plugins > Cristae > Cristae Measure Objects: a table of the objects of a label image. */
public final class MeasureObjects extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(Measurement.prepare(Measurement.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(MeasureDialog::ask, Measurement::prepare);
  }
}

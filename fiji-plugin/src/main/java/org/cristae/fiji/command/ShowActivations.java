package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.ActivationMaps;
import org.cristae.fiji.ui.ActivationsDialog;

/** Plugins > Cristae > Cristae Show Activations: what a layer of a network makes of an image. */
public final class ShowActivations extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(ActivationMaps.prepare(ActivationMaps.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(ActivationsDialog::ask, ActivationMaps::prepare);
  }
}

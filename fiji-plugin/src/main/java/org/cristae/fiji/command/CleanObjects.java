package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;

/** Plugins > Cristae > Cristae Clean Objects: fills, smooths and removes objects. */
public final class CleanObjects extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(
        org.cristae.fiji.ui.CleanObjects.prepare(
            org.cristae.fiji.ui.CleanObjects.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(org.cristae.fiji.ui.CleanDialog::ask, org.cristae.fiji.ui.CleanObjects::prepare);
  }
}

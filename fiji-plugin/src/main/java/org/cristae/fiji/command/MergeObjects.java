package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;

/** Plugins > Cristae > Cristae Merge Objects: objects that were picked become one. */
public final class MergeObjects extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(
        org.cristae.fiji.ui.MergeObjects.prepare(
            org.cristae.fiji.ui.MergeObjects.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    now(org.cristae.fiji.ui.MergeObjects.active(), org.cristae.fiji.ui.MergeObjects::prepare);
  }
}

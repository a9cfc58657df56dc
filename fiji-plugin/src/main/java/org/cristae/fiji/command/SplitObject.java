package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;

/** Plugins > Cristae > Cristae Split Object: an object is cut between points. */
public final class SplitObject extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(
        org.cristae.fiji.ui.SplitObject.prepare(
            org.cristae.fiji.ui.SplitObject.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    now(org.cristae.fiji.ui.SplitObject.active(), org.cristae.fiji.ui.SplitObject::prepare);
  }
}

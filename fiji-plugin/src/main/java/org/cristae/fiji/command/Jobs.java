package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.Choices;
import org.cristae.fiji.ui.JobsWindow;

/** Plugins > Cristae > Cristae Jobs: the jobs on the server, also those of an earlier session. */
public final class Jobs extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    new Choices("Cristae Jobs").parse(options);
    JobsWindow.open();
  }

  @Override
  void interactive() {
    JobsWindow.open();
  }
}

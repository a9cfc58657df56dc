package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.Choices;
import org.cristae.fiji.ui.HelpWindow;

/** Plugins > Cristae > Cristae Help: what the commands do and how macros call them. */
public final class Help extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    new Choices("Cristae Help").parse(options);
    HelpWindow.open();
  }

  @Override
  void interactive() {
    HelpWindow.open();
  }
}

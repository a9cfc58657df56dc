package org.cristae.fiji.command;

import org.cristae.fiji.ui.HelpWindow;

/** Plugins > Cristae > Cristae Help: what the commands do and how macros call them. */
public final class Help extends Command {
  @Override
  void scripted(String options) {
    HelpWindow.open();
  }

  @Override
  void interactive() {
    HelpWindow.open();
  }
}

package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;

/** Plugins > Cristae > Cristae Show Objects: objects in colours over an image. */
public final class ShowObjects extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(
        org.cristae.fiji.ui.ShowObjects.prepare(
            org.cristae.fiji.ui.ShowObjects.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(
        org.cristae.fiji.ui.ShowObjectsDialog::ask,
        org.cristae.fiji.ui.ShowObjects::prepare,
        org.cristae.fiji.ui.ObjectsWindow::open);
  }
}

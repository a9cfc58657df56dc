package org.cristae.fiji.command;

import ij.plugin.frame.Recorder;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.Choices;
import org.cristae.fiji.ui.Connection;
import org.cristae.fiji.ui.ServerWindow;

/**
 * Plugins > Cristae > Cristae Server: which server is used. In macros {@code address=host:port
 * token=...}, or {@code address=local} for the one on this machine; what is not given stays as it
 * was. What is recorded is the press of Connect.
 */
public final class Server extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    Choices choices = ServerWindow.choices().parse(options);
    String address = choices.get("address", Connection.address());
    Connection.choose(
        address.equals("local") ? "" : address,
        choices.get("token", ""),
        choices.get("command", Connection.command()));
  }

  @Override
  void interactive() {
    Recorder.setCommand(null);
    ServerWindow.open();
  }
}

package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.Choices;
import org.cristae.fiji.ui.Connection;
import org.cristae.fiji.ui.ServerWindow;

/**
 * Plugins > Cristae > Cristae Server: which server is used. In macros {@code address=host:port
 * token=...}, or {@code address=local} for the one on this machine.
 */
public final class Server extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    Choices choices = new Choices("Cristae Server", "address", "token", "command").parse(options);
    String address = choices.get("address", "local");
    Connection.choose(
        address.equals("local") ? "" : address,
        choices.get("token", ""),
        choices.get("command", Connection.command()));
  }

  @Override
  void interactive() {
    ServerWindow.open();
  }
}

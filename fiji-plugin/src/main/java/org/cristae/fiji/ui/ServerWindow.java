package org.cristae.fiji.ui;

import java.awt.BorderLayout;
import java.awt.GridBagConstraints;
import java.awt.GridBagLayout;
import java.awt.Insets;
import java.util.List;
import java.util.Locale;
import javax.swing.ButtonGroup;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JPasswordField;
import javax.swing.JRadioButton;
import javax.swing.JTextField;
import javax.swing.SwingUtilities;
import javax.swing.WindowConstants;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.launch.LocalServer;
import org.cristae.fiji.launch.ServerCommand;
import org.cristae.v1.Device;
import org.cristae.v1.GetServerResponse;

/** Which server is used, whether it answers and what it computes on. */
public final class ServerWindow {
  private static final int WIDTH = 330;
  private static ServerWindow shown;

  private final JFrame frame = new JFrame("Cristae: server");
  private final JRadioButton local = new JRadioButton("On this machine, started when needed");
  private final JRadioButton remote = new JRadioButton("At an address (an SSH tunnel, a server)");
  private final JTextField command = new JTextField(Connection.command(), 26);
  private final JTextField address = new JTextField(Connection.address(), 26);
  private final JPasswordField token = new JPasswordField(26);
  private final JLabel answer = new JLabel();
  private final JButton connect = Look.button("Connect", this::connect);
  private final JButton stop = Look.button("Stop Server", this::stop);

  private ServerWindow() {
    frame.setDefaultCloseOperation(WindowConstants.DISPOSE_ON_CLOSE);
    ButtonGroup group = new ButtonGroup();
    group.add(local);
    group.add(remote);
    (Connection.address().isEmpty() ? local : remote).setSelected(true);
    local.addActionListener(event -> choiceChanged());
    remote.addActionListener(event -> choiceChanged());
    command.setToolTipText(
        "How to start Cristae here; empty: as last time, or cristae on the path");
    address.setToolTipText("host:port, or https://host:port");
    token.setToolTipText("The content of the file token in the server's home; empty: as before");

    JPanel form = new JPanel(new GridBagLayout());
    row(form, 0, null, local);
    row(form, 1, "Command", command);
    row(form, 2, null, remote);
    row(form, 3, "Address", address);
    row(form, 4, "Token", token);
    if (!Connection.local().home().remoteToken().isEmpty()) {
      row(form, 5, "", Look.hint("One is kept already; fill this in for another."));
    }
    JPanel foot = new JPanel(new BorderLayout(0, Look.GAP));
    foot.add(answer, BorderLayout.CENTER);
    foot.add(Look.buttons(stop, connect, Look.button("Close", frame::dispose)), BorderLayout.SOUTH);
    frame.setContentPane(new FieldsAboveFoot(Look.onTop(form), foot));
    frame.getRootPane().setDefaultButton(connect);
    Look.onEsc(frame.getRootPane(), frame::dispose);
    choiceChanged();
  }

  private static void row(JPanel form, int row, String label, JComponent field) {
    GridBagConstraints at = new GridBagConstraints();
    at.gridy = row;
    at.anchor = GridBagConstraints.LINE_START;
    at.insets = new Insets(3, label == null ? 0 : 24, 3, Look.GAP);
    if (label == null) {
      at.gridwidth = 2;
      form.add(field, at);
      return;
    }
    form.add(new JLabel(label), at);
    at.gridx = 1;
    at.weightx = 1;
    at.fill = GridBagConstraints.HORIZONTAL;
    at.insets = new Insets(3, 0, 3, 0);
    form.add(field, at);
  }

  /** No choices yet. */
  public static Choices choices() {
    return new Choices("Cristae Server", "address", "token", "command");
  }

  /** Opens the window, or brings it to the front, and asks the server who it is. */
  public static void open() {
    Look.onEventThread(
        () -> {
          if (shown == null || !shown.frame.isDisplayable()) {
            shown = new ServerWindow();
            Look.show(shown.frame);
          } else {
            shown.frame.toFront();
          }
          shown.look();
        });
  }

  private void choiceChanged() {
    command.setEnabled(local.isSelected());
    address.setEnabled(remote.isSelected());
    token.setEnabled(remote.isSelected());
    LocalServer server = Connection.local();
    stop.setEnabled(server.isOurs() || server.home().runningProcess() > 0);
  }

  /** Sets what was chosen, and connects; a local server is started. */
  private void connect() {
    String chosenAddress = remote.isSelected() ? address.getText().trim() : "";
    if (remote.isSelected() && chosenAddress.isEmpty()) {
      say("Write the address of the server, for example 127.0.0.1:7867.");
      return;
    }
    String chosenToken = new String(token.getPassword()).trim();
    String chosenCommand = command.getText().trim();
    inBackground(
        () -> {
          Connection.choose(chosenAddress, chosenToken, chosenCommand);
          Client client =
              Connection.open((stage, fraction, detail) -> say(stage + " ..."), new Cancellation());
          choices()
              .put("address", chosenAddress.isEmpty() ? "local" : chosenAddress)
              .put("command", chosenAddress.isEmpty() ? chosenCommand : "")
              .recordLine(); // without the token: it is kept, and macros are passed around
          return describe(client);
        },
        remote.isSelected() ? address : command);
  }

  /** Tells who answers, without starting anything. */
  private void look() {
    if (Connection.address().isEmpty()) {
      inBackground(
          () -> {
            Client client = Connection.findLocal();
            return client == null
                ? new Html()
                    .text("No server runs on this machine. Connect starts it; so does the first")
                    .text(" command.")
                : describe(client);
          });
    } else {
      inBackground(
          () -> describe(Connection.open((stage, f, d) -> say(stage), new Cancellation())));
    }
  }

  private void stop() {
    inBackground(() -> new Html().text(Connection.stopRunning()));
  }

  private static Html describe(Client client) throws CristaeException {
    GetServerResponse server = client.server();
    Html text = new Html();
    describe(text, server, client.address().toString());
    if (Connection.address().isEmpty()) {
      describeInstallation(text, server.getVersion());
    }
    return text;
  }

  /** Who answers at an address, and what it computes on. */
  static void describe(Html text, GetServerResponse server, String address) {
    text.bold("Connected").text(" to " + address + ", version " + server.getVersion());
    text.text(server.getStopsWithClient() ? "; it ends when no ImageJ uses it." : ".");
    for (Device device : server.getDevicesList()) {
      text.line().text(device.getName() + ": " + device.getDescription());
      text.text(String.format(Locale.ROOT, ", %.0f GB", device.getMemoryBytes() / 1e9));
      text.text(device.getJobId().isEmpty() ? "" : ", busy");
    }
  }

  /** Which installation runs on this machine, and whether the next start would take a newer one. */
  private static void describeInstallation(Html text, String version) {
    String running = String.join(" ", Connection.local().home().runningCommand());
    if (!running.isEmpty()) {
      text.line().text("Started by " + running);
      text.text(
          Connection.local().isOurs() ? "" : ", not from here. Stop Server stops it all the same.");
    }
    List<String> next = Connection.nextCommand();
    String installed = ServerCommand.installedVersion(next);
    if (ServerCommand.isNewer(installed, version)) {
      text.line().bold("Version " + installed + " is installed");
      text.text(
          " (" + String.join(" ", next) + "): end this server when its jobs are done, and the");
      text.text(" next start takes it.");
    }
  }

  /** Something that is done away from the event thread and ends in a text. */
  interface Question {
    Html answer() throws CristaeException;
  }

  /** The answer to a question; else in red why there is none, whatever went wrong. */
  static Html told(Question question) {
    try {
      return question.answer();
    } catch (CristaeException e) {
      return new Html().red(e.getMessage());
    } catch (RuntimeException | Error e) {
      return new Html().red(Failures.unforeseen(e).getMessage());
    }
  }

  private void inBackground(Question question) {
    inBackground(question, null);
  }

  /** Asks, and tells the answer; if there is none the person is led to what may be wrong. */
  private void inBackground(Question question, JComponent doubtful) {
    connect.setEnabled(false);
    say("...");
    Thread thread =
        new Thread(
            () -> {
              boolean[] isAnswered = new boolean[1];
              Question noted =
                  () -> {
                    Html told = question.answer();
                    isAnswered[0] = true;
                    return told;
                  };
              say(told(noted));
              SwingUtilities.invokeLater(
                  () -> {
                    connect.setEnabled(true);
                    choiceChanged();
                    if (doubtful != null && !isAnswered[0]) {
                      doubtful.requestFocusInWindow();
                    }
                  });
            },
            "Cristae asks the server");
    thread.setDaemon(true);
    thread.start();
  }

  private void say(String text) {
    say(new Html().text(text));
  }

  private void say(Html text) {
    SwingUtilities.invokeLater(
        () -> {
          answer.setText(text.wrapped(WIDTH));
          Look.fit(frame);
        });
  }
}

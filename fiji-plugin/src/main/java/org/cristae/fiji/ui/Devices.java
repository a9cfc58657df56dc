package org.cristae.fiji.ui;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;

/** The devices that a server computes on, as a choice. */
final class Devices {
  /** What stands for the fastest one that is free. */
  static final String FASTEST = "";

  static final String HINT = "cpu, cuda:0; empty: the fastest that is free";

  private Devices() {}

  /** Their names behind "", which stands for the fastest; "" alone if none answers. */
  static List<String> of(Client client) {
    List<String> names = new ArrayList<>(Collections.singletonList(FASTEST));
    try {
      if (client != null) {
        client.server().getDevicesList().forEach(device -> names.add(device.getName()));
      }
    } catch (CristaeException e) {
      // a name can be typed, and what is wrong is told when the server is needed
    }
    return names;
  }
}

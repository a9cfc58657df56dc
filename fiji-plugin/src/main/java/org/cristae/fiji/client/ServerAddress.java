package org.cristae.fiji.client;

import java.net.URI;
import java.net.URISyntaxException;
import org.cristae.v1.ErrorCode;

/** Where a server listens: host, port, and whether the way there is encrypted. */
public final class ServerAddress {
  private final String host;
  private final int port;
  private final boolean encrypted;

  private ServerAddress(String host, int port, boolean encrypted) {
    this.host = host;
    this.port = port;
    this.encrypted = encrypted;
  }

  /**
   * Reads {@code host:port} (plain, for this machine or an SSH tunnel) or {@code https://host:port}
   * (encrypted).
   *
   * @throws CristaeException if {@code text} is neither
   */
  public static ServerAddress parse(String text) throws CristaeException {
    String trimmed = text.trim();
    boolean encrypted = trimmed.startsWith("https://");
    String rest = trimmed.replaceFirst("^https?://", "").replaceFirst("/$", "");
    try {
      URI uri = new URI("cristae://" + rest);
      if (uri.getHost() != null && uri.getPort() > 0 && uri.getPort() < 65536) {
        return new ServerAddress(uri.getHost(), uri.getPort(), encrypted);
      }
    } catch (URISyntaxException e) {
      // told below
    }
    throw new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "\""
            + text
            + "\" is not the address of a server. Write host:port, for example 127.0.0.1:7867, or"
            + " https://host:port for an encrypted one.");
  }

  /** The host's name or number. */
  public String host() {
    return host;
  }

  /** The TCP port, 1 to 65,535. */
  public int port() {
    return port;
  }

  /** True if TLS is used. */
  public boolean isEncrypted() {
    return encrypted;
  }

  @Override
  public String toString() {
    return (encrypted ? "https://" : "") + host + ":" + port;
  }
}

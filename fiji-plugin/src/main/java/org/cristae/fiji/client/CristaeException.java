package org.cristae.fiji.client;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import org.cristae.v1.ErrorCode;

/**
 * A failure that is told to the person: the message is one readable sentence, never a stack trace.
 */
public final class CristaeException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Names the kind of failure in the trailing metadata of a failed call. */
  static final Metadata.Key<String> ERROR_KEY =
      Metadata.Key.of("cristae-error", Metadata.ASCII_STRING_MARSHALLER);

  private final ErrorCode code;
  private final Status.Code status;

  /** A failure of kind {@code code}, told by {@code sentence}. */
  public CristaeException(ErrorCode code, String sentence) {
    this(code, Status.Code.UNKNOWN, sentence, null);
  }

  /** A failure of kind {@code code}, told by {@code sentence}, that came from {@code cause}. */
  public CristaeException(ErrorCode code, String sentence, Throwable cause) {
    this(code, Status.Code.UNKNOWN, sentence, cause);
  }

  private CristaeException(ErrorCode code, Status.Code status, String sentence, Throwable cause) {
    super(sentence, cause);
    this.code = code;
    this.status = status;
  }

  /** What a failed call means, in words that say what to do. {@code address} is the server's. */
  static CristaeException of(StatusRuntimeException failure, String address) {
    ErrorCode code = codeOf(failure);
    boolean isCutOff = // by a server that ends
        failure.getStatus().getCode() == Status.Code.CANCELLED
            && code == ErrorCode.ERROR_CODE_UNSPECIFIED;
    Status status = isCutOff ? Status.UNAVAILABLE : failure.getStatus();
    boolean isForeign =
        status.getCode() == Status.Code.INTERNAL && code == ErrorCode.ERROR_CODE_UNSPECIFIED;
    String sentence =
        isForeign
            ? "What answers at "
                + address
                + " does not speak like a Cristae server ("
                + status.getDescription()
                + "). Correct the address in Plugins > Cristae > Cristae Server; one that is encrypted"
                + " begins with https://."
            : sentenceOf(status, address);
    return new CristaeException(code, status.getCode(), sentence, failure);
  }

  /** The kind of failure, for programs. */
  public ErrorCode code() {
    return code;
  }

  /** True if the same call may succeed when it is repeated a little later. */
  public boolean isPassing() {
    return status == Status.Code.UNAVAILABLE || status == Status.Code.DEADLINE_EXCEEDED;
  }

  /** True if the server refused the token. */
  public boolean isUnauthenticated() {
    return status == Status.Code.UNAUTHENTICATED;
  }

  /** True if what answered is no Cristae server: that names the kind of each failure. */
  public boolean isOfStranger() {
    boolean strange =
        status == Status.Code.INTERNAL
            || status == Status.Code.UNKNOWN
            || status == Status.Code.UNIMPLEMENTED;
    return strange && code == ErrorCode.ERROR_CODE_UNSPECIFIED;
  }

  /** The gRPC status of the failed call; UNKNOWN if no call failed. */
  Status.Code status() {
    return status;
  }

  private static ErrorCode codeOf(StatusRuntimeException failure) {
    Metadata trailers = failure.getTrailers();
    String name = trailers == null ? null : trailers.get(ERROR_KEY);
    if (name == null) {
      return failure.getStatus().getCode() == Status.Code.NOT_FOUND
          ? ErrorCode.ERROR_CODE_NOT_FOUND
          : ErrorCode.ERROR_CODE_UNSPECIFIED;
    }
    try {
      return ErrorCode.valueOf(name.startsWith("ERROR_CODE_") ? name : "ERROR_CODE_" + name);
    } catch (IllegalArgumentException unknown) {
      return ErrorCode.ERROR_CODE_UNSPECIFIED; // a newer server
    }
  }

  private static String sentenceOf(Status status, String address) {
    String told = status.getDescription();
    switch (status.getCode()) {
      case UNAVAILABLE:
        return "The Cristae server at "
            + address
            + " does not answer. Start it, or correct the address in Plugins > Cristae > Cristae"
            + " Server.";
      case DEADLINE_EXCEEDED:
        return "The Cristae server at " + address + " did not answer in time. Try again.";
      case UNAUTHENTICATED:
        return "The Cristae server at "
            + address
            + " refused the token. Copy the content of the file `token` in the server's home"
            + " folder into Plugins > Cristae > Cristae Server.";
      case UNIMPLEMENTED:
        return "The server at "
            + address
            + " does not know this call. It is older than this plugin: update the server.";
      default:
        return told == null || told.isEmpty()
            ? "The Cristae server at " + address + " failed (" + status.getCode() + ")."
            : told;
    }
  }
}

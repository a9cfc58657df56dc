package org.cristae.fiji.client;

/**
 * How far something is, and whether the server is there: while it does not answer, that is told
 * instead, and when it was started again, too. Used by one thread at a time.
 */
public final class Contact implements Progress {
  private final Client client;
  private final Progress listener;
  private int starts;
  private boolean isLost;
  private String stage = "Starting";
  private double fraction;
  private String detail = "";

  /** Tells {@code listener} of what is done with {@code client}. */
  public Contact(Client client, Progress listener) {
    this.client = client;
    this.listener = listener;
    this.starts = client.starts();
  }

  @Override
  public void update(String newStage, double newFraction, String newDetail) {
    stage = newStage;
    fraction = newFraction;
    detail = newDetail;
    isLost = false;
    listener.update(stage, fraction, detail);
  }

  @Override
  public void note(String sentence, boolean isWarning) {
    listener.note(sentence, isWarning);
  }

  /** The server does not answer, and is tried again. */
  void lost() {
    if (!isLost) {
      isLost = true;
      listener.update(
          client.isStopped()
              ? "The server was stopped; this goes on when it is started again"
              : "The server does not answer, and is tried again",
          fraction,
          "");
    }
  }

  /** The server answered. */
  void found() {
    if (isLost) {
      client.setStopped(false);
      update(stage, fraction, detail);
    }
    if (client.starts() > starts) {
      starts = client.starts();
      listener.note("The server had ended or was stopped; it was started again.", true);
    }
  }
}

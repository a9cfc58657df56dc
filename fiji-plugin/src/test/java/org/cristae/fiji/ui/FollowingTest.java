package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the person is told at the end of a job that does not end well. */
@Timeout(60)
class FollowingTest {
  private static CristaeException failure(Cancellation cancellation, Cancellation detach)
      throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.isSilent = true;
      return assertThrows(
          CristaeException.class,
          () ->
              Following.toEnd(
                  client, "job", (stage, fraction, detail) -> {}, cancellation, detach));
    }
  }

  private static Cancellation made() {
    Cancellation made = new Cancellation();
    made.cancel();
    return made;
  }

  @Test
  void aCancelThatTheServerDidNotConfirmIsNotCalledCancelled() throws Exception {
    CristaeException failure = failure(made(), new Cancellation()); // this server cannot cancel
    assertTrue(failure.getMessage().contains("did not confirm"), failure.getMessage());
    assertTrue(failure.code() != ErrorCode.ERROR_CODE_CANCELLED);
  }

  @Test
  void aJobThatIsLeftAloneEndsTheFollowingQuietly() throws Exception {
    assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure(new Cancellation(), made()).code());
  }
}

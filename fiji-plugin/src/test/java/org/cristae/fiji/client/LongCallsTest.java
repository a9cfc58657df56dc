package org.cristae.fiji.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.MeasurementSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls behind which the server works for minutes: what is told meanwhile, and how they end. */
@Timeout(90)
class LongCallsTest {
  @Test
  void aServerThatSealsForMinutesIsNotToldToBeAway() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.slowCalls = 3;
      List<String> stages = new ArrayList<>();
      Progress progress = (stage, fraction, detail) -> stages.add(stage);
      Upload.run(client, ClientTest.volume(), progress, new Cancellation());
      assertTrue(server.sealed);
      assertFalse(stages.toString().contains("does not answer"), stages.toString());
    }
  }

  @Test
  void anUploadToAServerThatIsAwayEndsWhenItIsCancelled() throws Exception {
    FakeServer server = new FakeServer();
    try (Client client = server.client(60)) {
      server.close();
      Cancellation cancellation = new Cancellation();
      List<String> stages = new ArrayList<>();
      Progress progress =
          (stage, fraction, detail) -> {
            stages.add(stage);
            if (stage.contains("does not answer")) {
              cancellation.cancel();
            }
          };
      long startNs = System.nanoTime();
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> Upload.run(client, ClientTest.volume(), progress, cancellation));
      assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure.code(), stages.toString());
      assertTrue(System.nanoTime() - startNs < 20e9, "before its patience of 60 s");
    }
  }

  @Test
  void aSubmissionIsCancelledAtOnceAndItsJobWhenTheServerHasIt() throws Exception {
    Cancellation cancellation = new Cancellation();
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.isChecking = true;
      Thread cancelling =
          new Thread(
              () -> {
                while (server.jobIds.isEmpty()) {
                  LockSupport.parkNanos(10_000_000);
                }
                cancellation.cancel();
              });
      cancelling.start();
      long startNs = System.nanoTime();
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> new Jobs(client).submit(MeasurementSpec.getDefaultInstance(), cancellation));
      assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure.code());
      assertTrue(System.nanoTime() - startNs < 20e9, "before its deadline of 30 s");
      server.isChecking = false; // whoever asks now gets the job
      for (int i = 0; i < 4000 && server.asked.isEmpty(); i++) {
        Thread.sleep(10);
      }
      String id = server.jobIds.get(0);
      assertEquals(Arrays.asList("cancel " + id), server.asked);
      assertEquals(new HashSet<>(Arrays.asList(id)), new HashSet<>(server.jobIds));
      assertThrows(
          CristaeException.class,
          () -> new Jobs(client).submit(MeasurementSpec.getDefaultInstance(), cancellation));
      assertEquals(1, new HashSet<>(server.jobIds).size(), "cancelled before it was sent");
    }
  }
}

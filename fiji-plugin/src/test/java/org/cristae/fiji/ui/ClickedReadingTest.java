package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.EventQueue;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The answer to the last click is shown, whatever the earlier ones wait for. */
@Timeout(60)
class ClickedReadingTest {
  private final ClickedReading reader = new ClickedReading();
  private final List<String> shown = new CopyOnWriteArrayList<>();

  /** Waits until a click that must be read was shown, and with it all before. */
  private void awaitLast() throws Exception {
    CountDownLatch last = new CountDownLatch(1);
    reader.begin(false, isWanted -> last::countDown);
    last.await();
    EventQueue.invokeAndWait(() -> {});
  }

  @Test
  void aLaterClickTakesThePlaceOfThoseThatAreStillRead() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch answered = new CountDownLatch(1);
    AtomicReference<BooleanSupplier> first = new AtomicReference<>();
    reader.begin(
        false,
        isWanted -> {
          first.set(isWanted);
          begun.countDown();
          await(answered);
          return () -> shown.add("first");
        });
    begun.await();
    assertTrue(first.get().getAsBoolean());
    reader.begin(false, isWanted -> () -> shown.add("second"));
    reader.begin(true, isWanted -> () -> shown.add("at hand"));
    assertEquals(Collections.singletonList("at hand"), shown, "it waited for the others");
    assertFalse(first.get().getAsBoolean());
    answered.countDown();
    awaitLast();
    assertEquals(Collections.singletonList("at hand"), shown);
  }

  @Test
  void aClickThatAsksForNothingIsALaterOne() throws Exception {
    CountDownLatch answered = new CountDownLatch(1);
    reader.begin(
        false,
        isWanted -> {
          await(answered);
          return () -> shown.add("first");
        });
    reader.drop();
    answered.countDown();
    awaitLast();
    assertTrue(shown.isEmpty());
  }

  @Test
  void afterAFailureTheNextClickIsReadAgain() throws Exception {
    for (boolean isAtHand : new boolean[] {false, true}) {
      reader.begin(
          isAtHand,
          isWanted -> {
            throw new CristaeException(ErrorCode.ERROR_CODE_NOT_FOUND, "The server is away.");
          });
      reader.begin(
          isAtHand,
          isWanted -> {
            throw new OutOfMemoryError("of a test");
          });
      CountDownLatch next = new CountDownLatch(1);
      reader.begin(
          isAtHand,
          isWanted ->
              () -> {
                shown.add(String.valueOf(isAtHand));
                next.countDown();
              });
      next.await();
    }
    assertEquals(Arrays.asList("false", "true"), shown);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}

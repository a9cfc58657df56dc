package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;
import org.junit.jupiter.api.Test;

/** What the window Server says below its fields. */
class ServerWindowTest {
  @Test
  void whateverGoesWrongIsToldAndTheWindowDoesNotWaitForEver() {
    assertEquals("here", ServerWindow.told(() -> "here"));
    String foreseen =
        ServerWindow.told(
            () -> {
              throw new CristaeException(ErrorCode.ERROR_CODE_NOT_FOUND, "No <server> there.");
            });
    assertTrue(foreseen.contains("No &lt;server> there."), foreseen);
    String unforeseen =
        ServerWindow.told(
            () -> {
              throw new IllegalStateException("a <bad> day");
            });
    assertTrue(unforeseen.contains("wrong inside the plugin"), unforeseen);
    assertTrue(unforeseen.contains("a &lt;bad> day"), unforeseen);
    assertFalse(unforeseen.contains("\tat "), unforeseen);
    String memory =
        ServerWindow.told(
            () -> {
              throw new OutOfMemoryError();
            });
    assertTrue(memory.contains("not enough memory"), memory);
  }
}

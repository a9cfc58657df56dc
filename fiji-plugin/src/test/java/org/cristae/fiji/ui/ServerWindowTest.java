package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import javax.swing.JLabel;
import javax.swing.plaf.basic.BasicHTML;
import javax.swing.text.BadLocationException;
import javax.swing.text.Document;
import javax.swing.text.View;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.Device;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.GetServerResponse;
import org.junit.jupiter.api.Test;

/** What the window Server says below its fields. */
class ServerWindowTest {
  private static String told(ServerWindow.Question question) {
    return ServerWindow.told(question).wrapped(330);
  }

  @Test
  void whatAServerSaysOfItselfIsShownAsItIs() {
    Device device =
        Device.newBuilder()
            .setName("cuda:0")
            .setDescription("<img src=x> A & B")
            .setMemoryBytes(8_000_000_000L)
            .build();
    GetServerResponse server =
        GetServerResponse.newBuilder().setVersion("<h1>1</h1>").addDevices(device).build();
    Html text = new Html();
    ServerWindow.describe(text, server, "<i>here</i>");
    assertEquals(
        "<html><body style='width:330px'><b>Connected</b> to &lt;i>here&lt;/i>, version"
            + " &lt;h1>1&lt;/h1>.<br>cuda:0: &lt;img src=x> A &amp; B, 8 GB</body></html>",
        text.wrapped(330));
  }

  @Test
  void aLineThatBeginsLikeHtmlIsShownAsItIs() {
    assertEquals("Sending <html>", Html.line("Sending <html>"));
    JLabel label = new JLabel(Html.line("<HTML><b>bold"));
    View view = (View) label.getClientProperty(BasicHTML.propertyKey);
    assertEquals("<HTML><b>bold", textOf(view));
  }

  private static String textOf(View view) {
    Document document = view.getDocument();
    try {
      return document.getText(0, document.getLength()).trim();
    } catch (BadLocationException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void whateverGoesWrongIsToldAndTheWindowDoesNotWaitForEver() {
    assertTrue(told(() -> new Html().text("here")).contains("here"));
    String foreseen =
        told(
            () -> {
              throw new CristaeException(ErrorCode.ERROR_CODE_NOT_FOUND, "No <server> there.");
            });
    assertTrue(foreseen.contains("No &lt;server> there."), foreseen);
    String unforeseen =
        told(
            () -> {
              throw new IllegalStateException("a <bad> day");
            });
    assertTrue(unforeseen.contains("wrong inside the plugin"), unforeseen);
    assertTrue(unforeseen.contains("a &lt;bad> day"), unforeseen);
    assertFalse(unforeseen.contains("\tat "), unforeseen);
    String memory =
        told(
            () -> {
              throw new OutOfMemoryError();
            });
    assertTrue(memory.contains("not enough memory"), memory);
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.imageio.ImageIO;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.JobEvent;
import org.cristae.v1.LabelClass;
import org.cristae.v1.Metrics;
import org.cristae.v1.Progress;
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

  /** Follows a job with one set of figures; returns the size of the picture that was shown. */
  private static String pictureOf(FakeServer server, boolean isWanted) throws Exception {
    CompletableFuture<String> shown = new CompletableFuture<>();
    JobListener window =
        new JobListener() {
          @Override
          public void update(String text, double fraction, String detail) {}

          @Override
          public boolean showsPreviews() {
            return isWanted;
          }

          @Override
          public void preview(BufferedImage picture, List<LabelClass> classes) {
            String size = picture.getWidth() + " x " + picture.getHeight();
            shown.complete(size + " of " + classes.get(0).getName());
          }
        };
    Metrics.Builder figures = Metrics.newBuilder().setStep(7).putValues("dice", 0.5);
    server.events.add(JobEvent.newBuilder().setSequence(1).setMetrics(figures).build());
    try (Client client = server.client()) {
      Following.toEnd(client, "job", window, new Cancellation(), new Cancellation());
      return shown.get(isWanted && !server.features.isEmpty() ? 20 : 1, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      return "nothing";
    }
  }

  private static FakeServer withPicture(int width, int height) throws Exception {
    FakeServer server = new FakeServer();
    server.features.add("training.preview");
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB), "png", png);
    server.preview = png.toByteArray();
    return server;
  }

  @Test
  void withFiguresComesAPictureButOnlyForAWindow() throws Exception {
    try (FakeServer server = withPicture(30, 20)) {
      assertEquals("30 x 20 of er", pictureOf(server, true));
    }
    try (FakeServer server = withPicture(30, 20)) {
      assertEquals("nothing", pictureOf(server, false));
      assertEquals(0, server.previewCalls.get());
    }
  }

  @Test
  void anOlderServerIsNotAskedForPicturesAndAHugeOneIsNotOpened() throws Exception {
    try (FakeServer server = withPicture(30, 20)) {
      server.features.clear();
      assertEquals("nothing", pictureOf(server, true));
      assertEquals(0, server.previewCalls.get());
    }
    assertNull(Previews.read(new byte[] {1, 2, 3}));
    try (FakeServer server = withPicture(2049, 1)) {
      assertNull(Previews.read(server.preview));
    }
  }

  @Test
  void aServerThatDoesNotAnswerIsToldUntilItIsThereAgain() throws Exception {
    List<String> told = new ArrayList<>();
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.quietBreaksMs.addAll(Arrays.asList(1, 1));
      Progress progress = Progress.newBuilder().setStage("Training").setDetail("step 7").build();
      server.events.add(JobEvent.newBuilder().setSequence(1).setProgress(progress).build());
      Following.toEnd(
          client,
          "job",
          (stage, fraction, detail) -> told.add(stage + " " + detail),
          new Cancellation(),
          new Cancellation());
    }
    String lost = "The server does not answer, and is tried again ";
    assertEquals(Arrays.asList(lost, "Starting ", lost, "Starting ", "Training step 7"), told);
  }

  @Test
  void aServerThatAPersonStoppedIsToldAsThatUntilItIsThereAgain() throws Exception {
    List<String> told = new ArrayList<>();
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      client.setStopped(true);
      server.quietBreaksMs.addAll(Arrays.asList(1, 1));
      Following.toEnd(
          client,
          "job",
          (stage, fraction, detail) -> told.add(stage),
          new Cancellation(),
          new Cancellation());
    }
    assertEquals("The server was stopped; this goes on when it is started again", told.get(0));
    assertEquals("The server does not answer, and is tried again", told.get(2));
  }

  @Test
  void aServerThatStaysAwayIsToldWithWhereTheJobIsFoundAgain() throws Exception {
    FakeServer server = new FakeServer();
    try (Client client = server.client(0.3)) {
      server.close();
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () ->
                  Following.toEnd(
                      client,
                      "job",
                      (stage, fraction, detail) -> {},
                      new Cancellation(),
                      new Cancellation()));
      String sentence = failure.getMessage();
      assertTrue(sentence.contains("does not answer"), sentence);
      assertTrue(sentence.contains("Jobs finds it again, and Follow there opens"), sentence);
    }
  }

  @Test
  void aJobThatIsLeftAloneEndsTheFollowingQuietly() throws Exception {
    assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure(new Cancellation(), made()).code());
  }
}

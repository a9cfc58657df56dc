package org.cristae.fiji.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Job;
import org.cristae.v1.JobEvent;
import org.cristae.v1.JobState;
import org.cristae.v1.PredictionSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the client does when lines break, servers are gone, tokens wrong and versions apart. */
@Timeout(60)
class ClientTest {
  private FakeServer server;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** A volume of 12 blocks. */
  static BlockSource volume() throws Exception {
    for (JsonObject one : DigestVectors.cases()) {
      if (one.get("block_count").getAsInt() >= 12) {
        return DigestVectors.source(one);
      }
    }
    throw new AssertionError("no case with 12 blocks");
  }

  private static byte[] bytes(BlockSource source) throws Exception {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    BlockGrid grid = BlockGrid.of(source.spec());
    for (long i = 0; i < grid.blockCount(); i++) {
      all.write(source.read(grid.block(i)));
    }
    return all.toByteArray();
  }

  @Test
  void aVolumeArrivesByteForByte() throws Exception {
    try (Client client = server.client()) {
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
    }
    assertArrayEquals(bytes(volume()), server.stored.toByteArray());
    assertTrue(server.sealed);
  }

  @Test
  void anUploadThatBreaksAgainAndAgainSendsNoBlockTwiceThatTheServerHas() throws Exception {
    server.breakAfter = 2;
    try (Client client = server.client()) {
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
    }
    assertArrayEquals(bytes(volume()), server.stored.toByteArray());
    assertEquals(new HashSet<>(server.received).size(), server.received.size());
  }

  @Test
  void atMostTwoBlocksAreUnderWay() throws Exception {
    server.answerEvery = Integer.MAX_VALUE;
    Cancellation cancellation = new Cancellation();
    try (Client client = server.client()) {
      Thread sending =
          new Thread(
              () ->
                  assertThrows(
                      CristaeException.class,
                      () -> Upload.run(client, volume(), Progress.NONE, cancellation)));
      sending.start();
      for (int i = 0; i < 1000 && server.received.size() < 2; i++) {
        sleep(10);
      }
      sleep(300);
      assertEquals(2, server.received.size());
      cancellation.cancel();
      sending.join(30000);
      assertFalse(sending.isAlive());
    }
  }

  @Test
  void whatTheServerHasIsNotSentAgain() throws Exception {
    try (Client client = server.client()) {
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
      int sent = server.received.size();
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
      assertEquals(sent, server.received.size());
    }
  }

  @Test
  void anImageThatChangedWhileItWasSentIsSentOnceMore() throws Exception {
    server.dataLosses = 1;
    try (Client client = server.client()) {
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
    }
    assertArrayEquals(bytes(volume()), server.stored.toByteArray());
    server.sealed = false;
    server.dataLosses = 2;
    try (Client client = server.client()) {
      assertThrows(
          CristaeException.class,
          () -> Upload.run(client, volume(), Progress.NONE, new Cancellation()));
    }
  }

  @Test
  void anUploadCanBeCancelledInTheMiddle() throws Exception {
    Cancellation cancellation = new Cancellation();
    Progress progress =
        (stage, fraction, detail) -> {
          if (stage.startsWith("Sending") && fraction > 0.5) {
            cancellation.cancel();
          }
        };
    try (Client client = server.client()) {
      CristaeException failure =
          assertThrows(
              CristaeException.class, () -> Upload.run(client, volume(), progress, cancellation));
      assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure.code());
    }
    assertFalse(server.sealed);
  }

  @Test
  void aDownloadThatBreaksGoesOnWhereItWas() throws Exception {
    BlockSource source = volume();
    ByteArrayOutputStream arrived = new ByteArrayOutputStream();
    try (Client client = server.client()) {
      Upload.run(client, source, Progress.NONE, new Cancellation());
      server.breakAfter = 5;
      BlockSink sink = (block, voxels) -> arrived.write(voxels, 0, voxels.length);
      Download.run(client, server.volume(), sink, Progress.NONE, new Cancellation());
    }
    assertArrayEquals(bytes(source), arrived.toByteArray());
  }

  @Test
  void aDownloadBeginsWithTheBlockThatIsWantedAndGoesRound() throws Exception {
    BlockSource source = volume();
    long all = BlockGrid.of(source.spec()).blockCount();
    java.util.List<Long> expected = new java.util.ArrayList<>();
    for (long i = 0; i < all; i++) {
      expected.add((all - 2 + i) % all);
    }
    java.util.List<Long> arrived = new java.util.ArrayList<>();
    java.util.List<Double> fractions = new java.util.ArrayList<>();
    byte[] bytes = new byte[(int) BlockGrid.of(source.spec()).totalBytes()];
    try (Client client = server.client()) {
      Upload.run(client, source, Progress.NONE, new Cancellation());
      server.breakAfter = 5; // also while it goes round
      BlockSink sink =
          (block, voxels) -> {
            arrived.add(block.index);
            System.arraycopy(voxels, 0, bytes, (int) block.offset(), voxels.length);
          };
      Progress progress = (stage, fraction, detail) -> fractions.add(fraction);
      Download.run(client, server.volume(), all - 2, sink, progress, new Cancellation());
    }
    assertEquals(expected, arrived);
    assertArrayEquals(bytes(source), bytes);
    assertEquals(1.0 / all, fractions.get(0), 1e-12);
    assertEquals(1.0, fractions.get(fractions.size() - 1), 1e-12);
  }

  @Test
  void aByteThatChangedOnTheWayIsNoticed() throws Exception {
    try (Client client = server.client()) {
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
      server.corruption = 1;
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () ->
                  Download.run(
                      client,
                      server.volume(),
                      (block, voxels) -> {},
                      Progress.NONE,
                      new Cancellation()));
      assertEquals(ErrorCode.ERROR_CODE_CORRUPT_DATA, failure.code());
    }
  }

  @Test
  void aWatcherWhoseLineBreaksSeesEveryEventOnceAndInOrder() throws Exception {
    for (int i = 1; i <= 20; i++) {
      server.events.add(JobEvent.newBuilder().setSequence(i).build());
    }
    server.breakAfter = 3;
    List<Long> seen = new ArrayList<>();
    try (Client client = server.client()) {
      Job job =
          new Jobs(client).watch("job", event -> seen.add(event.getSequence()), new Cancellation());
      assertEquals(JobState.JOB_STATE_DONE, job.getState());
    }
    List<Long> expected = new ArrayList<>();
    for (long i = 1; i <= 20; i++) {
      expected.add(i);
    }
    assertEquals(expected, seen);
  }

  @Test
  void aWatcherFollowsAServerThatWasStartedAgainOnAnotherPort() throws Exception {
    for (int i = 1; i <= 8; i++) {
      server.events.add(JobEvent.newBuilder().setSequence(i).build());
    }
    server.breakAfter = 3;
    List<Long> seen = new ArrayList<>();
    try (FakeServer again = new FakeServer()) {
      again.events.addAll(server.events);
      Whereabouts whereNow =
          () -> {
            server.close();
            return again.address();
          };
      try (Client client =
          new Client(server.address(), whereNow, () -> FakeServer.TOKEN, new Patience(20))) {
        new Jobs(client).watch("job", event -> seen.add(event.getSequence()), new Cancellation());
        assertEquals(again.address().toString(), client.address().toString());
      }
    }
    assertEquals(Arrays.asList(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L), seen);
  }

  @Test
  void anUploadThatBreaksAfterMoreThanThePatienceGoesOn() throws Exception {
    server.breakAfter = 8;
    Progress slow =
        (stage, fraction, detail) -> {
          if (stage.startsWith("Sending") && server.received.size() < 8) {
            sleep(60);
          }
        };
    try (Client client = server.client(0.3)) {
      Upload.run(client, volume(), slow, new Cancellation());
    }
    assertArrayEquals(bytes(volume()), server.stored.toByteArray());
  }

  @Test
  void aJobThatToldNothingForMoreThanThePatienceIsFollowedOverABreak() throws Exception {
    server.quietBreaksMs.addAll(Arrays.asList(500, 500, 500));
    try (Client client = server.client(0.3)) {
      Job job = new Jobs(client).watch("job", event -> {}, new Cancellation());
      assertEquals(JobState.JOB_STATE_DONE, job.getState());
    }
    assertTrue(server.quietBreaksMs.isEmpty());
  }

  @Test
  void anUploadTellsThatTheServerDoesNotAnswerUntilItGoesOn() throws Exception {
    server.breakAfter = 8;
    List<String> told = new ArrayList<>();
    Progress progress = (stage, fraction, detail) -> told.add(stage);
    try (Client client = server.client()) {
      Upload.run(client, volume(), progress, new Cancellation());
    }
    int lost = told.indexOf("The server does not answer, and is tried again");
    assertTrue(lost > 0, told.toString());
    assertTrue(told.get(lost - 1).startsWith("Sending "), told.get(lost - 1));
    assertTrue(told.get(lost + 1).startsWith("Sending "), told.get(lost + 1));
  }

  @Test
  void aServerThatStaysAwayWhileAnImageIsSentIsToldWithWhatBecomesOfIt() throws Exception {
    Progress progress =
        (stage, fraction, detail) -> {
          if (stage.startsWith("Sending") && fraction > 0.5) {
            server.close();
          }
        };
    try (Client client = server.client(0.3)) {
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> Upload.run(client, volume(), progress, new Cancellation()));
      String sentence = failure.getMessage();
      assertTrue(sentence.contains("does not answer"), sentence);
      assertTrue(sentence.contains("the same once more goes on"), sentence);
    }
  }

  private static void sleep(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aSubmissionWhoseAnswerGotLostIsTheSameJob() throws Exception {
    try (Client client = server.client()) {
      Job job = new Jobs(client).submit(PredictionSpec.getDefaultInstance(), new Cancellation());
      assertEquals(2, server.jobIds.size());
      assertEquals(server.jobIds.get(0), server.jobIds.get(1));
      assertEquals(job.getJobId(), server.jobIds.get(0));
    }
  }

  /** Ids of the jobs that are listed, of jobs 9, 8, ..., 0 of which those in {@code open} run. */
  private List<String> listed(int limit, Integer... open) throws Exception {
    server.jobs.clear();
    server.lists.set(0);
    for (int number = 9; number >= 0; number--) {
      JobState state =
          Arrays.asList(open).contains(number)
              ? JobState.JOB_STATE_RUNNING
              : JobState.JOB_STATE_DONE;
      server.jobs.add(Job.newBuilder().setJobId(String.valueOf(number)).setState(state).build());
    }
    try (Client client = server.client()) {
      List<String> ids = new ArrayList<>();
      new Jobs(client).list(limit).forEach(job -> ids.add(job.getJobId()));
      return ids;
    }
  }

  @Test
  void aJobThatRunsIsListedHoweverManyNewerOnesThereAre() throws Exception {
    assertEquals(Arrays.asList("9", "8", "7", "6"), listed(4));
    assertEquals(Arrays.asList("9", "8", "7", "6", "0"), listed(4, 8, 0));
    assertEquals(Arrays.asList("9", "8", "7", "3", "2", "1", "0"), listed(3, 3, 2, 1, 0));
    assertEquals(10, listed(10, 0).size());
    assertEquals(4, server.lists.get(), "asked once more, though all are listed");
    assertEquals(10, listed(99, 0).size());
    server.listsAll = true;
    assertEquals(Arrays.asList("9", "8", "7", "6"), listed(4, 0));
    assertEquals(3, server.lists.get(), "an older server is not asked for its whole history");
  }

  @Test
  void whatTakesTheServerLongerThanThePatienceIsWaitedForWhileItAnswers() throws Exception {
    try (Client client = server.client(0)) {
      server.slowCalls = 3;
      Upload.run(client, volume(), Progress.NONE, new Cancellation());
      assertTrue(server.sealed);
    }
  }

  @Test
  void aServerThatIsAwayForAMomentIsAskedAgain() throws Exception {
    server.refusals = 3;
    try (Client client = server.client()) {
      assertEquals("0.0.9", client.server().getVersion());
    }
  }

  @Test
  void aWrongTokenIsToldWithWhatToDo() throws Exception {
    try (Client client = server.client("wrong", 10)) {
      CristaeException failure = assertThrows(CristaeException.class, client::server);
      assertTrue(failure.isUnauthenticated());
      assertTrue(failure.getMessage().contains("refused the token"), failure.getMessage());
    }
  }

  @Test
  void aServerThatIsGoneIsToldWithItsAddress() throws Exception {
    try (Client client = server.client(0.3)) {
      server.close();
      CristaeException failure = assertThrows(CristaeException.class, client::server);
      assertTrue(failure.getMessage().contains(client.address() + " does not answer"));
    }
  }

  @Test
  void aPluginNewerThanTheServerSaysThatTheServerIsToBeUpdated() throws Exception {
    server.apiVersion = 0;
    try (Client client = server.client()) {
      CristaeException failure = assertThrows(CristaeException.class, client::server);
      assertTrue(failure.getMessage().contains("Update the server"), failure.getMessage());
    }
  }

  @Test
  void aPluginOlderThanTheServerSaysThatThePluginIsToBeUpdated() throws Exception {
    server.apiVersion = 9;
    server.oldestApiVersion = 5;
    try (Client client = server.client()) {
      CristaeException failure = assertThrows(CristaeException.class, client::server);
      assertTrue(failure.getMessage().contains("Update the plugin"), failure.getMessage());
    }
  }

  @Test
  void anAddressIsReadAsPeopleWriteIt() throws Exception {
    assertEquals("box:7867", ServerAddress.parse(" http://box:7867/ ").toString());
    assertTrue(ServerAddress.parse("https://box:7867").isEncrypted());
    for (String wrong : new String[] {"box", "box:", "box:99999", ":1", "a b:1", ""}) {
      assertThrows(CristaeException.class, () -> ServerAddress.parse(wrong), wrong);
    }
  }
}

package org.cristae.fiji.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.cristae.v1.CleaningSpec;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.EvaluationSpec;
import org.cristae.v1.Job;
import org.cristae.v1.JobResult;
import org.cristae.v1.MeasurementSpec;
import org.cristae.v1.ResultFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files of a job arrive whole or not at all. */
@Timeout(60)
class JobFilesTest {
  private static final byte[] TEXT =
      "id,voxels\n1,12\n2,4\nthe rest of a table that is longer\n".getBytes(StandardCharsets.UTF_8);

  @TempDir Path folder;
  private FakeServer server;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    server.file = TEXT;
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static Job job(byte[] content, long size) {
    ResultFile file =
        ResultFile.newBuilder()
            .setName("objects.csv")
            .setSizeBytes(size)
            .setCrc32C(Hashing.crc32c().hashBytes(content).asInt())
            .build();
    return Job.newBuilder()
        .setJobId("one")
        .setTitle("stack.tif")
        .setResult(JobResult.newBuilder().addFiles(file))
        .build();
  }

  private static Job job() {
    return job(TEXT, TEXT.length);
  }

  private JobFiles files(Client client) {
    return new JobFiles(client, Progress.NONE, new Cancellation());
  }

  @Test
  void aFileThatIsLargerThanItMayBeIsRefusedBeforeItIsRead() throws Exception {
    try (Client client = server.client()) {
      assertArrayEquals(TEXT, files(client).read(job(), "objects.csv", TEXT.length));
      server.offsets.clear();
      CristaeException refused =
          assertThrows(
              CristaeException.class,
              () -> files(client).read(job(TEXT, 3_000_001), "objects.csv", 2_000_000));
      assertEquals(ErrorCode.ERROR_CODE_OUT_OF_MEMORY, refused.code());
      assertTrue(refused.getMessage().contains("has 4 MB, more than the 2 MB"), refused.toString());
      assertTrue(server.offsets.isEmpty());
    }
  }

  @Test
  void aFileArrivesByteForByte() throws Exception {
    try (Client client = server.client()) {
      assertArrayEquals(TEXT, files(client).read(job(), "objects.csv", 1000));
    }
  }

  @Test
  void afterEachBreakItGoesOnWhereItWas() throws Exception {
    server.breakAfter = 2;
    try (Client client = server.client()) {
      assertArrayEquals(TEXT, files(client).read(job(), "objects.csv", 1000));
    }
    assertEquals(Arrays.asList(0L, 20L, 40L), server.offsets);
  }

  @Test
  void anEmptyFileIsEmpty() throws Exception {
    server.file = new byte[0];
    try (Client client = server.client()) {
      assertEquals(0, files(client).read(job(new byte[0], 0), "objects.csv", 1000).length);
    }
  }

  @Test
  void whatIsDamagedOrLongerOrShorterThanToldIsRefused() throws Exception {
    try (Client client = server.client(0.5)) {
      Job longer = job(TEXT, TEXT.length - 1);
      Job shorter = job(TEXT, TEXT.length + 1);
      assertDamaged(client, longer);
      assertDamaged(client, shorter);
      server.corruption = 1;
      assertDamaged(client, job());
    }
  }

  private void assertDamaged(Client client, Job job) {
    CristaeException failure =
        assertThrows(CristaeException.class, () -> files(client).read(job, "objects.csv", 1000));
    assertEquals(ErrorCode.ERROR_CODE_CORRUPT_DATA, failure.code());
    assertTrue(failure.getMessage().contains("objects.csv was damaged"), failure.getMessage());
  }

  @Test
  void aFileThatTheJobDidNotMakeIsNamed() throws Exception {
    try (Client client = server.client()) {
      CristaeException failure =
          assertThrows(
              CristaeException.class, () -> files(client).read(job(), "contacts.csv", 1000));
      assertEquals("The job \"stack.tif\" made no file contacts.csv.", failure.getMessage());
    }
    assertFalse(JobFiles.find(job(), "contacts.csv").isPresent());
  }

  @Test
  void aSavedFileReplacesTheOneBeforeOnlyWhenAllHasArrived() throws Exception {
    Path target = folder.resolve("table.csv");
    Files.write(target, "before".getBytes(StandardCharsets.UTF_8));
    try (Client client = server.client()) {
      server.corruption = 1;
      assertThrows(CristaeException.class, () -> files(client).save(job(), "objects.csv", target));
      assertEquals("before", new String(Files.readAllBytes(target), StandardCharsets.UTF_8));
      server.corruption = 0;
      files(client).save(job(), "objects.csv", target);
    }
    assertArrayEquals(TEXT, Files.readAllBytes(target));
    try (Stream<Path> left = Files.list(folder)) {
      List<Path> names = left.collect(Collectors.toList());
      assertEquals(Arrays.asList(target), names);
    }
  }

  @Test
  void aFolderThatIsNotThereIsTold() throws Exception {
    try (Client client = server.client()) {
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> files(client).save(job(), "objects.csv", folder.resolve("no/table.csv")));
      assertEquals(
          "\""
              + folder.resolve("no/table.csv")
              + "\" cannot be written (its folder is not there). Choose another folder.",
          failure.getMessage());
    }
  }

  @Test
  void aSavedFileCanBeReadByWhoeverCanReadOtherNewFiles() throws Exception {
    Set<String> views = FileSystems.getDefault().supportedFileAttributeViews();
    assumeTrue(views.contains("posix"), "Windows gives files the rights of their folder");
    Path usual = Files.createFile(folder.resolve("usual"));
    Path target = folder.resolve("table.csv");
    try (Client client = server.client()) {
      files(client).save(job(), "objects.csv", target);
    }
    assertEquals(Files.getPosixFilePermissions(usual), Files.getPosixFilePermissions(target));
  }

  @Test
  void readingCanBeCancelled() throws Exception {
    Cancellation cancellation = new Cancellation();
    Progress once = (stage, fraction, detail) -> cancellation.cancel();
    try (Client client = server.client()) {
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> new JobFiles(client, once, cancellation).read(job(), "objects.csv", 1000));
      assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure.code());
    }
  }

  @Test
  void jobsOfAllKindsAreSubmittedUnderIdsOfTheirOwn() throws Exception {
    EvaluationSpec evaluation = EvaluationSpec.newBuilder().setTarget("instances").build();
    MeasurementSpec measurement = MeasurementSpec.newBuilder().setCondition("voxels > 3").build();
    CleaningSpec cleaning = CleaningSpec.newBuilder().setFillHoles(true).build();
    try (Client client = server.client()) {
      Jobs jobs = new Jobs(client);
      assertEquals(evaluation, jobs.submit(evaluation, new Cancellation()).getEvaluation());
      assertEquals(measurement, jobs.submit(measurement, new Cancellation()).getMeasurement());
      assertEquals(cleaning, jobs.submit(cleaning, new Cancellation()).getCleaning());
    }
    assertEquals(3, server.jobIds.stream().distinct().count());
  }
}

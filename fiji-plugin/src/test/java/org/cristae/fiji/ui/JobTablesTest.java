package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.hash.Hashing;
import ij.macro.Interpreter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Progress;
import org.cristae.v1.Job;
import org.cristae.v1.JobKind;
import org.cristae.v1.JobResult;
import org.cristae.v1.ResultFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tables of any size are told of, and shown if they fit. */
@Timeout(60)
public class JobTablesTest {
  private static JobTables ofMacro;
  private static String told;

  private static final byte[] TEXT = "id,voxels\n1,12\n2,4\n".getBytes(StandardCharsets.UTF_8);
  private static final long USUAL = JobTables.mostBytes;

  private final List<String> notes = new ArrayList<>();
  private final Progress listener =
      new Progress() {
        @Override
        public void update(String stage, double fraction, String detail) {}

        @Override
        public void note(String sentence, boolean isWarning) {
          notes.add(sentence);
        }
      };

  @AfterEach
  void remember() {
    JobTables.mostBytes = USUAL;
  }

  private static Job job() {
    ResultFile.Builder file =
        ResultFile.newBuilder()
            .setName("objects.csv")
            .setSizeBytes(TEXT.length)
            .setCrc32C(Hashing.crc32c().hashBytes(TEXT).asInt());
    return Job.newBuilder()
        .setJobId("one")
        .setTitle("cells.tif")
        .setKind(JobKind.JOB_KIND_MEASUREMENT)
        .setResult(JobResult.newBuilder().addFiles(file))
        .build();
  }

  @Test
  void aTableThatIsTooLargeCanBeSavedAllTheSame() throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.file = TEXT;
      JobTables fitting = JobTables.fetch(client, job(), listener, new Cancellation());
      assertEquals("2 objects are in the table \"cells-objects\".", fitting.words());
      assertTrue(notes.isEmpty());
      JobTables.mostBytes = TEXT.length - 1;
      JobTables large = JobTables.fetch(client, job(), listener, new Cancellation());
      assertEquals(large.words(), notes.get(0));
      assertTrue(large.words().contains("more than"), large.words());
      assertTrue(large.words().contains("Save it as a file"), large.words());
      assertTrue(large.afterwards().containsKey("Save Table..."));
      large.checkComplete(); // a person reads the words
      ofMacro = large;
      new Interpreter().run("call('" + JobTablesTest.class.getName() + ".check');");
      assertEquals(large.words(), told);
    }
  }

  @Test
  void aFileThatCannotBeWrittenIsToldWithWhereTheTablesAre(@TempDir Path folder) throws Exception {
    try (FakeServer server = new FakeServer();
        Client client = server.client()) {
      server.file = TEXT;
      JobTables tables = JobTables.fetch(client, job(), listener, new Cancellation());
      Path saved = folder.resolve("objects.csv");
      tables.save(client, saved, listener, new Cancellation());
      assertArrayEquals(TEXT, Files.readAllBytes(saved));
      Path nowhere = folder.resolve("gone").resolve("objects.csv");
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () -> tables.save(client, nowhere, listener, new Cancellation()));
      assertTrue(failure.getMessage().contains("The tables are open"), failure.getMessage());
      assertTrue(failure.getMessage().contains("Jobs has the job"), failure.getMessage());
    }
  }

  /** Called by a macro, which would go on with a table that is not there. */
  public static void check() {
    try {
      ofMacro.checkComplete();
      told = "complete";
    } catch (CristaeException e) {
      told = e.getMessage();
    }
  }
}

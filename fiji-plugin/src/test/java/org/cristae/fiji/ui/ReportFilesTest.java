package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import org.cristae.fiji.client.CristaeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What can be named as a file to save to. */
class ReportFilesTest {
  @TempDir Path folder;

  private static Path chosen(String path) throws CristaeException {
    Choices choices = new Choices("Cristae Evaluate", ReportFiles.KEY).put(ReportFiles.KEY, path);
    return ReportFiles.chosen(choices, ReportFiles.OF_SCORES);
  }

  private static String refused(String path) {
    return assertThrows(CristaeException.class, () -> chosen(path)).getMessage();
  }

  @Test
  void aFileInAFolderThatIsThereIsTaken() throws Exception {
    assertNull(chosen(""));
    Path page = folder.resolve("Scores.HTML");
    assertEquals(page.toAbsolutePath(), chosen(page.toString()));
  }

  @Test
  void whatIsNoPathOrHasNoNameIsRefusedInASentence() {
    String expected = " should be the path of a file that ends in .html or .csv or .json";
    assertEquals("Cristae Evaluate: save=/" + expected + ".", refused("/"));
    // No system knows this sign in a path; Windows does not know quotes either.
    String unknown = "a\0b.html";
    assertEquals(
        "Cristae Evaluate: save=" + unknown + expected + ", without quotes around it.",
        refused(unknown));
    String elsewhere = folder.resolve("no").resolve("scores.csv").toString();
    assertEquals(
        "Cristae Evaluate: save=" + elsewhere + " should be a file in a folder that is there.",
        refused(elsewhere));
  }
}

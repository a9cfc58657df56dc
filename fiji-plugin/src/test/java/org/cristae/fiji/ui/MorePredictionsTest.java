package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is also compared. */
class MorePredictionsTest {
  @Test
  void closedImagesAreForgottenAndFilesAreNot(@TempDir Path folder) throws Exception {
    String file = Files.createFile(folder.resolve("c.tif")).toString();
    Choices choices = Evaluation.choices().put(Evaluation.ALSO, "closed.tif," + file);
    MorePredictions.forgetClosed(choices);
    assertEquals(file, choices.get(Evaluation.ALSO, ""));
  }
}

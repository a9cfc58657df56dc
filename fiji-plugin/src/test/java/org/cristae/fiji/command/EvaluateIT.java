package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.closeTables;
import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.chosen;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.hasEnded;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.selectNewest;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.measure.ResultsTable;
import ij.plugin.frame.Recorder;
import java.awt.Window;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.swing.JFileChooser;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.FakeServer;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.EvaluationSpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Label images compared with true ones in real ImageJ: the scores are those of a sheet of paper.
 */
@Timeout(480)
class EvaluateIT {
  private static final String EVALUATE = "run(\"Cristae Evaluate\", \"%s\");";

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  /** An image of rows of digits, each the value of a voxel; letters are larger values. */
  static ImagePlus image(String title, int bits, String... rows) {
    ImagePlus image = IJ.createImage(title, bits + "-bit black", rows[0].length(), rows.length, 1);
    for (int y = 0; y < rows.length; y++) {
      for (int x = 0; x < rows[y].length(); x++) {
        char digit = rows[y].charAt(x);
        int value = Character.isDigit(digit) ? digit - '0' : 70_000 + digit - 'a';
        image.getProcessor().setf(x, y, value);
      }
    }
    image.show();
    return image;
  }

  /** Of class 1 four voxels are found and right, one is found and wrong, two are missed. */
  private static void openClasses() {
    image("found.tif", 8, "01100", "01100", "00010", "00000");
    image("truth.tif", 8, "01110", "01110", "00000", "00000");
  }

  private static void assertClasses(ResultsTable scores) {
    assertNotNull(scores, "no table");
    assertEquals(4 / 7.0, scores.getValue("iou", 0), 1e-12);
    assertEquals(8 / 11.0, scores.getValue("dice", 0), 1e-12);
    assertEquals(4 / 5.0, scores.getValue("precision", 0), 1e-12);
    assertEquals(4 / 6.0, scores.getValue("recall", 0), 1e-12);
    assertEquals("1", scores.getStringValue("class", 0));
    assertEquals("mean", scores.getStringValue("class", 1));
    assertEquals(4 / 7.0, scores.getValue("iou", 1), 1e-12);
    assertEquals("found.tif", scores.getStringValue("prediction", 0));
  }

  @Test
  void theScoresOfClassesAreThoseOfASheetOfPaperWithARowForEachClass() throws Exception {
    openClasses();
    macro(String.format(EVALUATE, "prediction=found.tif truth=truth.tif"));
    ResultsTable scores = ResultsTable.getResultsTable("found-scores");
    assertClasses(scores);
    assertEquals(2, scores.size());
    for (int row = 0; row < scores.size(); row++) {
      assertFalse(scores.getRowAsString(row).contains("NaN"), scores.getRowAsString(row));
    }
    assertEquals(0, Windows.frames("Cristae: Evaluating found.tif against truth.tif"));
  }

  @Test
  void aClassThatWasFoundNowhereHasEmptyCells() {
    image("found.tif", 8, "0110", "0000");
    image("truth.tif", 8, "0110", "2000");
    macro(String.format(EVALUATE, "prediction=found.tif truth=truth.tif"));
    ResultsTable scores = ResultsTable.getResultsTable("found-scores");
    assertEquals("2", scores.getStringValue("class", 1));
    assertEquals("", scores.getStringValue("precision", 1));
    assertEquals(0, scores.getValue("recall", 1));
  }

  @Test
  void objectsWithIdsBeyond65535AreComparedInOneRowForEachPrediction() {
    // Three true objects; of the third a quarter is an object of its own.
    image("truth.tif", 32, "11022", "11022", "0aa00", "0aa00");
    image("found.tif", 32, "bb033", "bb033", "0cc00", "0cd00");
    image("worse.tif", 32, "bb000", "bb000", "00000", "00000");
    macro(
        String.format(
            EVALUATE, "prediction=found.tif also=worse.tif truth=truth.tif target=instances"));
    ResultsTable scores = ResultsTable.getResultsTable("found-scores");
    assertEquals(2, scores.size());
    assertEquals("found.tif", scores.getStringValue("prediction", 0));
    assertEquals(6 / 7.0, scores.getValue("f1_50", 0), 1e-12);
    assertEquals(3 / 4.0, scores.getValue("precision_50", 0), 1e-12);
    assertEquals(1, scores.getValue("count_error", 0));
    assertEquals(2 / 4.0, scores.getValue("f1_50", 1), 1e-12);
    assertEquals(-2, scores.getValue("count_error", 1));
  }

  @Test
  void inBatchModeTheTableIsThereForTheNextLineOfTheMacro() {
    openClasses();
    macro(
        "setBatchMode(true);",
        String.format(EVALUATE, "prediction=found.tif truth=truth.tif"),
        "if (Table.size(\"found-scores\") != 2) exit(\"rows\");",
        "dice = Table.get(\"dice\", 0, \"found-scores\");",
        "if (abs(dice - 8 / 11) > 1e-12) exit(\"dice \" + dice);",
        "setBatchMode(false);");
  }

  @Test
  void aReportIsSavedByAMacroAndTheRawImageIsInItsPictures(@TempDir Path folder) throws Exception {
    openClasses();
    image("raw.tif", 8, "12345", "23456", "34567", "45678");
    String path = folder.resolve("my scores").toString().replace('\\', '/');
    String options = "prediction=found.tif truth=truth.tif raw=raw.tif save=[";
    macro(
        String.format(EVALUATE, options + path + ".html]"),
        String.format(EVALUATE, options + path + ".csv]"),
        String.format(EVALUATE, options + path + ".json]"));
    assertTrue(text(folder.resolve("my scores.html")).contains("data:image/png"));
    assertTrue(text(folder.resolve("my scores.csv")).startsWith("prediction,class,name,"));
    assertTrue(text(folder.resolve("my scores.json")).contains("\"dice\""));
  }

  private static String text(Path file) throws Exception {
    return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
  }

  @Test
  void theOtherChoicesReachTheServer() throws Exception {
    openClasses();
    image("third.tif", 8, "01110", "01100", "00000", "00002");
    macro(
        String.format(
            EVALUATE,
            "prediction=found.tif also=third.tif truth=truth.tif unknown=2 slices=1"
                + " empty-sections=unknown distances=true"));
    Client client = Connection.open(Progress.NONE, new Cancellation());
    EvaluationSpec spec = new org.cristae.fiji.client.Jobs(client).list(1).get(0).getEvaluation();
    assertEquals(2, spec.getUnknownValue());
    assertEquals(1, spec.getZ().getStop());
    assertTrue(spec.getDistances() && spec.getEmptySectionsAreUnknown());
    assertTrue(ResultsTable.getResultsTable("found-scores").columnExists("hausdorff_nm"));
    macro(
        String.format(EVALUATE, "prediction=found.tif also=third.tif truth=truth.tif pairs=true"));
    ResultsTable pairs = ResultsTable.getResultsTable("found-scores");
    assertEquals(9, pairs.size());
    assertEquals(1, pairs.getValue("dice", 0));
    assertEquals("truth.tif", pairs.getStringValue("truth", 1));
    assertEquals(8 / 11.0, pairs.getValue("dice", 1), 1e-12);
  }

  @Test
  void whatCannotBeIsRefusedWithASentence() {
    String none = failingMacro(String.format(EVALUATE, "truth=truth.tif"));
    assertTrue(none.contains("No image is open. Open one first."), none);
    openClasses();
    image("small.tif", 8, "0110", "0110");
    String[][] wrong = {
      {"prediction=found.tif", "truth is not given; it should be the title or the path"},
      {
        "prediction=small.tif truth=truth.tif",
        "The prediction \"small.tif\" is 4 x 2 in 1 slice; the truth \"truth.tif\" is 5 x 4"
      },
      {
        "prediction=found.tif truth=no.tif",
        "No image named \"no.tif\" is open. Open are: found.tif"
      },
      {"prediction=found.tif truth=found.tif", "is both a prediction and the truth"},
      {"prediction=found.tif also=found.tif truth=truth.tif", "is chosen twice"},
      {"prediction=found.tif truth=truth.tif target=things", "one of classes, masks, instances"},
      {"prediction=found.tif truth=truth.tif target=instances distances=true", "left out"},
      {"prediction=found.tif truth=truth.tif pairs=true distances=true", "pairs compare labels"},
      {
        "prediction=found.tif truth=truth.tif slices=1-3",
        "slices=1-3 should be within the image, which has the slices 1-1"
      },
      {"prediction=found.tif truth=truth.tif save=scores.xls", "ends in .html or .csv or .json"},
      {
        "prediction=found.tif truth=truth.tif raw=small.tif", "The raw image \"small.tif\" is 4 x 2"
      },
      {
        "prediction=found.tif truth=truth.tif size=3",
        "does not know \"size\". It knows: prediction"
      }
    };
    for (String[] one : wrong) {
      String sentence = failingMacro(String.format(EVALUATE, one[0]));
      assertTrue(sentence.contains(one[1]), one[0] + ": " + sentence);
    }
    IJ.createImage("half.tif", "32-bit ramp", 5, 4, 1).show();
    String fractions = failingMacro(String.format(EVALUATE, "prediction=half.tif truth=truth.tif"));
    assertTrue(fractions.contains("labels are whole numbers"), fractions);
  }

  @Test
  void anOlderServerIsToldToBeUpdatedBeforeAnythingIsSent() throws Exception {
    openClasses();
    try (FakeServer server = new FakeServer()) {
      Connection.choose(server.address().toString(), FakeServer.TOKEN, RealImageJ.serverCommand());
      String compared =
          failingMacro(String.format(EVALUATE, "prediction=found.tif truth=truth.tif"));
      assertTrue(compared.contains("(0.0.9) does not compare label images. Update the"), compared);
      String measured = failingMacro("run(\"Cristae Measure Objects\", \"labels=found.tif\");");
      assertTrue(measured.contains("(0.0.9) does not measure objects. Update the"), measured);
    } finally {
      Connection.choose("", "", RealImageJ.serverCommand());
    }
  }

  @Test
  void theDialogProposesTheImagesRecordsOneLineThatReplaysAndSavesTheReport(@TempDir Path folder)
      throws Exception {
    openClasses();
    IJ.selectWindow("truth.tif");
    Recorder recorder = new Recorder(false);
    String line;
    try {
      menu("Cristae Evaluate");
      Window evaluate = await("the dialog", () -> dialog("Cristae: evaluate"));
      assertEquals("found.tif", chosen(evaluate, "prediction"));
      assertEquals("truth.tif", chosen(evaluate, "truth"));
      assertEquals("classes", chosen(evaluate, "target"));
      assertEquals("", chosen(evaluate, "raw"));
      click(evaluate, "Evaluate");
      await("the table", () -> ResultsTable.getResultsTable("found-scores"));
      line = "run(\"Cristae Evaluate\", \"prediction=found.tif truth=truth.tif\");";
      assertTrue(recorder.getText().contains(line), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    String title = "Cristae: Evaluating found.tif against truth.tif";
    await("the end", () -> hasEnded(title) ? this : null);
    click(frame(title), "Save Report...");
    Window save = await("the dialog", () -> dialog("Cristae: save"));
    JFileChooser chooser = (JFileChooser) child(save, part -> part instanceof JFileChooser);
    File file = folder.resolve("page").toFile();
    SwingUtilities.invokeAndWait(
        () -> {
          chooser.setSelectedFile(file);
          chooser.approveSelection();
        });
    Path page = folder.resolve("page.html");
    await("the report", () -> Files.exists(page) ? this : null);
    assertTrue(text(page).contains("<html"), "no page");

    closeTables();
    macro(line);
    assertClasses(ResultsTable.getResultsTable("found-scores"));

    closeTables();
    RealImageJ.closeAll();
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    selectNewest(jobs, "evaluation");
    click(jobs, "Open Result");
    assertClasses(await("the table", () -> ResultsTable.getResultsTable("found-scores")));
    assertEquals(0, WindowManager.getImageCount());
  }
}

package org.cristae.fiji.command;

import static org.cristae.fiji.command.EvaluateIT.image;
import static org.cristae.fiji.command.RealImageJ.closeTables;
import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.cristae.fiji.command.Windows.child;
import static org.cristae.fiji.command.Windows.chosen;
import static org.cristae.fiji.command.Windows.click;
import static org.cristae.fiji.command.Windows.dialog;
import static org.cristae.fiji.command.Windows.frame;
import static org.cristae.fiji.command.Windows.menu;
import static org.cristae.fiji.command.Windows.selectNewest;
import static org.cristae.fiji.command.Windows.type;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.ImagePlus;
import ij.ImageStack;
import ij.measure.ResultsTable;
import ij.plugin.frame.Recorder;
import ij.process.FloatProcessor;
import java.awt.Window;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import javax.swing.AbstractButton;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.BlockSource;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ServedStack;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.DataType;
import org.cristae.v1.Job;
import org.cristae.v1.Volume;
import org.cristae.v1.VolumeSpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Objects measured in real ImageJ: tables called after the image, exact and calibrated. */
@Timeout(480)
class MeasureIT {
  private static final String MEASURE = "run(\"Cristae Measure Objects\", \"%s\");";

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

  private static List<Job> newest() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    return new org.cristae.fiji.client.Jobs(client).list(1);
  }

  /** Objects of 3 x 2 x 2 and 1 x 1 x 1 voxels of 2 x 2 x 5 nm; the second touches the border. */
  private static ImagePlus cells() {
    ImageStack stack = new ImageStack(8, 6);
    for (int z = 0; z < 4; z++) {
      FloatProcessor plane = new FloatProcessor(8, 6);
      for (int i = 0; i < 48; i++) {
        int x = i % 8;
        int y = i / 8;
        boolean isBox = x >= 2 && x < 5 && y >= 2 && y < 4 && z >= 1 && z < 3;
        plane.setf(i, isBox ? 70_001 : x == 7 && y == 5 && z == 3 ? 3 : 0);
      }
      stack.addSlice(plane);
    }
    ImagePlus cells = new ImagePlus("cells.tif", stack);
    cells.getCalibration().setUnit("nm");
    cells.getCalibration().pixelWidth = 2;
    cells.getCalibration().pixelHeight = 2;
    cells.getCalibration().pixelDepth = 5;
    cells.show();
    return cells;
  }

  private static void assertCells(ResultsTable objects) {
    assertEquals(2, objects.size());
    assertEquals(3, objects.getValue("id", 0));
    assertEquals(70_001, objects.getValue("id", 1));
    assertEquals(12, objects.getValue("voxels", 1));
    assertEquals(12 * 20, objects.getValue("volume_nm3", 1));
    assertEquals(1.5 * 5, objects.getValue("centroid_z_nm", 1), 1e-12);
    assertEquals(2.5 * 2, objects.getValue("centroid_y_nm", 1), 1e-12);
    assertEquals(3 * 2, objects.getValue("centroid_x_nm", 1), 1e-12);
    assertEquals(1, objects.getValue("touches_border", 0));
    assertEquals(0, objects.getValue("touches_border", 1));
  }

  @Test
  void theTableIsCalledAfterTheImageAndInItsUnits() {
    cells();
    macro(
        String.format(MEASURE, "labels=cells.tif"),
        "if (Table.title != \"cells-objects\") exit(Table.title);",
        "if (Table.get(\"voxels\", 1) != 12) exit(\"voxels\");");
    ResultsTable objects = ResultsTable.getResultsTable("cells-objects");
    assertCells(objects);
    for (int row = 0; row < objects.size(); row++) {
      assertFalse(objects.getRowAsString(row).contains("NaN"), objects.getRowAsString(row));
    }
    macro(
        String.format(MEASURE, "labels=cells.tif condition=[voxels > 3 and touches_border == 0]"));
    ResultsTable large = ResultsTable.getResultsTable("cells-objects");
    assertEquals(1, large.size());
    assertEquals(70_001, large.getValue("id", 0));
  }

  @Test
  void aTableThatCannotBeSavedIsOpenAllTheSame(@TempDir Path folder) throws Exception {
    cells();
    Path taken = Files.createDirectories(folder.resolve("taken.csv").resolve("by a folder"));
    String file = taken.getParent().toString().replace('\\', '/');
    String measure = String.format(MEASURE, "labels=cells.tif save=[" + file + "]");
    String sentence = assertThrows(AssertionError.class, () -> macro(measure)).getMessage();
    assertTrue(sentence.contains("the macro was aborted"), sentence);
    assertTrue(sentence.contains("The tables are open"), sentence);
    assertCells(ResultsTable.getResultsTable("cells-objects"));
  }

  @Test
  void aHundredThousandObjectsHaveARowEachWithTheirExactIds() {
    int side = 320;
    float[] ids = new float[side * side];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 3 * i + 1;
    }
    new ImagePlus("many.tif", new FloatProcessor(side, side, ids)).show();
    macro(String.format(MEASURE, "labels=many.tif"));
    ResultsTable objects = ResultsTable.getResultsTable("many-objects");
    assertEquals(side * side, objects.size());
    for (int row = 0; row < ids.length; row++) {
      assertEquals(ids[row], objects.getValue("id", row));
      assertEquals(row % side, objects.getValue("centroid_x_px", row));
    }
  }

  @Test
  void greyValuesClassesNeighboursAndContactsAreMeasuredToo(@TempDir Path folder) throws Exception {
    image("two.tif", 8, "1122", "1122", "0000", "0003");
    image("raw.tif", 8, "1234", "1234", "0000", "0009");
    image("kinds.tif", 8, "1122", "1222", "0000", "0001");
    image("other.tif", 8, "0000", "0000", "0000", "5000");
    Path file = folder.resolve("two.csv");
    macro(
        String.format(
            MEASURE,
            "labels=two.tif raw=raw.tif classes=kinds.tif other=other.tif contacts=true"
                + " skeletons=true save=["
                + file.toString().replace('\\', '/')
                + "]"));
    ResultsTable objects = ResultsTable.getResultsTable("two-objects");
    assertEquals(1.5, objects.getValue("intensity_mean", 0));
    assertEquals(9, objects.getValue("intensity_max", 2));
    assertEquals(1, objects.getValue("class", 0));
    assertEquals(0.75, objects.getValue("class_share", 0));
    assertEquals(2, objects.getValue("nearest_other_px", 0));
    assertEquals(5, objects.getValue("nearest_other_id", 2));
    assertTrue(objects.columnExists("skeleton_length_px"));
    assertEquals(0, ResultsTable.getResultsTable("two-contacts").size());
    String saved = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    assertTrue(saved.startsWith("id,voxels,"), saved);
    assertTrue(Files.exists(folder.resolve("two-contacts.csv")));

    macro(String.format(MEASURE, "labels=two.tif contacts=true"));
    ResultsTable contacts = ResultsTable.getResultsTable("two-contacts");
    assertEquals(1, contacts.size());
    assertEquals(1, contacts.getValue("id", 0));
    assertEquals(2, contacts.getValue("other_id", 0));
    assertEquals(2, contacts.getValue("faces", 0));
  }

  @Test
  void anImageThatTheServerShowsIsNamedNotSentAndItsLargeIdsAreExact() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    int id = 16_777_217; // ImageJ has no number for it
    BlockGrid grid = BlockGrid.of(1, 2, 4, 5, DataType.DATA_TYPE_UINT32);
    VolumeSpec spec =
        VolumeSpec.newBuilder()
            .setShape(grid.shape())
            .setBlockShape(grid.blockShape())
            .setDataType(DataType.DATA_TYPE_UINT32)
            .setName("served.tif")
            .build();
    BlockSource source =
        new BlockSource() {
          @Override
          public VolumeSpec spec() {
            return spec;
          }

          @Override
          public byte[] read(BlockGrid.Block block) {
            ByteBuffer voxels = ByteBuffer.allocate(block.bytes()).order(ByteOrder.LITTLE_ENDIAN);
            voxels.putInt(4 * 7, id).putInt(4 * 8, id);
            return voxels.array();
          }
        };
    Volume volume = Upload.run(client, source, Progress.NONE, new Cancellation());
    ImagePlus served = new ServedStack(client, volume).toImage("served.tif", null);
    served.show();
    macro(String.format(MEASURE, "labels=served.tif"));
    assertEquals(volume.getVolumeId(), newest().get(0).getMeasurement().getLabels().getVolumeId());
    ResultsTable objects = ResultsTable.getResultsTable("served-objects");
    assertEquals(1, objects.size());
    assertEquals(id, objects.getValue("id", 0));
    assertEquals(2, objects.getValue("voxels", 0));
    served.getCalibration().setUnit("nm");
    String rounded = failingMacro(String.format(MEASURE, "labels=served.tif"));
    assertTrue(rounded.contains("has ids above 16,777,216 in plane 1"), rounded);
  }

  @Test
  void aVoxelSizeThatIsCorrectedInTheWindowOfTheServersImageCounts() throws Exception {
    ImagePlus cells = cells();
    Client client = Connection.open(Progress.NONE, new Cancellation());
    ImageVolume labels = ImageVolume.labels(cells, null, Collections.emptyList());
    Volume volume = Upload.run(client, labels, Progress.NONE, new Cancellation());
    RealImageJ.closeAll();
    ImagePlus served = new ServedStack(client, volume).toImage("cells.tif", null);
    served.show();
    macro(String.format(MEASURE, "labels=cells.tif"));
    assertCells(ResultsTable.getResultsTable("cells-objects"));
    served.getCalibration().pixelDepth = 10;
    macro(String.format(MEASURE, "labels=cells.tif"));
    ResultsTable objects = ResultsTable.getResultsTable("cells-objects");
    assertEquals(70_001, objects.getValue("id", 1));
    assertEquals(12 * 40, objects.getValue("volume_nm3", 1));
  }

  @Test
  void whatCannotBeIsRefusedWithASentence() {
    String none = failingMacro(String.format(MEASURE, "labels=cells.tif"));
    assertTrue(none.contains("No image named \"cells.tif\" is open. Open one first."), none);
    cells();
    image("small.tif", 8, "0110", "0110");
    String[][] wrong = {
      {
        "labels=cells.tif raw=small.tif",
        "The raw image \"small.tif\" is 4 x 2 in 1 slice; the label image \"cells.tif\" is 8 x 6"
      },
      {"labels=cells.tif contacts=maybe", "contacts=maybe should be one of false, true"},
      {"labels=cells.tif condition=[weight > 3]", "weight"},
      {"labels=cells.tif save=cells.xlsx", "a file that ends in .csv"}
    };
    for (String[] one : wrong) {
      String sentence = failingMacro(String.format(MEASURE, one[0]));
      assertTrue(sentence.contains(one[1]), one[0] + ": " + sentence);
    }
  }

  @Test
  void theDialogRecordsOneLineThatReplaysAndTheTableIsFoundAgainInTheListOfJobs() throws Exception {
    cells();
    Recorder recorder = new Recorder(false);
    String line;
    try {
      menu("Cristae Measure Objects");
      Window measure = await("the dialog", () -> dialog("Cristae: measure objects"));
      assertEquals("cells.tif", chosen(measure, "labels"));
      AbstractButton contacts =
          (AbstractButton) child(measure, part -> "contacts".equals(part.getName()));
      SwingUtilities.invokeAndWait(() -> contacts.setSelected(true));
      type(measure, "condition", "voxels >= 1");
      click(measure, "Measure");
      await("the table", () -> ResultsTable.getResultsTable("cells-objects"));
      line =
          "run(\"Cristae Measure Objects\", \"labels=cells.tif contacts=true condition=[voxels >="
              + " 1]\");";
      assertTrue(recorder.getText().contains(line), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
    closeTables();
    macro(line);
    assertCells(ResultsTable.getResultsTable("cells-objects"));
    closeTables();
    RealImageJ.closeAll();
    menu("Cristae Jobs");
    Window jobs = await("the jobs", () -> frame("Cristae: jobs"));
    selectNewest(jobs, "measurement");
    click(jobs, "Open Result");
    assertCells(await("the table", () -> ResultsTable.getResultsTable("cells-objects")));
  }
}

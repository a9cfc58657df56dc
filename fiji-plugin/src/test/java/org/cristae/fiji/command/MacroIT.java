package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.CompositeImage;
import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.gui.Overlay;
import ij.gui.Roi;
import ij.io.FileSaver;
import ij.plugin.frame.RoiManager;
import ij.process.ImageProcessor;
import java.awt.event.KeyEvent;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.ui.Connection;
import org.cristae.v1.Job;
import org.cristae.v1.JobState;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Volume;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Macros in real ImageJ against the real server. */
@Timeout(480)
class MacroIT {
  private static final String TRAIN =
      "run(\"Cristae Train\", \"image=%s labels=%s task=semantic name=%s steps=%d"
          + " classes=square\");";
  private static final String SEGMENT = "run(\"Cristae Segment\", \"image=%s model=tiny\");";

  private static final Roi SQUARE = new Roi(10, 10, 12, 12);

  @BeforeAll
  static void trainOnce() throws Exception {
    RealImageJ.start();
    RealImageJ.stack("stack.tif", 6, 1);
    RealImageJ.labels("stack-labels.tif", 6);
    macro(String.format(TRAIN, "stack.tif", "stack-labels.tif", "tiny", 3));
    RealImageJ.closeAll();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  @BeforeEach
  void tidy() throws Exception {
    RealImageJ.tidy();
    RoiManager manager = RoiManager.getInstance();
    if (manager != null) {
      manager.reset();
    }
  }

  private static org.cristae.fiji.client.Jobs jobs() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    return new org.cristae.fiji.client.Jobs(client);
  }

  @Test
  void theResultIsTheActiveImageWithTitleCalibrationAndPositionAndTheInputIsAsBefore() {
    ImagePlus source = RealImageJ.stack("stack.tif", 6, 1);
    source.setSlice(4);
    byte[] before = ((byte[]) source.getStack().getPixels(2)).clone();
    macro(String.format(SEGMENT, "stack.tif"));
    ImagePlus result = IJ.getImage();
    assertEquals("stack-tiny.tif", result.getTitle());
    assertEquals("micron", result.getCalibration().getUnit());
    assertEquals(0.04, result.getCalibration().pixelDepth);
    assertArrayEquals(new int[] {48, 40, 1, 6, 1}, result.getDimensions());
    assertEquals(8, result.getBitDepth());
    assertEquals(4, result.getCurrentSlice());
    assertEquals("tiny", result.getProp("cristae.model"));
    assertEquals("1=square", result.getProp("cristae.classes"));
    assertTrue(result.getProcessor().isColorLut());
    assertArrayEquals(before, (byte[]) source.getStack().getPixels(2));
  }

  @Test
  void aLoopOverThreeImagesMakesThreeResults() {
    for (int i = 1; i <= 3; i++) {
      RealImageJ.stack("s" + i + ".tif", 2, i);
    }
    macro(
        "for (i = 1; i <= 3; i++) {",
        "  run(\"Cristae Segment\", \"image=s\" + i + \".tif model=tiny\");",
        "  if (getTitle() != \"s\" + i + \"-tiny.tif\") exit(\"wrong: \" + getTitle());",
        "}");
    assertEquals(6, WindowManager.getIDList().length);
  }

  @Test
  void batchModeSeesTheResultWithoutAWindow() {
    macro(
        "setBatchMode(true);",
        "newImage(\"b.tif\", \"8-bit noise\", 48, 40, 2);",
        String.format(SEGMENT, "b.tif"),
        "if (getTitle() != \"b-tiny.tif\") exit(\"wrong: \" + getTitle());",
        "if (nSlices != 2 || bitDepth() != 8) exit(\"wrong shape\");",
        "getDimensions(w, h, c, z, t);",
        "close(\"*\");",
        "setBatchMode(false);");
    assertEquals(0, WindowManager.getWindowCount());
  }

  @Test
  void howSureTheModelIsIsShownInGrey() {
    RealImageJ.stack("stack.tif", 2, 1);
    macro("run(\"Cristae Segment\", \"image=stack.tif model=tiny output=probabilities\");");
    ImagePlus sure = IJ.getImage();
    assertEquals("stack-tiny-probabilities.tif", sure.getTitle());
    assertEquals(255, sure.getDisplayRangeMax());
    assertEquals("background", sure.getStack().getSliceLabel(1));
    assertNotEquals("background", sure.getStack().getSliceLabel(2));
    assertEquals(2, sure.getC(), "the background is shown, which is black over objects");
    macro("run(\"Cristae Segment\", \"image=stack.tif model=tiny output=uncertainty\");");
    ImagePlus unsure = IJ.getImage();
    assertEquals("stack-tiny-uncertainty.tif", unsure.getTitle());
    assertArrayEquals(new int[] {48, 40, 1, 2, 1}, unsure.getDimensions());
    assertEquals(255, unsure.getDisplayRangeMax());
    assertFalse(unsure.getProcessor().isColorLut());
  }

  @Test
  void flipsReachTheServerAndAnythingButTrueOrFalseIsRefused() throws Exception {
    RealImageJ.stack("stack.tif", 2, 1);
    macro("run(\"Cristae Segment\", \"image=stack.tif model=tiny flips=true\");");
    assertEquals("stack-tiny.tif", IJ.getImage().getTitle());
    assertTrue(jobs().list(1).get(0).getPrediction().getFlips());
    macro("run(\"Cristae Segment\", \"image=stack.tif model=tiny\");");
    assertFalse(jobs().list(1).get(0).getPrediction().getFlips());
    String sentence =
        failingMacro("run(\"Cristae Segment\", \"image=stack.tif model=tiny flips=four\");");
    assertTrue(sentence.contains("flips=four should be one of false, true"), sentence);
  }

  @Test
  void touchingObjectsAreSplitWhereThatIsAsked() throws Exception {
    RealImageJ.stack("stack.tif", 2, 1);
    macro("run(\"Cristae Segment\", \"image=stack.tif model=tiny output=instances split=true\");");
    assertTrue(jobs().list(1).get(0).getPrediction().getSplitTouching());
    assertEquals("stack-tiny-instances.tif", IJ.getImage().getTitle());
    String sentence =
        failingMacro("run(\"Cristae Segment\", \"image=stack.tif model=tiny split=true\");");
    assertTrue(sentence.contains("split in the output instances, not in labels"), sentence);
  }

  @Test
  void outsideOfAMaskThereIsNothing() {
    RealImageJ.stack("stack.tif", 2, 1);
    String segment = "run(\"Cristae Segment\", \"image=stack.tif model=tiny %s\");";
    macro(String.format(segment, "output=probabilities"));
    ImagePlus whole = IJ.getImage();
    macro(
        "newImage(\"half.tif\", \"8-bit black\", 48, 40, 2);",
        "makeRectangle(0, 0, 48, 20); run(\"Set...\", \"value=255 stack\"); run(\"Select None\");",
        String.format(segment, "output=probabilities inside=half.tif"));
    ImagePlus part = IJ.getImage();
    assertEquals("stack-tiny-probabilities (2).tif", part.getTitle());
    for (int y : new int[] {5, 19, 20, 35}) {
      int expected = y < 20 ? whole.getProcessor().get(7, y) : 0;
      assertEquals(expected, part.getProcessor().get(7, y), "row " + y);
    }
    macro("newImage(\"wide.tif\", \"8-bit black\", 60, 40, 2);");
    String sentence = failingMacro(String.format(segment, "inside=wide.tif"));
    assertTrue(sentence.contains("mask is 60 x 40 in 2 slices, the image 48 x 40"), sentence);
  }

  @Test
  void severalModelsAnswerTogether() throws Exception {
    RealImageJ.stack("stack.tif", 4, 1);
    RealImageJ.labels("stack-labels.tif", 4);
    macro(String.format(TRAIN, "stack.tif", "stack-labels.tif", "tiny-2", 3));
    macro(
        "run(\"Cristae Segment\", \"image=stack.tif model=tiny more-models=tiny-2"
            + " combine=vote\");");
    PredictionSpec spec = jobs().list(1).get(0).getPrediction();
    assertEquals(Collections.singletonList("tiny-2"), spec.getMoreModelsList());
    assertEquals("vote", spec.getCombine());
    assertEquals("stack-tiny+tiny-2.tif", IJ.getImage().getTitle());
    String sentence =
        failingMacro("run(\"Cristae Segment\", \"image=stack.tif model=tiny more-models=tiny\");");
    assertTrue(sentence.contains("'tiny' is given twice"), sentence);
    sentence =
        failingMacro("run(\"Cristae Segment\", \"image=stack.tif model=tiny combine=vote\");");
    assertTrue(sentence.contains("combine=vote should be left out"), sentence);
  }

  @Test
  void aVirtualStackIsSegmentedFromItsFile(@TempDir Path folder) {
    ImagePlus source = RealImageJ.stack("virtual.tif", 5, 4);
    String path = folder.resolve("virtual.tif").toString();
    assertTrue(new FileSaver(source).saveAsTiff(path));
    RealImageJ.closeAll();
    ImagePlus virtual = IJ.openVirtual(path);
    virtual.show();
    assertTrue(virtual.getStack().isVirtual());
    macro(String.format(SEGMENT, "virtual.tif"));
    assertEquals("virtual-tiny.tif", IJ.getImage().getTitle());
    assertEquals(5, IJ.getImage().getStackSize());
  }

  @Test
  void aStackOpenedAsTimeSeriesStaysOne() {
    ImagePlus source = RealImageJ.stack("time.tif", 3, 5);
    source.setDimensions(1, 1, 3);
    macro(String.format(SEGMENT, "time.tif"));
    assertArrayEquals(new int[] {48, 40, 1, 1, 3}, IJ.getImage().getDimensions());
  }

  @Test
  void aHyperstackWithAChannelTooManyIsRefusedInWords() {
    IJ.createHyperStack("two.tif", 48, 40, 2, 3, 1, 8).show();
    String sentence = failingMacro(String.format(SEGMENT, "two.tif"));
    assertTrue(sentence.contains("channel"), sentence);
  }

  @Test
  void moreObjectsThanSixteenBitsHoldComeBackWithTheNumbersThatTheServerGaveThem()
      throws Exception {
    RealImageJ.dots("few.tif", 96, 8, false);
    RealImageJ.dots("few-dots.tif", 96, 8, true);
    macro(
        "run(\"Cristae Train\", \"image=few.tif labels=few-dots.tif task=instances name=dots"
            + " steps=20 set=[dimensions=2 size=small context=0 batch=4]\");");
    RealImageJ.dots("many.tif", 784, 16, false);
    macro("run(\"Cristae Segment\", \"image=many.tif model=dots\");");
    ImagePlus found = IJ.getImage();
    assertEquals(32, found.getBitDepth());
    Client client = Connection.open(Progress.NONE, new Cancellation());
    Volume kept =
        Download.describe(client, jobs().list(1).get(0).getResult().getOutputs(0).getVolumeId());
    Set<Integer> numbers = new HashSet<>();
    Download.run(
        client,
        kept,
        (block, voxels) -> {
          IntBuffer in = ByteBuffer.wrap(voxels).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
          for (int i = 0; in.hasRemaining(); i++) {
            int x = block.x + i % block.width;
            int y = block.y + i / block.width % block.height;
            int z = block.z + i / block.width / block.height;
            int number = in.get();
            assertEquals(number, found.getStack().getVoxel(x, y, z));
            numbers.add(number);
          }
        },
        Progress.NONE,
        new Cancellation());
    assertTrue(numbers.size() > 70_000, numbers.size() + " objects");
  }

  @Test
  void roisOfTheManagerAreLabels() throws Exception {
    ImagePlus source = RealImageJ.stack("drawn.tif", 4, 6);
    draw(source, 3, "mito", new Roi(11, 11, 9, 9));
    draw(source, 3, "background", new Roi(26, 2, 20, 30));
    String train = "run(\"Cristae Train\", \"image=drawn.tif labels=ROIs name=drawn steps=2 %s\");";
    IJ.log("\\Clear");
    macro(String.format(train, ""));
    assertEquals("mito", jobs().model("drawn").getClasses(0).getName());
    assertEquals(6, RoiManager.getRoiManager().getCount());
    assertFalse(String.valueOf(IJ.getLog()).contains("ROIs"), IJ.getLog());
    draw(source, 3, "0001-0032-0045", new Roi(2, 25, 6, 6));
    macro(String.format(train, ""));
    String told = "3 ROIs without a group or a name with letters count as foreground (0001-";
    assertTrue(String.valueOf(IJ.getLog()).contains(told), IJ.getLog());
    String elsewhere = failingMacro(String.format(train, "slices=4-4"));
    assertTrue(elsewhere.contains("a range with ROIs, which are on the slices 1 to 3"), elsewhere);
  }

  @Test
  void theScaleBarOfAnOverlayIsNoClassAndTheLogSaysSo() throws Exception {
    ImagePlus source = RealImageJ.stack("barred.tif", 3, 6);
    macro("run(\"Scale Bar...\", \"width=0.1 height=2 font=6 location=[Lower Right] overlay\");");
    Overlay overlay = source.getOverlay();
    int parts = overlay.size();
    assertTrue(parts >= 2, parts + " parts");
    for (int z = 1; z <= 3; z++) {
      for (String name : new String[] {"mito", "background"}) {
        Roi roi = name.equals("mito") ? new Roi(11, 11, 9, 9) : new Roi(26, 2, 20, 20);
        roi.setName(name);
        roi.setPosition(z);
        overlay.add(roi);
      }
    }
    IJ.log("\\Clear");
    macro("run(\"Cristae Train\", \"image=barred.tif labels=ROIs name=barred steps=2\");");
    assertEquals(1, jobs().model("barred").getClassesCount());
    assertEquals("mito", jobs().model("barred").getClasses(0).getName());
    assertTrue(IJ.getLog().contains(parts + " ROIs are no label and left out"), IJ.getLog());
  }

  @Test
  void masksThatOverlapAreTrainedAndFoundEachInItsChannel() throws Exception {
    ImagePlus source = RealImageJ.stack("over.tif", 4, 8);
    ImagePlus masks = IJ.createHyperStack("over-masks.tif", 48, 40, 2, 4, 1, 16);
    for (int plane = 1; plane <= 8; plane++) {
      boolean isCell = plane % 2 == 1;
      ImageProcessor mask = masks.getStack().getProcessor(plane);
      mask.setValue(isCell ? 1 : 300);
      mask.fill(isCell ? new Roi(4, 4, 30, 30) : SQUARE);
      masks.getStack().setSliceLabel(isCell ? "cell" : "square", plane);
    }
    masks.show();
    String train = "run(\"Cristae Train\", \"image=over.tif labels=over-masks.tif steps=3 %s\");";
    macro(String.format(train, "task=masks name=over"));
    assertEquals("masks", jobs().model("over").getTarget());
    assertEquals("square", jobs().model("over").getClasses(1).getName());
    source.setSlice(3);
    macro("run(\"Cristae Segment\", \"image=over.tif model=over\");");
    ImagePlus found = IJ.getImage();
    assertEquals("over-over.tif", found.getTitle());
    assertArrayEquals(new int[] {48, 40, 2, 4, 1}, found.getDimensions());
    assertEquals(8, found.getBitDepth());
    assertEquals(CompositeImage.COMPOSITE, found.getDisplayMode());
    assertEquals("cell", found.getStack().getSliceLabel(7));
    assertEquals("square", found.getStack().getSliceLabel(8));
    assertEquals(0.04, found.getCalibration().pixelDepth);
    assertEquals(3, found.getZ());
    assertEquals("1=cell, 2=square", found.getProp("cristae.classes"));
    macro("run(\"Cristae Segment\", \"image=over.tif model=over output=probabilities\");");
    assertEquals("square", IJ.getImage().getStack().getSliceLabel(2));
    String one = failingMacro(String.format(train, "name=x"));
    assertTrue(one.contains("choose the task masks"), one);
  }

  @Test
  void roisThatOverlapAreMasks() throws Exception {
    ImagePlus source = RealImageJ.stack("both.tif", 3, 9);
    draw(source, 2, "cell", new Roi(4, 4, 30, 30));
    draw(source, 2, "square", SQUARE);
    macro("run(\"Cristae Train\", \"image=both.tif labels=ROIs task=masks name=both steps=2\");");
    assertEquals("masks", jobs().model("both").getTarget());
    assertEquals("square", jobs().model("both").getClasses(1).getName());
  }

  @Test
  void choicesOfThePlanAreSetByNameAndTheServerNamesThoseThatItDoesNotKnow() throws Exception {
    RealImageJ.stack("stack.tif", 4, 1);
    RealImageJ.labels("labels.tif", 4);
    String train = "run(\"Cristae Train\", \"image=stack.tif labels=labels.tif name=%s\");";
    macro(String.format(train, "set-so steps=2 set=[patch_zyx=1,32,32 batch=3]"));
    assertEquals("1,32,32", settings("set-so").get("patch_zyx"));
    assertEquals("3", settings("set-so").get("batch"));
    macro(String.format(train, "fast budget=seconds"));
    assertEquals("forest", settings("fast").get("learner"));
    macro("run(\"Cristae Segment\", \"image=stack.tif model=fast\");");
    assertEquals("stack-fast.tif", IJ.getImage().getTitle());
    String unknown = failingMacro(String.format(train, "x set=colour=blue"));
    assertTrue(unknown.contains("There is no setting 'colour'. The settings are"), unknown);
    String value = failingMacro(String.format(train, "x set=[batch=4 learner=tree]"));
    assertTrue(value.contains("network, forest, not 'tree'"), value);
  }

  /** What was set when a model was trained. */
  private static Map<String, String> settings(String model) throws Exception {
    for (Job job : jobs().list(50)) {
      if (job.getTraining().getModelName().equals(model)) {
        return job.getTraining().getSettingsMap();
      }
    }
    throw new AssertionError("no training of " + model);
  }

  /** Draws a ROI on each of the first slices. */
  private static void draw(ImagePlus source, int slices, String name, Roi roi) {
    for (int z = 1; z <= slices; z++) {
      source.setSlice(z);
      Roi drawn = (Roi) roi.clone();
      drawn.setName(name + "-" + z);
      drawn.setPosition(z);
      RoiManager.getRoiManager().addRoi(drawn);
    }
  }

  @Test
  void escEndsTheJobOnTheServerWithinSeconds() throws Exception {
    RealImageJ.stack("long.tif", 6, 7);
    RealImageJ.labels("long-labels.tif", 6);
    Thread macro =
        new Thread(
            () ->
                IJ.runMacro(
                    String.format(TRAIN, "long.tif", "long-labels.tif", "never", 1_000_000)));
    macro.start();
    Job job = awaitRunning("never");
    IJ.setKeyDown(KeyEvent.VK_ESCAPE);
    macro.join(60_000);
    IJ.setKeyUp(KeyEvent.VK_ESCAPE);
    assertFalse(macro.isAlive(), "the macro still waits");
    assertEquals(JobState.JOB_STATE_CANCELLED, jobs().get(job.getJobId()).getState());
  }

  @Test
  void anEscPressedForSomethingBeforeCancelsNothing() {
    ImagePlus source = RealImageJ.stack("stack.tif", 2, 1);
    IJ.setKeyDown(KeyEvent.VK_ESCAPE);
    IJ.setKeyUp(KeyEvent.VK_ESCAPE);
    assertTrue(IJ.escapePressed());
    IJ.run(source, "Cristae Segment", "model=tiny");
    assertEquals("stack-tiny.tif", IJ.getImage().getTitle());
  }

  @Test
  void aNewTokenAloneDoesNotChangeTheServer() {
    try {
      macro("run(\"Cristae Server\", \"address=127.0.0.1:1 token=x\");");
      macro("run(\"Cristae Server\", \"token=y\");");
      assertEquals("127.0.0.1:1", Connection.address());
    } finally {
      macro("run(\"Cristae Server\", \"address=local\");");
    }
    assertEquals("", Connection.address());
  }

  private static Job awaitRunning(String title) throws Exception {
    for (int i = 0; i < 600; i++) {
      List<Job> all = jobs().list(50);
      for (Job job : all) {
        boolean works = job.getState() == JobState.JOB_STATE_RUNNING && job.hasProgress();
        if (job.getTitle().equals(title) && works) {
          return job;
        }
      }
      Thread.sleep(200);
    }
    throw new AssertionError("the job did not start");
  }

  @Test
  void whatCannotBeAbortsTheMacroWithOneSentence() {
    String nothingOpen = failingMacro("run(\"Cristae Segment\", \"model=tiny\");");
    assertEquals("No image is open. Open one first.", nothingOpen);
    RealImageJ.stack("stack.tif", 6, 1);
    RealImageJ.labels("five.tif", 5);
    String shape = failingMacro(String.format(TRAIN, "stack.tif", "five.tif", "x", 1));
    assertTrue(shape.contains("48 x 40 in 5 slices"), shape);
    assertTrue(shape.contains("The labels lack slices"), shape);
    String same = failingMacro(String.format(TRAIN, "stack.tif", "stack.tif", "x", 1));
    assertTrue(same.contains("both the image and its labels"), same);
    RealImageJ.labels("six.tif", 6);
    String far = String.format(TRAIN, "stack.tif", "six.tif", "x slices=1-9", 1);
    assertTrue(failingMacro(far).contains("has the slices 1-6"));
    String model = failingMacro("run(\"Cristae Segment\", \"image=stack.tif model=mitoo\");");
    assertTrue(model.contains("mitoo") && model.contains("tiny"), model);
    String image = failingMacro(String.format(SEGMENT, "stak.tif"));
    assertTrue(image.contains("Open are: stack.tif, five.tif"), image);
    String key = failingMacro("run(\"Cristae Segment\", \"imag=stack.tif model=tiny\");");
    assertTrue(key.contains("does not know \"imag\""), key);
    IJ.createImage("empty.tif", "8-bit black", 48, 40, 6).show();
    String empty = failingMacro(String.format(TRAIN, "stack.tif", "empty.tif", "x", 1));
    assertTrue(empty.contains("label"), empty);
  }

  @Test
  void aPathOfWhatIsNoImageEndsTheMacroWithASentence(@TempDir Path folder) throws Exception {
    Path text = Files.write(folder.resolve("text.tif"), "hello".getBytes(StandardCharsets.UTF_8));
    String measure = "run(\"Cristae Measure Objects\", \"labels=[%s]\");";
    String told = failingMacro(String.format(measure, text));
    assertTrue(told.contains("it is not a TIFF file"), told);
    told = failingMacro(String.format(measure, text + "f"));
    assertTrue(told.contains("There is no file " + text + "f, and no open image"), told);
  }

  @Test
  void aServerThatIsGoneOrRefusesTheTokenIsToldInWords() throws Exception {
    String address = Connection.open(Progress.NONE, new Cancellation()).address().toString();
    RealImageJ.stack("stack.tif", 6, 1);
    try {
      macro("run(\"Cristae Server\", \"address=127.0.0.1:1 token=x\");");
      String gone = failingMacro(String.format(SEGMENT, "stack.tif"));
      assertTrue(gone.contains("127.0.0.1:1 does not answer"), gone);
      macro("run(\"Cristae Server\", \"address=" + address + " token=wrong\");");
      String token = failingMacro(String.format(SEGMENT, "stack.tif"));
      assertTrue(token.contains("refused the token"), token);
    } finally {
      macro("run(\"Cristae Server\", \"address=local\");");
    }
    assertNotNull(Connection.open(Progress.NONE, new Cancellation()));
  }
}

package org.cristae.fiji.ui;

import static org.cristae.fiji.command.RealImageJ.macro;
import static org.cristae.fiji.command.Windows.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.WindowManager;
import ij.plugin.frame.Recorder;
import ij.process.ImageProcessor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.swing.SwingUtilities;
import org.cristae.fiji.client.BlockGrid;
import org.cristae.fiji.client.Cancellation;
import org.cristae.fiji.client.Client;
import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.client.Download;
import org.cristae.fiji.client.Progress;
import org.cristae.fiji.client.Upload;
import org.cristae.fiji.command.RealImageJ;
import org.cristae.fiji.command.Windows;
import org.cristae.fiji.image.ImageVolume;
import org.cristae.fiji.image.ReceivedVolume;
import org.cristae.fiji.image.ResultProperties;
import org.cristae.fiji.labels.ClassColors;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.Volume;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A result is looked at while it arrives from the real server, in real ImageJ. */
@Timeout(480)
class ArrivingWindowIT {
  /** Slabs of slices 1 to 16, 17 to 32 and 33 to 40; each of six blocks. */
  private static final int SLICES = 40;

  private static final int BLOCKS = 6;
  private static final int WIDTH = 300;
  private static final int HEIGHT = 280;

  /** The slice that the image shows, in the second slab. */
  private static final int SEEN = 21;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
  }

  @AfterEach
  void close() throws Exception {
    RealImageJ.tidy();
  }

  @AfterAll
  static void stopServer() throws Exception {
    RealImageJ.stop();
  }

  private static int label(int x, int y, int slice) {
    int few = x / 30 + 10 * (y / 140) + slice; // up to 59
    return slice > 32 && x >= 150 ? 900 + few : few; // so many need 16 bits
  }

  /** The labels as the server has them. */
  private static Volume sent(Client client) throws Exception {
    ImagePlus labels = IJ.createImage("objects.tif", "16-bit black", WIDTH, HEIGHT, SLICES);
    for (int slice = 1; slice <= SLICES; slice++) {
      ImageProcessor plane = labels.getStack().getProcessor(slice);
      for (int i = 0; i < WIDTH * HEIGHT; i++) {
        plane.set(i, label(i % WIDTH, i / WIDTH, slice));
      }
    }
    ImageVolume volume = ImageVolume.labels(labels, null, Collections.emptyList());
    return Upload.run(client, volume, Progress.NONE, new Cancellation());
  }

  private static ImagePlus raw(boolean isTime) {
    ImagePlus raw = IJ.createImage("raw.tif", "8-bit black", WIDTH, HEIGHT, SLICES);
    raw.setDimensions(1, isTime ? 1 : SLICES, isTime ? SLICES : 1);
    raw.getCalibration().setUnit("micron");
    raw.getCalibration().pixelWidth = 0.008;
    raw.getCalibration().pixelDepth = 0.04;
    raw.show();
    raw.setSlice(SEEN);
    return raw;
  }

  /** The image whose title begins so; null if none is open. */
  private static ImagePlus open(String begin) {
    for (ImagePlus image : OpenImages.all()) {
      if (image.getTitle().startsWith(begin)) {
        return image;
      }
    }
    return null;
  }

  private static void assertIsSlice(ImagePlus image, int slice) {
    assertEquals(slice, image.getCurrentSlice());
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
      assertEquals(label(i % WIDTH, i / WIDTH, slice), image.getProcessor().get(i));
    }
  }

  @Test
  void theVisibleSlabIsSeenFirstThenTheOthersAndAtLastAllIsAsFetchedWhole() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    Volume volume = sent(client);
    ReceivedVolume received = new ReceivedVolume(volume.getSpec());
    Download.run(client, volume, received, Progress.NONE, new Cancellation());
    for (boolean isTime : new boolean[] {false, true}) {
      ImagePlus raw = raw(isTime);
      List<String> titles = new ArrayList<>();
      Progress look =
          (stage, fraction, detail) -> {
            ImagePlus seen = open("raw-cells.tif");
            titles.add(seen == null ? null : seen.getWindow().getTitle());
            if (titles.size() == BLOCKS) {
              assertIsSlice(seen, SEEN);
              assertEquals(8, seen.getBitDepth());
              assertLooksAs(
                  "8-bit", 255, seen); // as a result of so few labels, though more will come
              assertEquals("micron", seen.getCalibration().getUnit());
              assertEquals(0.04, seen.getCalibration().pixelDepth);
              seen.setSlice(2);
              assertEquals(0, seen.getProcessor().getPixel(200, 200), "only the text is there");
              assertRefused(seen);
              seen.setSlice(SEEN);
              seen.getProcessor().set(0, 7); // painted on what will be replaced
            }
            if (titles.size() == 2 * BLOCKS) {
              assertEquals(16, seen.getBitDepth());
              assertIsSlice(seen, SEEN);
              assertLooksAs("16-bit", 959, seen); // 900 + 9 + 10 + 40
              seen.setSlice(2);
            }
            if (titles.size() == 3 * BLOCKS) {
              assertIsSlice(seen, 2); // which arrived while it was looked at
            }
          };
      ImagePlus image =
          ArrivingWindow.fetch(
              client,
              volume,
              "raw-cells.tif",
              raw,
              Collections.emptyList(),
              look,
              new Cancellation());
      String told = "raw-cells.tif (arriving: %d of 40 slices)";
      List<String> expected = new ArrayList<>(Collections.nCopies(BLOCKS - 1, null));
      expected.addAll(Collections.nCopies(BLOCKS, String.format(told, 16)));
      expected.addAll(Collections.nCopies(BLOCKS, String.format(told, 24)));
      expected.add(String.format(told, 40));
      assertEquals(expected, titles);
      assertEquals("raw-cells.tif", image.getTitle());
      assertTrue(image.isVisible());
      assertFalse(image.getStack().isVirtual());
      if (!isTime) {
        ImagePlus whole = received.toImage("whole", raw);
        ClassColors.apply(whole, Collections.emptyList(), received.maximum());
        assertSame(whole, image);
        image.setSlice(33);
        assertIsSlice(image, 33);
        image.getProcessor().set(0, 5); // it can be changed now
        image.setSlice(1);
        assertEquals(5, image.getStack().getProcessor(33).get(0));
      }
      assertArrayEquals(raw.getDimensions(), image.getDimensions());
      for (int slice = 1; slice <= SLICES; slice++) {
        int[] pixel = {slice, 0, HEIGHT - 1};
        int value = image.getStack().getProcessor(slice).get(pixel[0], pixel[2]);
        assertEquals(label(pixel[0], pixel[2], slice), value);
      }
      RealImageJ.closeAll();
    }
  }

  /** Neither a job nor an edit takes for labels what stands in place of them. */
  private static void assertRefused(ImagePlus seen) {
    String used =
        assertThrows(
                CristaeException.class,
                () -> {
                  ImageVolume labels = ImageVolume.labels(seen, null, Collections.emptyList());
                  labels.read(BlockGrid.of(labels.spec()).block(0));
                })
            .getMessage();
    assertTrue(used.contains("still arriving from the server: 16 of 40 slices"), used);
    String edited =
        assertThrows(
                CristaeException.class,
                () -> org.cristae.fiji.image.ObjectImage.of(seen).checkEditable())
            .getMessage();
    assertTrue(edited.contains("is still arriving from the server"), edited);
  }

  private static void assertLooksAs(String type, long maximum, ImagePlus found) {
    ImagePlus expected = IJ.createImage("expected", type + " black", 4, 4, 1);
    ClassColors.apply(expected, Collections.emptyList(), maximum);
    assertArrayEquals(expected.getLuts()[0].getBytes(), found.getLuts()[0].getBytes());
    assertEquals(expected.getDisplayRangeMin(), found.getDisplayRangeMin());
    assertEquals(expected.getDisplayRangeMax(), found.getDisplayRangeMax());
  }

  private static void assertSame(ImagePlus expected, ImagePlus found) {
    assertArrayEquals(expected.getDimensions(), found.getDimensions());
    assertEquals(expected.getBitDepth(), found.getBitDepth());
    assertEquals(expected.getCalibration().toString(), found.getCalibration().toString());
    assertArrayEquals(expected.getLuts()[0].getBytes(), found.getLuts()[0].getBytes());
    assertEquals(expected.getDisplayRangeMin(), found.getDisplayRangeMin());
    assertEquals(expected.getDisplayRangeMax(), found.getDisplayRangeMax());
    for (int plane = expected.getStackSize(); plane > 0; plane--) {
      float[] wanted =
          (float[]) expected.getStack().getProcessor(plane).convertToFloat().getPixels();
      float[] there = (float[]) found.getStack().getProcessor(plane).convertToFloat().getPixels();
      assertArrayEquals(wanted, there, "plane " + plane);
    }
  }

  @Test
  void itsTitleIsRecordedAsALaterRunOfTheMacroFindsIt() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    Volume volume = sent(client);
    Recorder recorder = new Recorder(false);
    try {
      Recorder.setCommand(null);
      ImagePlus raw = raw(false);
      ArrivingWindow.fetch(
          client,
          volume,
          "raw-cells.tif",
          raw,
          Collections.emptyList(),
          Progress.NONE,
          new Cancellation());
      await(
          "the line of the window",
          () -> recorder.getText().contains("selectImage(\"raw-cells.tif\");") ? this : null);
      assertFalse(recorder.getText().contains("arriving"), recorder.getText());
    } finally {
      Recorder.record = false;
      recorder.close();
    }
  }

  @Test
  void aPartIsClosedWhenItIsCancelledOrTheWindowIsAndTheLogSaysWhereTheWholeIs() throws Exception {
    Client client = Connection.open(Progress.NONE, new Cancellation());
    Volume volume = sent(client);
    for (boolean byButton : new boolean[] {true, false}) {
      ImagePlus raw = raw(false);
      IJ.log("\\Clear");
      Cancellation cancellation = new Cancellation();
      Progress end =
          (stage, fraction, detail) -> {
            ImagePlus seen = open("raw-cells.tif");
            if (seen != null && byButton) {
              cancellation.cancel();
            } else if (seen != null) {
              seen.close();
            }
          };
      CristaeException failure =
          assertThrows(
              CristaeException.class,
              () ->
                  ArrivingWindow.fetch(
                      client,
                      volume,
                      "raw-cells.tif",
                      raw,
                      Collections.emptyList(),
                      end,
                      cancellation));
      assertEquals(ErrorCode.ERROR_CODE_CANCELLED, failure.code());
      assertNull(open("raw-cells.tif"));
      assertEquals(
          "Cristae: the window of \"raw-cells.tif\" was closed, since only 16 of 40 slices had"
              + " arrived. The whole result is on the server: Plugins > Cristae > Cristae Jobs"
              + " opens it.",
          IJ.getLog().trim());
      RealImageJ.closeAll();
    }
  }

  @Test
  void aClickedSegmentationIsSeenEarlyAndEndsAsThatOfAMacro() throws Exception {
    RealImageJ.stack("early.tif", SLICES, 5);
    RealImageJ.labels("early-labels.tif", SLICES);
    macro(
        "run(\"Cristae Train\", \"image=early.tif labels=early-labels.tif name=early steps=3\");");
    IJ.selectWindow("early.tif");
    List<String> opened = Collections.synchronizedList(new ArrayList<>());
    ij.ImageListener watch =
        new ij.ImageListener() {
          @Override
          public void imageOpened(ImagePlus image) {
            opened.add(image.getTitle());
          }

          @Override
          public void imageClosed(ImagePlus image) {}

          @Override
          public void imageUpdated(ImagePlus image) {}
        };
    ImagePlus.addImageListener(watch);
    try {
      macro("run(\"Cristae Segment\", \"image=early.tif model=early\");");
      ImagePlus whole = IJ.getImage();
      whole.setTitle("whole.tif");
      WindowManager.getImage("early.tif").setSlice(SEEN);
      Choices choices = Segmentation.choices().parse("image=early.tif model=early");
      JobWindow.start(Segmentation.prepare(choices));
      ImagePlus early =
          await(
              "the result",
              () -> {
                ImagePlus seen = Windows.image("early-early.tif");
                // Its window has the plain title also before it is told that it is arriving.
                boolean isWhole =
                    seen != null
                        && seen.getProp(ResultProperties.JOB) != null
                        && !seen.getWindow().getTitle().contains("arriving");
                return isWhole ? seen : null;
              });
      SwingUtilities.invokeAndWait(() -> {}); // ImageJ tells there what is opened, a little later
      assertEquals(2, opened.size(), opened.toString()); // one window, not a second one at the end
      assertEquals("early-early.tif", opened.get(1));
      assertSame(whole, early);
      assertEquals(SEEN, early.getCurrentSlice());
      assertFalse(early.getStack().isVirtual());
      for (String key : new String[] {"model", "output", "classes"}) {
        assertEquals(whole.getProp("cristae." + key), early.getProp("cristae." + key));
      }
      assertTrue(early.getProp("cristae.job") != null);
    } finally {
      ImagePlus.removeImageListener(watch);
    }
  }
}

package org.cristae.fiji.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.LabelClass;
import org.cristae.v1.TrainingSpec;
import org.cristae.v1.VoxelSize;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What is refused of several images and annotators before anything is sent. */
class LabelledImageTest {
  private static ImagePlus image(String title, int channels, int slices, double nm) {
    ImagePlus image = IJ.createHyperStack(title, 8, 6, channels, slices, 1, 8);
    image.getCalibration().setUnit("nm");
    image.getCalibration().pixelWidth = nm;
    image.getCalibration().pixelHeight = nm;
    image.getCalibration().pixelDepth = 40;
    return image;
  }

  private static ImagePlus labels(String title) {
    return IJ.createImage(title, "8-bit black", 8, 6, 3);
  }

  private static String refused(Executable act) {
    return assertThrows(CristaeException.class, act).getMessage();
  }

  private static void check(String target, VoxelSize size, LabelledImage... images)
      throws CristaeException {
    List<LabelledUpload> uploads = new ArrayList<>();
    for (LabelledImage each : images) {
      uploads.add(LabelledUpload.of(each, size, TrainingSpec.newBuilder().setTarget(target)));
    }
    AlikeImages.check(uploads);
  }

  @Test
  void eachWindowIsOneThing() throws CristaeException {
    ImagePlus a = image("a.tif", 1, 3, 8);
    ImagePlus b = image("b.tif", 1, 3, 8);
    ImagePlus mine = labels("mine.tif");
    ImagePlus yours = labels("yours.tif");
    LabelledImage first = new LabelledImage(a, Arrays.asList(mine, yours));
    LabelledImage.checkPartsOnce(
        Arrays.asList(first, LabelledImage.of(b, labels("mine.tif")))); // of the same title
    String again =
        refused(
            () ->
                LabelledImage.checkPartsOnce(
                    Arrays.asList(first, LabelledImage.of(a, labels("c")))));
    assertTrue(again.startsWith("\"a.tif\" is chosen twice. Give each image once"), again);
    for (LabelledImage second :
        new LabelledImage[] {LabelledImage.of(b, yours), LabelledImage.of(b, a)}) {
      String twice = refused(() -> LabelledImage.checkPartsOnce(Arrays.asList(first, second)));
      assertTrue(twice.contains("is chosen twice. Give each image its own labels"), twice);
    }
    LabelledImage same = new LabelledImage(a, Arrays.asList(mine, mine));
    String person = refused(() -> LabelledImage.checkPartsOnce(Collections.singletonList(same)));
    assertTrue(person.startsWith("\"mine.tif\" is chosen twice."), person);
  }

  @Test
  void imagesOfOtherVoxelsAreRefusedUnlessOneSizeIsGivenForAll() throws CristaeException {
    LabelledImage a = LabelledImage.of(image("a.tif", 1, 3, 8), labels("la"));
    LabelledImage b = LabelledImage.of(image("b.tif", 1, 3, 10), labels("lb"));
    String told = refused(() -> check("classes", null, a, b));
    String sizes = "\"b.tif\" has 40 x 10 x 10 nm, \"a.tif\" 40 x 8 x 8 nm (z, y, x)";
    assertTrue(told.contains(sizes), told);
    VoxelSize given = VoxelSize.newBuilder().setZNm(40).setYNm(8).setXNm(8).build();
    check("classes", given, a, b);
    check("classes", null, a, LabelledImage.of(image("c.tif", 1, 3, 8.7), labels("lc")));
  }

  @Test
  void aSectionHasNoDistanceOfSlicesAndAnUnknownSizeIsThatOfTheOthers() throws CristaeException {
    ImagePlus section = image("s.tif", 1, 1, 8);
    section.getCalibration().pixelDepth = 1;
    ImagePlus drawn = IJ.createImage("ls", "8-bit black", 8, 6, 1);
    LabelledImage unknown = LabelledImage.of(labels("u.tif"), labels("lu"));
    LabelledImage a = LabelledImage.of(image("a.tif", 1, 3, 8), labels("la"));
    check("classes", null, unknown, a, LabelledImage.of(section, drawn));
  }

  @Test
  void otherChannelsAndShapesAreRefusedWithTheNamesOfTheImages() {
    LabelledImage a = LabelledImage.of(image("a.tif", 1, 3, 8), labels("la"));
    LabelledImage two = LabelledImage.of(image("b.tif", 2, 3, 8), labels("lb"));
    String channels = refused(() -> check("classes", null, a, two));
    assertTrue(channels.contains("\"a.tif\" has 1, \"b.tif\" 2"), channels);
    ImagePlus five = IJ.createImage("five", "8-bit black", 8, 6, 5);
    LabelledImage annotated = new LabelledImage(a.image, Arrays.asList(a.labels.get(0), five));
    String shape = refused(() -> check("classes", null, annotated));
    assertTrue(
        shape.startsWith("The labels \"five\" are 8 x 6 in 5 slices, the image \"a.tif\""), shape);
    LabelledImage masks = LabelledImage.of(a.image, image("masks", 2, 3, 8));
    String more = refused(() -> check("masks", null, a, masks));
    assertTrue(more.contains("The labels have different numbers of channels: \"la\" has 1"), more);
  }

  private static ImagePlus masks(String title, String... names) {
    ImagePlus masks = image(title, names.length, 3, 8);
    for (int plane = 1; plane <= masks.getStackSize(); plane++) {
      masks.getStack().setSliceLabel(names[(plane - 1) % names.length], plane);
    }
    return masks;
  }

  @Test
  void masksInAnotherOrderAreRefusedAndNamesOfOneImageCountForAll() throws CristaeException {
    ImagePlus image = image("a.tif", 1, 3, 8);
    LabelledImage unnamed = LabelledImage.of(image, image("plain", 2, 3, 8));
    LabelledImage named = LabelledImage.of(image, masks("one", "cell", "nucleus"));
    LabelledImage turned = LabelledImage.of(image, masks("two", "nucleus", "cell"));
    List<LabelClass> names =
        LabelledImage.maskNames(Arrays.asList(unnamed, named), Collections.emptyList());
    assertEquals("nucleus", names.get(1).getName());
    String told =
        refused(
            () -> LabelledImage.maskNames(Arrays.asList(named, turned), Collections.emptyList()));
    assertTrue(told.contains("\"one\" are cell, nucleus, those of \"two\" nucleus, cell"), told);
  }
}

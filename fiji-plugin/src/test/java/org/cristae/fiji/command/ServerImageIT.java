package org.cristae.fiji.command;

import static org.cristae.fiji.command.RealImageJ.failingMacro;
import static org.cristae.fiji.command.RealImageJ.macro;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.Prefs;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.cristae.fiji.ui.Connection;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Images under the data root of a real server are segmented without being opened here. */
@Timeout(600)
@DisabledOnOs(OS.WINDOWS)
class ServerImageIT {
  @TempDir static Path folder;

  @BeforeAll
  static void start() throws Exception {
    RealImageJ.start();
    Connection.stopLocal();
    Files.createDirectories(folder.resolve("data/monday"));
    Path command = folder.resolve("cristae-with-data");
    String script = "#!/bin/sh\nexec '%s' \"$@\" --data-root '%s'\n";
    Files.write(
        command,
        String.format(script, RealImageJ.serverCommand(), folder.resolve("data"))
            .getBytes(StandardCharsets.UTF_8));
    assertTrue(command.toFile().setExecutable(true));
    Prefs.set("cristae.command", command.toString());
    RealImageJ.stack("first.tif", 3, 1);
    RealImageJ.labels("first-labels.tif", 3);
    macro(
        "run(\"Cristae Train\", \"image=first.tif labels=first-labels.tif name=first steps=1\");");
    RealImageJ.closeAll();
    ImagePlus there = RealImageJ.stack("raw.tif", 4, 2);
    IJ.saveAsTiff(there, folder.resolve("data/monday/raw.tif").toString());
    RealImageJ.closeAll();
  }

  @AfterAll
  static void stop() throws Exception {
    RealImageJ.stop();
    Prefs.set("cristae.command", RealImageJ.serverCommand());
  }

  @Test
  void anImageOnTheServerGetsTheLabelsThatItGetsWhenItIsOpenedAndSent() {
    macro("run(\"Cristae Segment\", \"server-image=monday/raw.tif model=first\");");
    ImagePlus there = IJ.getImage();
    assertEquals("raw-first.tif", there.getTitle());
    assertEquals("micron", there.getCalibration().getUnit());
    assertEquals(0.008, there.getCalibration().pixelWidth, 1e-9);
    assertEquals(0.04, there.getCalibration().pixelDepth, 1e-9);

    IJ.open(folder.resolve("data/monday/raw.tif").toString());
    macro("run(\"Cristae Segment\", \"image=raw.tif model=first\");");
    ImagePlus here = IJ.getImage();
    assertEquals("raw-first (2).tif", here.getTitle());
    assertEquals(4, there.getStackSize());
    assertTrue(Arrays.equals(here.getDimensions(), there.getDimensions()));
    for (int z = 1; z <= 4; z++) {
      assertArrayEquals(
          (byte[]) here.getStack().getPixels(z), (byte[]) there.getStack().getPixels(z));
    }
  }

  @Test
  void whatCannotBeIsRefusedWithASentence() {
    String none = failingMacro("run(\"Cristae Segment\", \"server-image=raw.tif model=first\");");
    assertTrue(none.contains("offers no image \"raw.tif\". It offers monday/raw.tif."), none);
    String both =
        failingMacro(
            "run(\"Cristae Segment\", \"image=a.tif server-image=monday/raw.tif model=first\");");
    assertTrue(both.contains("image=a.tif should be left out"), both);
  }
}

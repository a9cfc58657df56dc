package org.cristae.fiji.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import org.cristae.fiji.launch.HomeFolder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The jar as a user puts it into the plugins folder: alone, next to nothing but ij.jar. */
class JarIT {
  private static final int JAVA_8 = 52;

  @Test
  void nothingInTheJarCanClashWithFijisOwnLibraries() throws Exception {
    try (JarFile jar = new JarFile(System.getProperty("cristae.jar"))) {
      List<String> foreign =
          jar.stream()
              .map(ZipEntry::getName)
              .filter(name -> !name.endsWith("/"))
              .filter(name -> !name.startsWith("org/cristae/"))
              .filter(name -> !name.startsWith("META-INF/services/org.cristae.fiji.shaded."))
              .sorted()
              .collect(Collectors.toList());
      assertEquals(
          Arrays.asList(
              "META-INF/LICENSE",
              "META-INF/LICENSE-apache.txt",
              "META-INF/MANIFEST.MF",
              "META-INF/NOTICE-third-party.txt",
              "cristae-help.html",
              "cristae-version.txt",
              "plugins.config"),
          foreign);
    }
  }

  @Test
  void everyClassRunsOnJava8() throws Exception {
    try (JarFile jar = new JarFile(System.getProperty("cristae.jar"))) {
      List<ZipEntry> classes =
          jar.stream()
              .filter(entry -> entry.getName().endsWith(".class"))
              .collect(Collectors.toList());
      for (ZipEntry entry : classes) {
        try (DataInputStream in = new DataInputStream(jar.getInputStream(entry))) {
          in.readInt();
          in.readUnsignedShort();
          int version = in.readUnsignedShort();
          assertTrue(version <= JAVA_8, entry.getName() + " has version " + version);
        }
      }
    }
  }

  @Test
  @Timeout(480)
  void aFreshImageJTrainsAndSegmentsFromAMacro(@TempDir Path folder) throws Exception {
    RealImageJ.installJar();
    Path macro = folder.resolve("macro.ijm");
    String result = folder.resolve("result.tif").toString().replace('\\', '/');
    List<String> lines =
        Arrays.asList(
            "newImage(\"fresh.tif\", \"8-bit noise\", 40, 40, 4);",
            "newImage(\"fresh-labels.tif\", \"8-bit black\", 40, 40, 4);",
            "makeRectangle(8, 8, 20, 20); run(\"Set...\", \"value=1 stack\"); run(\"Select None\");",
            "run(\"Cristae Train\", \"image=fresh.tif labels=fresh-labels.tif name=fresh steps=2\");",
            "run(\"Cristae Segment\", \"image=fresh.tif model=fresh\");",
            "if (getTitle() != \"fresh-fresh.tif\") exit(\"wrong: \" + getTitle());",
            "saveAs(\"Tiff\", \"" + result + "\");");
    Files.write(macro, lines, StandardCharsets.UTF_8);
    ProcessBuilder builder =
        new ProcessBuilder(
            Paths.get(System.getProperty("java.home"), "bin", "java").toString(),
            "-Duser.home=" + System.getProperty("user.home"),
            "-Dplugins.dir=" + RealImageJ.root(),
            "-cp",
            System.getProperty("cristae.ij"),
            "ij.ImageJ",
            "-batch",
            macro.toString());
    builder.environment().put("CRISTAE_COMMAND", RealImageJ.serverCommand());
    builder.environment().put("CRISTAE_LIMITS", "{\"stop_grace_s\": 2}");
    File output = folder.resolve("output.txt").toFile();
    builder.redirectErrorStream(true).redirectOutput(output);
    Process imagej = builder.start();
    try {
      boolean ended = imagej.waitFor(200, TimeUnit.SECONDS);
      String said = new String(Files.readAllBytes(output.toPath()), StandardCharsets.UTF_8);
      assertTrue(ended, "ImageJ did not end: " + said);
      assertTrue(new File(result).isFile(), said);
      assertEquals(Collections.emptyList(), exceptions(said));
    } finally {
      imagej.destroyForcibly();
    }
    HomeFolder home = HomeFolder.ofUser();
    for (int i = 0; i < 1500 && home.address().isPresent(); i++) {
      Thread.sleep(100); // without a call to it: as long as anybody calls, it stays
    }
    assertFalse(home.address().isPresent(), "the server outlived its ImageJ");
  }

  private static List<String> exceptions(String output) {
    return Arrays.stream(output.split("\n"))
        .filter(line -> line.contains("Exception") || line.startsWith("\tat "))
        .collect(Collectors.toList());
  }
}

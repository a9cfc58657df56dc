package org.cristae.fiji.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ij.IJ;
import ij.ImagePlus;
import ij.io.FileSaver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import org.cristae.fiji.client.CristaeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A file is opened whole or refused. */
class ImageFileTest {
  @TempDir Path folder;

  private Path file(String name, byte[] bytes, int kept) throws IOException {
    return Files.write(folder.resolve(name), Arrays.copyOf(bytes, kept));
  }

  private static String refused(Path file) {
    return assertThrows(CristaeException.class, () -> ImageFile.open(file.toFile())).getMessage();
  }

  @ParameterizedTest
  @ValueSource(strings = {"8-bit ramp", "16-bit ramp", "32-bit ramp", "RGB ramp"})
  void aStackThatWasCutOffIsRefusedAndAWholeOneIsNot(String type) throws Exception {
    ImagePlus stack = IJ.createImage("stack", type, 20, 15, 6);
    Path saved = folder.resolve("stack.tif");
    assertTrue(new FileSaver(stack).saveAsTiffStack(saved.toString()));
    assertEquals(6, ImageFile.open(saved.toFile()).getStackSize());
    byte[] bytes = Files.readAllBytes(saved);
    for (int kept : new int[] {bytes.length - 1, bytes.length / 2, 300, 9}) {
      String told = refused(file("cut.tif", bytes, kept));
      assertTrue(told.endsWith("Copy or save it again."), told);
    }
  }

  @Test
  void aFileOfTheWorkingFolderIsOpenedByItsNameAlone() throws Exception {
    byte[] bytes = pages(ByteOrder.BIG_ENDIAN);
    Path alone = Files.write(Paths.get("image-file-test.tif"), bytes);
    try {
      assertEquals(2, ImageFile.open(alone.toFile()).getStackSize());
    } finally {
      Files.delete(alone);
    }
  }

  /** Two images of 2 x 1 pixels, each with a directory of its own behind its pixels. */
  private static byte[] pages(ByteOrder order) {
    ByteBuffer file = ByteBuffer.allocate(2 * 112 + 8).order(order);
    file.put((order == ByteOrder.LITTLE_ENDIAN ? "II" : "MM").getBytes()).putShort((short) 42);
    file.putInt(12);
    for (int page = 0; page < 2; page++) {
      int pixels = file.position();
      file.put((byte) 7).put((byte) (8 + page)).putShort((short) 0);
      int[][] entries = {
        {256, 2}, {257, 1}, {258, 8}, {259, 1}, {262, 1}, {273, pixels}, {278, 1}, {279, 2}
      };
      file.putShort((short) entries.length);
      for (int[] entry : entries) {
        file.putShort((short) entry[0]).putShort((short) 4).putInt(1).putInt(entry[1]);
      }
      int next = file.position() + Integer.BYTES;
      file.putInt(page == 0 ? next + Integer.BYTES : 0);
    }
    return Arrays.copyOf(file.array(), file.position());
  }

  @Test
  void directoriesThatAreMissingAreSeen() throws Exception {
    for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
      byte[] bytes = pages(order);
      ImagePlus whole = ImageFile.open(file("pages.tif", bytes, bytes.length).toFile());
      assertEquals(2, whole.getStackSize());
      assertArrayEquals(new byte[] {7, 9}, (byte[]) whole.getStack().getPixels(2));
      for (int kept : new int[] {bytes.length - 1, bytes.length / 2 + 8, bytes.length / 2}) {
        String told = refused(file("cut.tif", bytes, kept));
        assertTrue(told.contains("it was cut off"), told);
      }
    }
  }

  @Test
  void whatIsNoImageIsRefusedWithoutADialog() throws Exception {
    byte[] text = "hello, this is no image".getBytes();
    assertTrue(refused(file("text.tif", text, text.length)).contains("it is not a TIFF file"));
    assertTrue(refused(file("zero.tif", text, 0)).contains("it is not a TIFF file"));
    assertTrue(refused(file("notes.xyz", text, text.length)).contains("files of this kind"));
  }
}

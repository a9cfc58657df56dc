package org.cristae.fiji.image;

import ij.ImagePlus;
import ij.io.FileInfo;
import ij.io.Opener;
import ij.io.TiffDecoder;
import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.cristae.fiji.client.CristaeException;
import org.cristae.v1.ErrorCode;

/**
 * Opens an image file whole or not at all. ImageJ itself opens what is left of a TIFF file that was
 * cut off, and tells of one that it cannot read in a dialog, which stops a macro without a screen.
 */
public final class ImageFile {
  private static final int LITTLE = 0x4949;
  private static final int BIG = 0x4d4d;
  private static final int CLASSIC = 42;
  private static final int ENTRY_BYTES = 12;
  private static final long UNSIGNED = 0xffff_ffffL;

  private ImageFile() {}

  /**
   * Opens a file; its image is not shown.
   *
   * @throws CristaeException if it is no image that ImageJ reads, or was cut off
   */
  public static ImagePlus open(File chosen) throws CristaeException {
    File file = chosen.getAbsoluteFile(); // a name alone has no folder
    try {
      if (isTiff(file)) {
        checkWhole(file);
      } else if (file.getName().matches("(?i).*\\.tiff?") && !isBigTiff(file)) {
        throw unreadable(file, "it is not a TIFF file");
      }
      Opener opener = new Opener();
      opener.setSilentMode(true);
      ImagePlus image = opener.openImage(file.getPath());
      if (image == null) {
        throw unreadable(file, "ImageJ does not read files of this kind");
      }
      return image;
    } catch (IOException | RuntimeException e) {
      throw unreadable(file, "it is damaged, or cannot be read");
    }
  }

  private static boolean isTiff(File file) throws IOException {
    return version(file) == CLASSIC;
  }

  private static boolean isBigTiff(File file) throws IOException {
    return version(file) == CLASSIC + 1;
  }

  /** The number behind the mark of the byte order; -1 if this is no TIFF file. */
  private static int version(File file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
      ByteBuffer head = head(in);
      return head == null ? -1 : head.getShort(2);
    }
  }

  /** The first bytes in the byte order that they tell; null if they tell none. */
  private static ByteBuffer head(RandomAccessFile in) throws IOException {
    if (in.length() < Long.BYTES) {
      return null;
    }
    ByteBuffer head = read(in, 0, Long.BYTES, ByteOrder.BIG_ENDIAN);
    int order = head.getShort(0);
    return order == LITTLE ? head.order(ByteOrder.LITTLE_ENDIAN) : order == BIG ? head : null;
  }

  private static ByteBuffer read(RandomAccessFile in, long at, int count, ByteOrder order)
      throws IOException {
    byte[] bytes = new byte[count];
    in.seek(at);
    in.readFully(bytes);
    return ByteBuffer.wrap(bytes).order(order);
  }

  private static void checkWhole(File file) throws IOException, CristaeException {
    try {
      checkChain(file);
    } catch (EOFException e) {
      throw cut(file);
    }
    FileInfo[] parts =
        new TiffDecoder(file.getParent() + File.separator, file.getName()).getTiffInfo();
    if (parts == null) {
      throw unreadable(file, "it holds no image");
    }
    for (FileInfo part : parts) {
      if (end(part) > file.length()) {
        throw cut(file);
      }
    }
  }

  /** Goes from each image directory to the next one, which ImageJ leaves out if it is not there. */
  private static void checkChain(File file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
      ByteBuffer head = head(in);
      long at = head.getInt(Integer.BYTES) & UNSIGNED;
      long most = in.length() / ENTRY_BYTES; // a chain may be closed to a ring
      for (long seen = 0; at != 0 && seen < most; seen++) {
        int entries = read(in, at, Short.BYTES, head.order()).getShort() & 0xffff;
        long next = at + Short.BYTES + (long) entries * ENTRY_BYTES;
        at = read(in, next, Integer.BYTES, head.order()).getInt() & UNSIGNED;
      }
    }
  }

  /** Behind the last byte of the voxels, as far as that is told; else 0. */
  private static long end(FileInfo part) {
    boolean isPlain =
        part.compression <= FileInfo.COMPRESSION_NONE
            && part.fileType != FileInfo.BITMAP
            && part.fileType != FileInfo.GRAY12_UNSIGNED;
    if (part.nImages > 1 && isPlain) {
      long one = (long) part.width * part.height * part.getBytesPerPixel();
      return part.getOffset() + one * part.nImages + part.getGap() * (part.nImages - 1L);
    }
    long end = 0;
    boolean isTold = part.stripOffsets != null && part.stripLengths != null;
    for (int i = 0; isTold && i < part.stripOffsets.length; i++) {
      end = Math.max(end, (part.stripOffsets[i] & UNSIGNED) + (part.stripLengths[i] & UNSIGNED));
    }
    return end;
  }

  private static CristaeException cut(File file) {
    return unreadable(file, "it was cut off, and the rest of its voxels is missing");
  }

  private static CristaeException unreadable(File file, String why) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "The file " + file + " cannot be opened: " + why + ". Copy or save it again.");
  }
}

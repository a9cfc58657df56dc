package org.cristae.fiji.client;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Why a file or folder cannot be written, in words. */
public final class WriteFailures {
  private WriteFailures() {}

  /** The reason; the messages of some failures are nothing but a path, which is told already. */
  public static String reason(IOException cause) {
    if (cause instanceof NoSuchFileException) {
      return "its folder is not there";
    }
    if (cause instanceof AccessDeniedException) {
      return "you have no right to write there";
    }
    if (cause instanceof FileAlreadyExistsException) {
      return "a file is in its place";
    }
    String reason =
        cause instanceof FileSystemException ? ((FileSystemException) cause).getReason() : null;
    return reason == null ? cause.getMessage() : reason;
  }
}

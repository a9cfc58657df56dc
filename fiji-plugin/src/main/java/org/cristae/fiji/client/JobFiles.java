package org.cristae.fiji.client;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Iterator;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.FilePart;
import org.cristae.v1.Job;
import org.cristae.v1.ReadFileRequest;
import org.cristae.v1.ResultFile;

/**
 * Reads the files that a job made: scores, reports, tables. After a break it goes on with the first
 * byte that is still wanted; what arrived is checked by its size and its CRC-32C.
 */
public final class JobFiles {
  private static final long MEGABYTE = 1_000_000;

  private final Client client;
  private final Progress progress;
  private final Cancellation cancellation;

  /**
   * Reads from the server that {@code client} is connected to.
   *
   * @param progress told how far each file is
   * @param cancellation ends the reading
   */
  public JobFiles(Client client, Progress progress, Cancellation cancellation) {
    this.client = client;
    this.progress = progress;
    this.cancellation = cancellation;
  }

  /** The file of this name among those that a job made, if there is one. */
  public static Optional<ResultFile> find(Job job, String name) {
    return job.getResult().getFilesList().stream()
        .filter(file -> file.getName().equals(name))
        .findFirst();
  }

  /**
   * The bytes of a file.
   *
   * @param job a job in the state DONE
   * @param name one of its files, such as "scores.json"
   * @param mostBytes the size of a file that still fits into the memory
   * @throws CristaeException if there is no such file, it cannot be read or was cancelled; with
   *     ERROR_CODE_OUT_OF_MEMORY if it is larger than {@code mostBytes}: nothing is read then
   */
  public byte[] read(Job job, String name, long mostBytes) throws CristaeException {
    long size = find(job, name).map(ResultFile::getSizeBytes).orElse(0L);
    if (size > mostBytes) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_OUT_OF_MEMORY,
          String.format(
              Locale.ROOT,
              "The table %s of \"%s\" has %,d MB, more than the %,d MB that fit into ImageJ's"
                  + " memory.",
              name,
              job.getTitle(),
              (size + MEGABYTE - 1) / MEGABYTE,
              mostBytes / MEGABYTE));
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    fetch(job, name, bytes, name);
    return bytes.toByteArray();
  }

  /**
   * Saves a file; what was there before is replaced once all has arrived, and only then.
   *
   * @param job a job in the state DONE
   * @param name one of its files, such as "report.html"
   * @param target where to, with a name
   * @throws CristaeException if there is no such file, or it cannot be read or written or was
   *     cancelled
   */
  public void save(Job job, String name, Path target) throws CristaeException {
    Path folder = target.toAbsolutePath().getParent();
    try {
      // A file for temporary things would be one that only its owner can read.
      Path part = folder.resolve("cristae-" + UUID.randomUUID() + ".part");
      try {
        try (OutputStream out = Files.newOutputStream(part, StandardOpenOption.CREATE_NEW)) {
          fetch(job, name, out, target.toString());
        }
        Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      throw unwritable(target.toString(), e);
    }
  }

  /** Reads a file into {@code out}, which people know as {@code target}. */
  private void fetch(Job job, String name, OutputStream out, String target)
      throws CristaeException {
    ResultFile file =
        find(job, name)
            .orElseThrow(
                () ->
                    new CristaeException(
                        ErrorCode.ERROR_CODE_NOT_FOUND,
                        "The job \"" + job.getTitle() + "\" made no file " + name + "."));
    long size = file.getSizeBytes();
    Hasher sum = Hashing.crc32c().newHasher();
    long got = 0;
    Patience.Wait wait = client.patience().start();
    Contact contact = new Contact(client, progress);
    while (got < size) {
      Context.CancellableContext context = Context.current().withCancellation();
      Context before = context.attach();
      Runnable abort = cancellation.onCancel(() -> context.cancel(null));
      try {
        ReadFileRequest request =
            ReadFileRequest.newBuilder()
                .setJobId(job.getJobId())
                .setName(name)
                .setOffset(got)
                .build();
        Iterator<FilePart> parts = client.jobStreams().readFile(request);
        while (parts.hasNext()) {
          cancellation.check();
          byte[] bytes = parts.next().getData().toByteArray();
          got += bytes.length;
          if (got > size) {
            throw damaged(name);
          }
          sum.putBytes(bytes);
          out.write(bytes);
          wait.reset();
          contact.found();
          contact.update("Receiving " + name, (double) got / size, "");
        }
        if (got < size && !wait.pause()) {
          throw damaged(name);
        }
      } catch (StatusRuntimeException e) {
        cancellation.check();
        CristaeException failure = CristaeException.of(e, client.address().toString());
        if (!failure.isPassing() || !client.tryAgain(wait, contact)) {
          throw failure;
        }
      } catch (IOException e) {
        throw unwritable(target, e);
      } finally {
        cancellation.forget(abort);
        context.detach(before);
        context.cancel(null);
      }
    }
    if (sum.hash().asInt() != file.getCrc32C()) {
      throw damaged(name);
    }
  }

  private static CristaeException damaged(String name) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_CORRUPT_DATA,
        "The file "
            + name
            + " was damaged on its way from the server. Open it again in Plugins > Cristae >"
            + " Cristae Jobs.");
  }

  private static CristaeException unwritable(String target, IOException cause) {
    return new CristaeException(
        ErrorCode.ERROR_CODE_INVALID_INPUT,
        "\""
            + target
            + "\" cannot be written ("
            + WriteFailures.reason(cause)
            + "). Choose another folder.",
        cause);
  }
}

package org.cristae.fiji.client;

import com.google.common.hash.Hashing;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import org.cristae.v1.Block;
import org.cristae.v1.OpenUploadRequest;
import org.cristae.v1.SealUploadRequest;
import org.cristae.v1.UploadStatus;
import org.cristae.v1.Volume;
import org.cristae.v1.WriteBlocksRequest;

/**
 * Sends one volume: digest, open, write, seal. After a break it asks how far the server got and
 * goes on from there; a volume that the server has is not sent again.
 */
public final class Upload {
  /** Blocks under way at a time: a connection that breaks loses no more than these. */
  private static final int MOST_UNANSWERED = 2;

  private final Client client;
  private final BlockSource source;
  private final BlockGrid grid;
  private final Contact progress;
  private final Cancellation cancellation;

  private Upload(Client client, BlockSource source, Progress progress, Cancellation cancellation) {
    this.client = client;
    this.source = source;
    this.grid = BlockGrid.of(source.spec());
    this.progress = new Contact(client, progress);
    this.cancellation = cancellation;
  }

  /**
   * Sends a volume and returns it sealed. Blocks until then; at most two blocks are under way.
   *
   * @throws CristaeException if it cannot be read or sent, or was cancelled; a later upload of the
   *     same volume goes on where this one ended
   */
  public static Volume run(
      Client client, BlockSource source, Progress progress, Cancellation cancellation)
      throws CristaeException {
    Upload upload = new Upload(client, source, progress, cancellation);
    try {
      return upload.run();
    } catch (CristaeException e) {
      if (e.isPassing()) {
        throw new CristaeException(
            e.code(),
            e.getMessage()
                + " What was sent is kept there for a week: the same once more goes on from it.",
            e);
      }
      if (e.status() != Status.Code.DATA_LOSS) {
        throw e;
      }
      return upload.run(); // the image changed while it was sent: once more, as it is now
    }
  }

  private Volume run() throws CristaeException {
    String digest = VolumeDigest.of(source, progress, cancellation);
    OpenUploadRequest open =
        OpenUploadRequest.newBuilder().setSpec(source.spec()).setDigest(digest).build();
    Patience.Wait wait = client.patience().start();
    long furthest = -1;
    while (true) {
      cancellation.check();
      UploadStatus status =
          client.call(() -> client.volumes().openUpload(open), progress, cancellation);
      if (status.hasSealed()) {
        return status.getSealed();
      }
      if (status.getCommittedBytes() > furthest) {
        furthest = status.getCommittedBytes();
        wait.reset();
      }
      try {
        new Stream(status).send();
        SealUploadRequest seal =
            SealUploadRequest.newBuilder().setUploadId(status.getUploadId()).build();
        return client.callLong(() -> client.volumes().sealUpload(seal), progress, cancellation);
      } catch (CristaeException e) {
        if (!mayGoOn(e) || !client.tryAgain(wait, progress)) {
          throw e;
        }
      }
    }
  }

  /** True for failures after which the status is asked for and sending goes on. */
  private static boolean mayGoOn(CristaeException failure) {
    switch (failure.status()) {
      case UNAVAILABLE:
      case DEADLINE_EXCEEDED:
      case ABORTED: // the server still holds the stream that broke
      case NOT_FOUND: // thrown away meanwhile: opened again
      case INVALID_ARGUMENT: // damaged on the way
        return true;
      default:
        return false;
    }
  }

  /** One stream of blocks from the committed position to the end. */
  private final class Stream implements ClientResponseObserver<WriteBlocksRequest, UploadStatus> {
    private final String uploadId;
    private long committed;
    private ClientCallStreamObserver<WriteBlocksRequest> requests;
    private Throwable failure;
    private boolean ended;

    Stream(UploadStatus status) {
      this.uploadId = status.getUploadId();
      this.committed = status.getCommittedBytes();
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<WriteBlocksRequest> stream) {
      requests = stream;
      stream.setOnReadyHandler(this::wake);
    }

    @Override
    public synchronized void onNext(UploadStatus status) {
      committed = Math.max(committed, status.getCommittedBytes());
      notifyAll();
    }

    @Override
    public synchronized void onError(Throwable error) {
      failure = error;
      ended = true;
      notifyAll();
    }

    @Override
    public synchronized void onCompleted() {
      ended = true;
      notifyAll();
    }

    private synchronized void wake() {
      notifyAll();
    }

    void send() throws CristaeException {
      Runnable abort = cancellation.onCancel(this::wake);
      client.uploads().writeBlocks(this);
      try {
        long count = grid.blockCount();
        long first = grid.indexAt(committed);
        for (long index = first; index < count; index++) {
          BlockGrid.Block block = grid.block(index);
          if (!waitForRoom(grid.block(Math.max(first, index + 1 - MOST_UNANSWERED)).offset())) {
            break;
          }
          requests.onNext(request(block, source.read(block)));
          progress.update("Sending " + source.spec().getName(), (index + 1.0) / count, "");
        }
        if (!isEnded()) {
          requests.onCompleted();
        }
        waitForEnd();
      } catch (CristaeException | RuntimeException | OutOfMemoryError e) {
        requests.cancel("the sender stopped", e);
        throw e;
      } finally {
        cancellation.forget(abort);
      }
    }

    private WriteBlocksRequest request(BlockGrid.Block block, byte[] voxels) {
      return WriteBlocksRequest.newBuilder()
          .setUploadId(uploadId)
          .setBlock(
              Block.newBuilder()
                  .setIndex(block.index)
                  .setOffset(block.offset())
                  .setCrc32C(Hashing.crc32c().hashBytes(voxels).asInt())
                  .setVoxels(UnsafeByteOperations.unsafeWrap(voxels)))
          .build();
    }

    /** Waits until so much is committed; false if the stream ended before. */
    private synchronized boolean waitForRoom(long wanted) throws CristaeException {
      while (!ended && (!requests.isReady() || committed < wanted)) {
        cancellation.check();
        pause();
      }
      cancellation.check();
      return !ended;
    }

    private synchronized void waitForEnd() throws CristaeException {
      while (!ended) {
        cancellation.check();
        pause();
      }
      if (failure instanceof StatusRuntimeException) {
        throw CristaeException.of((StatusRuntimeException) failure, client.address().toString());
      }
      if (failure != null || committed < grid.totalBytes()) {
        throw CristaeException.of(
            Status.UNAVAILABLE.asRuntimeException(), client.address().toString());
      }
    }

    private synchronized boolean isEnded() {
      return ended;
    }

    private void pause() throws CristaeException {
      try {
        wait(1000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Cancellation.cancelled();
      }
    }
  }
}

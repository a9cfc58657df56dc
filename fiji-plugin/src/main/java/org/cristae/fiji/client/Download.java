package org.cristae.fiji.client;

import com.google.common.hash.Hashing;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.Optional;
import org.cristae.v1.Block;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.GetVolumeRequest;
import org.cristae.v1.ReadBlocksRequest;
import org.cristae.v1.Volume;

/** Fetches volumes; after a break it goes on with the first block that is still wanted. */
public final class Download {
  private static final Patience SOON = new Patience(2);

  private Download() {}

  /** Tells what a volume is, without its voxels. */
  public static Volume describe(Client client, String volumeId) throws CristaeException {
    GetVolumeRequest request = GetVolumeRequest.newBuilder().setVolumeId(volumeId).build();
    return client.call(() -> client.volumes().getVolume(request));
  }

  /** What a volume is, without its voxels, if the server has it. */
  public static Optional<Volume> find(Client client, String volumeId) throws CristaeException {
    try {
      return Optional.of(describe(client, volumeId));
    } catch (CristaeException e) {
      if (e.code() == ErrorCode.ERROR_CODE_NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Fetches all blocks of {@code volume} into {@code sink}, one at a time. Blocks until the end.
   *
   * @throws CristaeException if it cannot be fetched or kept, or was cancelled
   */
  public static void run(
      Client client, Volume volume, BlockSink sink, Progress progress, Cancellation cancellation)
      throws CristaeException {
    run(client, volume, 0, sink, progress, cancellation);
  }

  /**
   * The same for somebody who wants to see a part first.
   *
   * @param first the number of the block that comes first; behind the last one come those before it
   * @throws CristaeException if it cannot be fetched or kept, or was cancelled
   */
  public static void run(
      Client client,
      Volume volume,
      long first,
      BlockSink sink,
      Progress progress,
      Cancellation cancellation)
      throws CristaeException {
    long count = BlockGrid.of(volume.getSpec()).blockCount();
    blocks(client, volume, first, count, client.patience(), sink, progress, cancellation);
  }

  /**
   * Fetches the blocks of a slab, for somebody who waits to see it: a server that does not answer
   * is soon given up.
   *
   * @throws CristaeException if it cannot be fetched, or was cancelled
   */
  public static void slab(
      Client client, Volume volume, BlockGrid.Slab slab, BlockSink sink, Cancellation cancellation)
      throws CristaeException {
    blocks(client, volume, slab.firstBlock, slab.blocks, SOON, sink, Progress.NONE, cancellation);
  }

  private static void blocks(
      Client client,
      Volume volume,
      long first,
      long count,
      Patience patience,
      BlockSink sink,
      Progress progress,
      Cancellation cancellation)
      throws CristaeException {
    BlockGrid grid = BlockGrid.of(volume.getSpec());
    long all = grid.blockCount();
    long done = 0;
    Patience.Wait wait = patience.start();
    Contact contact = new Contact(client, progress);
    while (done < count) {
      long next = (first + done) % all;
      Context.CancellableContext context = Context.current().withCancellation();
      Context before = context.attach();
      Runnable abort = cancellation.onCancel(() -> context.cancel(null));
      try {
        Iterator<Block> blocks =
            client
                .volumeStreams()
                .readBlocks(
                    ReadBlocksRequest.newBuilder()
                        .setVolumeId(volume.getVolumeId())
                        .setFirstBlock(next)
                        .build());
        while (done < count && next < all && blocks.hasNext()) {
          cancellation.check();
          Block message = blocks.next();
          byte[] voxels = message.getVoxels().toByteArray();
          check(grid, next, message, voxels);
          sink.write(grid.block(next), voxels);
          next++;
          done++;
          wait.reset();
          contact.found();
          contact.update("Receiving " + volume.getSpec().getName(), (double) done / count, "");
        }
        if (done < count && next < all && !wait.pause()) {
          throw damaged();
        }
      } catch (StatusRuntimeException e) {
        cancellation.check();
        CristaeException failure = CristaeException.of(e, client.address().toString());
        if (!failure.isPassing() || !client.tryAgain(wait, contact)) {
          throw failure;
        }
      } finally {
        cancellation.forget(abort);
        context.detach(before);
        context.cancel(null);
      }
    }
  }

  private static void check(BlockGrid grid, long expected, Block message, byte[] voxels)
      throws CristaeException {
    if (message.getIndex() != expected
        || voxels.length != grid.block(expected).bytes()
        || message.getCrc32C() != Hashing.crc32c().hashBytes(voxels).asInt()) {
      throw damaged();
    }
  }

  private static CristaeException damaged() {
    return new CristaeException(
        ErrorCode.ERROR_CODE_CORRUPT_DATA,
        "The result was damaged on its way from the server. Open it again in Plugins > Cristae >"
            + " Cristae Jobs.");
  }
}

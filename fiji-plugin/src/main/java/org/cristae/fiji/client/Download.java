package org.cristae.fiji.client;

import com.google.common.hash.Hashing;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import org.cristae.v1.Block;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.GetVolumeRequest;
import org.cristae.v1.ReadBlocksRequest;
import org.cristae.v1.Volume;

/** Fetches volumes; after a break it goes on with the first block that is still wanted. */
public final class Download {
  private Download() {}

  /** Tells what a volume is, without its voxels. */
  public static Volume describe(Client client, String volumeId) throws CristaeException {
    GetVolumeRequest request = GetVolumeRequest.newBuilder().setVolumeId(volumeId).build();
    return client.call(() -> client.volumes().getVolume(request));
  }

  /**
   * Fetches all blocks of {@code volume} into {@code sink}, one at a time. Blocks until the end.
   *
   * @throws CristaeException if it cannot be fetched or kept, or was cancelled
   */
  public static void run(
      Client client, Volume volume, BlockSink sink, Progress progress, Cancellation cancellation)
      throws CristaeException {
    BlockGrid grid = BlockGrid.of(volume.getSpec());
    long count = grid.blockCount();
    long next = 0;
    Patience.Wait wait = client.patience().start();
    Contact contact = new Contact(client, progress);
    while (next < count) {
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
        while (blocks.hasNext()) {
          cancellation.check();
          Block message = blocks.next();
          byte[] voxels = message.getVoxels().toByteArray();
          check(grid, next, message, voxels);
          sink.write(grid.block(next), voxels);
          next++;
          wait.reset();
          contact.found();
          contact.update("Receiving " + volume.getSpec().getName(), (double) next / count, "");
        }
        if (next < count && !wait.pause()) {
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

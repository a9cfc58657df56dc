package org.cristae.fiji.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.GetServerRequest;
import org.cristae.v1.GetServerResponse;
import org.cristae.v1.JobsGrpc;
import org.cristae.v1.ModelsGrpc;
import org.cristae.v1.PreviewsGrpc;
import org.cristae.v1.ServerGrpc;
import org.cristae.v1.VolumesGrpc;

/**
 * A connection to one Cristae server. Safe for use from many threads; lives until it is closed.
 *
 * <p>Every unary call has a deadline of 30 s, is repeated with a growing pause while the server is
 * not there (every call of the contract is safe to repeat), and ends in a {@link CristaeException}
 * with a sentence for the person.
 */
public final class Client implements AutoCloseable {
  /** The version of the contract in {@code proto/cristae/v1} that this client speaks. */
  public static final int API_VERSION = 1;

  static final int DEADLINE_S = 30;

  /** The server itself ends a preview that takes too long; the first one waits for a process. */
  private static final int PREVIEW_DEADLINE_S = 150;

  private static final int MAX_MESSAGE_BYTES = 20 << 20;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Whereabouts whereabouts;
  private final Supplier<String> token;
  private final Patience patience;
  private volatile ServerAddress address;
  private volatile ManagedChannel channel;
  private volatile int starts;
  private volatile boolean isStopped;

  /**
   * Prepares a connection; nothing is sent yet.
   *
   * @param address where the server listens
   * @param token gives the bearer token; asked at each call, so that a new token is used at once
   * @param patience how long calls are repeated while the server does not answer
   */
  public Client(ServerAddress address, Supplier<String> token, Patience patience) {
    this(address, Whereabouts.FIXED, token, patience);
  }

  /**
   * Prepares a connection to a server that may be started again elsewhere.
   *
   * @param whereabouts asked when the server does not answer
   */
  public Client(
      ServerAddress address, Whereabouts whereabouts, Supplier<String> token, Patience patience) {
    this.address = address;
    this.whereabouts = whereabouts;
    this.token = token;
    this.patience = patience;
    this.channel = connect(address);
  }

  private ManagedChannel connect(ServerAddress address) {
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress(address.host(), address.port())
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .keepAliveTime(30, TimeUnit.SECONDS)
            .keepAliveTimeout(20, TimeUnit.SECONDS)
            .intercept(new BearerToken(token));
    return (address.isEncrypted() ? builder : builder.usePlaintext()).build();
  }

  /** Where the server listens. */
  public ServerAddress address() {
    return address;
  }

  /**
   * Asks who answers, and checks that both sides speak a common version of the contract.
   *
   * @throws CristaeException if nobody answers, the token is wrong, or one side is too old
   */
  public GetServerResponse server() throws CristaeException {
    return server(Progress.NONE);
  }

  /** The same, and tells {@code listener} while the server does not answer. */
  public GetServerResponse server(Progress listener) throws CristaeException {
    return server(new Contact(this, listener), new Cancellation());
  }

  private GetServerResponse server(Contact contact, Cancellation cancellation)
      throws CristaeException {
    GetServerRequest request =
        GetServerRequest.newBuilder().setClient("cristae-fiji " + Version.text()).build();
    GetServerResponse server = call(() -> serverStub().getServer(request), contact, cancellation);
    if (API_VERSION > server.getApiVersion()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "This plugin ("
              + Version.text()
              + ") is newer than the Cristae server at "
              + address
              + " ("
              + server.getVersion()
              + "). Update the server.");
    }
    if (API_VERSION < server.getOldestApiVersion()) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "This plugin ("
              + Version.text()
              + ") is too old for the Cristae server at "
              + address
              + " ("
              + server.getVersion()
              + "). Update the plugin.");
    }
    return server;
  }

  /** A unary call, to be made and repeated by {@link #call}. */
  interface Call<T> {
    T run();
  }

  /** Makes a unary call with the contract's rules for repeating and for errors. */
  <T> T call(Call<T> call) throws CristaeException {
    return call(call, new Contact(this, Progress.NONE));
  }

  /** The same, and tells {@code contact} when the server does not answer. */
  <T> T call(Call<T> call, Contact contact) throws CristaeException {
    return call(call, contact, new Cancellation());
  }

  /** The same, until it is cancelled. */
  <T> T call(Call<T> call, Contact contact, Cancellation cancellation) throws CristaeException {
    return call(call, contact, cancellation, false);
  }

  private <T> T call(Call<T> call, Contact contact, Cancellation cancellation, boolean isLong)
      throws CristaeException {
    Patience.Wait wait = patience.start();
    boolean tokenRead = false;
    while (true) {
      try {
        T answer = whileWanted(call, cancellation);
        contact.found();
        return answer;
      } catch (StatusRuntimeException e) {
        cancellation.check();
        CristaeException failure = CristaeException.of(e, address.toString());
        if (failure.isUnauthenticated() && !tokenRead) {
          tokenRead = true; // the interceptor reads the token again
        } else if (isLong && failure.status() == Status.Code.DEADLINE_EXCEEDED) {
          throw failure; // it works, if it answers something else
        } else if (!failure.isPassing() || !tryAgain(wait, contact)) {
          throw failure;
        }
      }
    }
  }

  /** Makes a call once; it ends as soon as it is cancelled, though not what the server does. */
  private static <T> T whileWanted(Call<T> call, Cancellation cancellation) {
    Context.CancellableContext context = Context.current().withCancellation();
    Context before = context.attach();
    Runnable abort = cancellation.onCancel(() -> context.cancel(null));
    try {
      return call.run();
    } finally {
      cancellation.forget(abort);
      context.detach(before);
      context.cancel(null);
    }
  }

  /**
   * Makes a call behind which the server may work for minutes, such as the sealing of a large
   * volume: as long as the server answers at all it is asked again, and joins the work that goes
   * on.
   */
  <T> T callLong(Call<T> call, Cancellation cancellation) throws CristaeException {
    return callLong(call, new Contact(this, Progress.NONE), cancellation);
  }

  /** The same, and tells {@code contact} when the server does not answer. */
  <T> T callLong(Call<T> call, Contact contact, Cancellation cancellation) throws CristaeException {
    while (true) {
      cancellation.check();
      try {
        return call(call, contact, cancellation, true);
      } catch (CristaeException e) {
        if (e.status() != Status.Code.DEADLINE_EXCEEDED) {
          throw e;
        }
        server(contact, cancellation);
      }
    }
  }

  /** How long a broken stream or call is tried again. */
  Patience patience() {
    return patience;
  }

  /**
   * Waits before a server that did not answer is tried again, where it listens by then; false, at
   * once, if the patience is at its end. For a server that was started again it begins anew.
   *
   * @throws CristaeException if the server has gone for good
   */
  boolean tryAgain(Patience.Wait wait, Contact contact) throws CristaeException {
    contact.lost();
    boolean again = wait.pause();
    if (moveTo(whereabouts.now())) {
      wait.reset();
      return true;
    }
    return again;
  }

  /** Connects to where the server listens now; false if that is where it did before, or unknown. */
  private synchronized boolean moveTo(ServerAddress now) {
    if (now == null || now.toString().equals(address.toString())) {
      return false;
    }
    ManagedChannel before = channel;
    channel = connect(now);
    address = now;
    starts++;
    before.shutdown();
    return true;
  }

  /** How often the server was seen to listen elsewhere: each time it was started again. */
  int starts() {
    return starts;
  }

  /** A person stops the server: while it does not answer, that is said, and no fault. */
  public void setStopped(boolean isStoppedNow) {
    isStopped = isStoppedNow;
  }

  /** True if a person stopped the server, and it was not seen to answer since. */
  public boolean isStopped() {
    return isStopped;
  }

  /** True if it is told where its server listens by now, as of that on this machine. */
  public boolean isOfThisMachine() {
    return whereabouts != Whereabouts.FIXED;
  }

  private ServerGrpc.ServerBlockingStub serverStub() {
    return ServerGrpc.newBlockingStub(channel).withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
  }

  JobsGrpc.JobsBlockingStub jobs() {
    return JobsGrpc.newBlockingStub(channel).withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
  }

  /** For the watching of events: no deadline. */
  JobsGrpc.JobsBlockingStub jobStreams() {
    return JobsGrpc.newBlockingStub(channel);
  }

  ModelsGrpc.ModelsBlockingStub models() {
    return ModelsGrpc.newBlockingStub(channel).withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
  }

  PreviewsGrpc.PreviewsBlockingStub previews() {
    return PreviewsGrpc.newBlockingStub(channel)
        .withDeadlineAfter(PREVIEW_DEADLINE_S, TimeUnit.SECONDS);
  }

  VolumesGrpc.VolumesBlockingStub volumes() {
    return VolumesGrpc.newBlockingStub(channel).withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
  }

  /** For the fetching of blocks: no deadline. */
  VolumesGrpc.VolumesBlockingStub volumeStreams() {
    return VolumesGrpc.newBlockingStub(channel);
  }

  /** For the sending of blocks: no deadline. */
  VolumesGrpc.VolumesStub uploads() {
    return VolumesGrpc.newStub(channel);
  }

  /** Ends the connection; calls that are under way fail. */
  @Override
  public void close() {
    channel.shutdownNow();
    try {
      channel.awaitTermination(2, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Adds the token to every call. */
  private static final class BearerToken implements ClientInterceptor {
    private final Supplier<String> token;

    BearerToken(Supplier<String> token) {
      this.token = token;
    }

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      return new SimpleForwardingClientCall<Q, A>(next.newCall(method, options)) {
        @Override
        public void start(Listener<A> listener, Metadata headers) {
          headers.put(AUTHORIZATION, "Bearer " + token.get());
          super.start(listener, headers);
        }
      };
    }
  }
}

package org.cristae.fiji.client;

import com.google.protobuf.ByteString;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.cristae.v1.Block;
import org.cristae.v1.CancelJobRequest;
import org.cristae.v1.DeleteJobRequest;
import org.cristae.v1.DeleteJobResponse;
import org.cristae.v1.FilePart;
import org.cristae.v1.FinishTrainingRequest;
import org.cristae.v1.GetJobRequest;
import org.cristae.v1.GetPreviewRequest;
import org.cristae.v1.GetServerRequest;
import org.cristae.v1.GetServerResponse;
import org.cristae.v1.GetVolumeRequest;
import org.cristae.v1.Job;
import org.cristae.v1.JobEvent;
import org.cristae.v1.JobState;
import org.cristae.v1.JobsGrpc;
import org.cristae.v1.LabelClass;
import org.cristae.v1.ListJobsRequest;
import org.cristae.v1.ListJobsResponse;
import org.cristae.v1.ListModelsRequest;
import org.cristae.v1.ListModelsResponse;
import org.cristae.v1.Model;
import org.cristae.v1.ModelsGrpc;
import org.cristae.v1.OpenUploadRequest;
import org.cristae.v1.Preview;
import org.cristae.v1.ReadBlocksRequest;
import org.cristae.v1.ReadFileRequest;
import org.cristae.v1.SealUploadRequest;
import org.cristae.v1.ServerGrpc;
import org.cristae.v1.SubmitCleaningRequest;
import org.cristae.v1.SubmitEvaluationRequest;
import org.cristae.v1.SubmitMeasurementRequest;
import org.cristae.v1.SubmitPredictionRequest;
import org.cristae.v1.UploadStatus;
import org.cristae.v1.Volume;
import org.cristae.v1.VolumeSpec;
import org.cristae.v1.VolumesGrpc;
import org.cristae.v1.WatchJobRequest;
import org.cristae.v1.WriteBlocksRequest;

/** A small server over real gRPC whose connections break on demand. */
public final class FakeServer implements AutoCloseable {
  public static final String TOKEN = "right";

  private static final int FILE_PART = 10;

  /** After so many received (or sent) blocks or events each stream breaks; 0: never. */
  int breakAfter;

  /** Watchers are told nothing and the stream does not end. */
  public boolean isSilent;

  /** Answers the committed position after so many blocks. */
  int answerEvery = 1;

  /** So many calls are answered with UNAVAILABLE first. */
  int refusals;

  /** So many calls to seal take longer than a call may. */
  int slowCalls;

  /** What is to be measured is still checked: the answer does not come. */
  volatile boolean isChecking;

  /** So many times the volume that was sent is not the one promised. */
  int dataLosses;

  int apiVersion = 1;
  int oldestApiVersion = 1;

  final ByteArrayOutputStream stored = new ByteArrayOutputStream();
  public final List<Long> received = Collections.synchronizedList(new ArrayList<>());
  final List<String> jobIds = Collections.synchronizedList(new ArrayList<>());
  public final List<JobEvent> events = new ArrayList<>();

  /** What the list of jobs tells, newest first, in pages of three. */
  public final List<Job> jobs = new ArrayList<>();

  /** The models that it has. */
  public final List<Model> models = new ArrayList<>();

  /** The jobs that were to finish early or to be cancelled or deleted: "finish ID". */
  public final List<String> asked = Collections.synchronizedList(new ArrayList<>());

  /** An older server lists all jobs, also where only those that wait or run are asked for. */
  boolean listsAll;

  /** So many lists were asked for. */
  final AtomicInteger lists = new AtomicInteger();

  /** Each watcher breaks after the next of these times, without an event. */
  public final List<Integer> quietBreaksMs = Collections.synchronizedList(new ArrayList<>());

  /** The picture of every training. */
  public volatile byte[] preview = new byte[0];

  /** How often that was asked for. */
  public final AtomicInteger previewCalls = new AtomicInteger();

  /** What this server says that it can do. */
  public final List<String> features = new ArrayList<>();

  /** The file of every job, sent in small parts. */
  public volatile byte[] file = new byte[0];

  /** From where it was read. */
  final List<Long> offsets = Collections.synchronizedList(new ArrayList<>());

  /** Of the volume that was sent last. */
  public volatile VolumeSpec spec;

  boolean sealed;

  /** Damages what is sent, if it is not 0. */
  public volatile byte corruption;

  private long committed;
  private final io.grpc.Server server;

  /** Starts it on a free port. */
  public FakeServer() throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .addService(new ServerService())
            .addService(new VolumeService())
            .addService(new JobService())
            .addService(new ModelService())
            .intercept(new Guard())
            .build()
            .start();
  }

  Client client(String token, double patienceSeconds) throws CristaeException {
    return new Client(
        ServerAddress.parse("127.0.0.1:" + server.getPort()),
        () -> token,
        new Patience(patienceSeconds));
  }

  /** Where it listens. */
  public ServerAddress address() {
    try {
      return ServerAddress.parse("127.0.0.1:" + server.getPort());
    } catch (CristaeException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A client that has the token, and tries for 10 s. */
  public Client client() throws CristaeException {
    return client(10);
  }

  /** A client that has the token, and tries for so many seconds. */
  public Client client(double patienceSeconds) throws CristaeException {
    return client(TOKEN, patienceSeconds);
  }

  @Override
  public void close() {
    server.shutdownNow();
    try { // until then it may still answer
      if (!server.awaitTermination(30, TimeUnit.SECONDS)) {
        throw new IllegalStateException("The server does not end.");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Guard implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      String token =
          headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
      if (!("Bearer " + TOKEN).equals(token)) {
        call.close(Status.UNAUTHENTICATED.withDescription("wrong token"), new Metadata());
        return new ServerCall.Listener<Q>() {};
      }
      if (refusals > 0) {
        refusals--;
        call.close(Status.UNAVAILABLE, new Metadata());
        return new ServerCall.Listener<Q>() {};
      }
      String method = call.getMethodDescriptor().getBareMethodName();
      if (slowCalls > 0 && method.equals("SealUpload")) {
        slowCalls--;
        call.close(Status.DEADLINE_EXCEEDED, new Metadata());
        return new ServerCall.Listener<Q>() {};
      }
      return next.startCall(call, headers);
    }
  }

  private final class ServerService extends ServerGrpc.ServerImplBase {
    @Override
    public void getServer(GetServerRequest request, StreamObserver<GetServerResponse> answer) {
      answer.onNext(
          GetServerResponse.newBuilder()
              .setVersion("0.0.9")
              .setApiVersion(apiVersion)
              .setOldestApiVersion(oldestApiVersion)
              .addAllFeatures(features)
              .build());
      answer.onCompleted();
    }
  }

  private UploadStatus status() {
    UploadStatus.Builder status =
        UploadStatus.newBuilder()
            .setUploadId("upload")
            .setCommittedBytes(committed)
            .setTotalBytes(BlockGrid.of(spec).totalBytes());
    return sealed ? status.setSealed(volume()).build() : status.build();
  }

  public Volume volume() {
    return Volume.newBuilder().setVolumeId("digest").setSpec(spec).build();
  }

  private final class VolumeService extends VolumesGrpc.VolumesImplBase {
    @Override
    public void openUpload(OpenUploadRequest request, StreamObserver<UploadStatus> answer) {
      spec = request.getSpec();
      answer.onNext(status());
      answer.onCompleted();
    }

    @Override
    public StreamObserver<WriteBlocksRequest> writeBlocks(StreamObserver<UploadStatus> answer) {
      return new StreamObserver<WriteBlocksRequest>() {
        private int count;

        @Override
        public void onNext(WriteBlocksRequest request) {
          Block block = request.getBlock();
          if (breakAfter > 0 && count >= breakAfter) {
            return;
          }
          if (block.getOffset() != committed) {
            answer.onError(Status.INVALID_ARGUMENT.asRuntimeException());
            return;
          }
          received.add(block.getIndex());
          byte[] bytes = block.getVoxels().toByteArray();
          stored.write(bytes, 0, bytes.length);
          committed += bytes.length;
          count++;
          if (breakAfter > 0 && count == breakAfter) {
            answer.onError(Status.UNAVAILABLE.asRuntimeException());
          } else if (count % answerEvery == 0) {
            answer.onNext(status());
          }
        }

        @Override
        public void onError(Throwable error) {}

        @Override
        public void onCompleted() {
          if (breakAfter == 0 || count < breakAfter) {
            answer.onNext(status());
            answer.onCompleted();
          }
        }
      };
    }

    @Override
    public void sealUpload(SealUploadRequest request, StreamObserver<Volume> answer) {
      if (dataLosses > 0) {
        dataLosses--;
        committed = 0;
        stored.reset();
        answer.onError(Status.DATA_LOSS.withDescription("not as promised").asRuntimeException());
        return;
      }
      sealed = true;
      answer.onNext(volume());
      answer.onCompleted();
    }

    @Override
    public void getVolume(GetVolumeRequest request, StreamObserver<Volume> answer) {
      if (sealed && request.getVolumeId().equals(volume().getVolumeId())) {
        answer.onNext(volume());
        answer.onCompleted();
      } else {
        answer.onError(Status.NOT_FOUND.asRuntimeException());
      }
    }

    @Override
    public void readBlocks(ReadBlocksRequest request, StreamObserver<Block> answer) {
      BlockGrid grid = BlockGrid.of(spec);
      int sent = 0;
      for (long i = request.getFirstBlock(); i < grid.blockCount(); i++) {
        if (breakAfter > 0 && sent++ == breakAfter) {
          answer.onError(Status.UNAVAILABLE.asRuntimeException());
          return;
        }
        BlockGrid.Block block = grid.block(i);
        ByteString voxels =
            ByteString.copyFrom(stored.toByteArray(), (int) block.offset(), block.bytes());
        byte[] bytes = voxels.toByteArray();
        int crc = com.google.common.hash.Hashing.crc32c().hashBytes(bytes).asInt();
        bytes[0] ^= corruption;
        answer.onNext(
            Block.newBuilder()
                .setIndex(i)
                .setOffset(block.offset())
                .setCrc32C(crc)
                .setVoxels(ByteString.copyFrom(bytes))
                .build());
      }
      answer.onCompleted();
    }
  }

  private final class ModelService extends ModelsGrpc.ModelsImplBase {
    @Override
    public void listModels(ListModelsRequest request, StreamObserver<ListModelsResponse> answer) {
      answer.onNext(ListModelsResponse.newBuilder().addAllModels(models).build());
      answer.onCompleted();
    }
  }

  private final class JobService extends JobsGrpc.JobsImplBase {
    @Override
    public void submitEvaluation(SubmitEvaluationRequest request, StreamObserver<Job> answer) {
      answer.onNext(submitted(request.getJobId()).setEvaluation(request.getEvaluation()).build());
      answer.onCompleted();
    }

    @Override
    public void submitMeasurement(SubmitMeasurementRequest request, StreamObserver<Job> answer) {
      if (isChecking) {
        jobIds.add(request.getJobId());
        return;
      }
      answer.onNext(submitted(request.getJobId()).setMeasurement(request.getMeasurement()).build());
      answer.onCompleted();
    }

    @Override
    public void submitCleaning(SubmitCleaningRequest request, StreamObserver<Job> answer) {
      answer.onNext(submitted(request.getJobId()).setCleaning(request.getCleaning()).build());
      answer.onCompleted();
    }

    private Job.Builder submitted(String jobId) {
      jobIds.add(jobId);
      return Job.newBuilder().setJobId(jobId);
    }

    @Override
    public void readFile(ReadFileRequest request, StreamObserver<FilePart> answer) {
      offsets.add(request.getOffset());
      int sent = 0;
      for (int at = (int) request.getOffset(); at < file.length; at += FILE_PART) {
        if (breakAfter > 0 && sent++ == breakAfter) {
          answer.onError(Status.UNAVAILABLE.asRuntimeException());
          return;
        }
        byte[] part = Arrays.copyOfRange(file, at, Math.min(at + FILE_PART, file.length));
        part[0] ^= corruption;
        answer.onNext(FilePart.newBuilder().setData(ByteString.copyFrom(part)).build());
      }
      answer.onCompleted();
    }

    @Override
    public void submitPrediction(SubmitPredictionRequest request, StreamObserver<Job> answer) {
      jobIds.add(request.getJobId());
      if (jobIds.size() == 1) {
        answer.onError(Status.UNAVAILABLE.asRuntimeException()); // noted, but the answer got lost
        return;
      }
      answer.onNext(Job.newBuilder().setJobId(request.getJobId()).build());
      answer.onCompleted();
    }

    @Override
    public void finishTraining(FinishTrainingRequest request, StreamObserver<Job> answer) {
      asked.add("finish " + request.getJobId());
      answer.onNext(Job.newBuilder().setJobId(request.getJobId()).build());
      answer.onCompleted();
    }

    @Override
    public void cancelJob(CancelJobRequest request, StreamObserver<Job> answer) {
      if (isSilent) {
        answer.onError(Status.UNIMPLEMENTED.asRuntimeException());
        return;
      }
      asked.add("cancel " + request.getJobId());
      answer.onNext(Job.newBuilder().setJobId(request.getJobId()).build());
      answer.onCompleted();
    }

    @Override
    public void deleteJob(DeleteJobRequest request, StreamObserver<DeleteJobResponse> answer) {
      asked.add("delete " + request.getJobId());
      answer.onNext(DeleteJobResponse.getDefaultInstance());
      answer.onCompleted();
    }

    @Override
    public void getPreview(GetPreviewRequest request, StreamObserver<Preview> answer) {
      previewCalls.incrementAndGet();
      LabelClass label = LabelClass.newBuilder().setValue(1).setName("er").setRgb(0x123456).build();
      ByteString png = ByteString.copyFrom(preview);
      answer.onNext(Preview.newBuilder().setPng(png).addClasses(label).build());
      answer.onCompleted();
    }

    @Override
    public void getJob(GetJobRequest request, StreamObserver<Job> answer) {
      answer.onNext(Job.newBuilder().setState(JobState.JOB_STATE_DONE).build());
      answer.onCompleted();
    }

    @Override
    public void listJobs(ListJobsRequest request, StreamObserver<ListJobsResponse> answer) {
      lists.incrementAndGet();
      List<Job> asked = new ArrayList<>(jobs);
      asked.removeIf(job -> request.getOnlyOpen() && !listsAll && Jobs.isEnd(job.getState()));
      int from = request.getPage().isEmpty() ? 0 : Integer.parseInt(request.getPage());
      int to = Math.min(from + 3, asked.size());
      answer.onNext(
          ListJobsResponse.newBuilder()
              .addAllJobs(asked.subList(from, to))
              .setNextPage(to < asked.size() ? String.valueOf(to) : "")
              .build());
      answer.onCompleted();
    }

    @Override
    public void watchJob(WatchJobRequest request, StreamObserver<JobEvent> answer) {
      if (isSilent) {
        return;
      }
      if (!quietBreaksMs.isEmpty()) {
        try {
          Thread.sleep(quietBreaksMs.remove(0));
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        answer.onError(Status.UNAVAILABLE.asRuntimeException());
        return;
      }
      int sent = 0;
      for (JobEvent event : events) {
        if (event.getSequence() > request.getAfterSequence()) {
          if (breakAfter > 0 && sent++ == breakAfter) {
            answer.onError(Status.UNAVAILABLE.asRuntimeException());
            return;
          }
          answer.onNext(event);
        }
      }
      answer.onCompleted();
    }
  }
}

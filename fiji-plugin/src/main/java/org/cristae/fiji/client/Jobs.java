package org.cristae.fiji.client;

import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.cristae.v1.CancelJobRequest;
import org.cristae.v1.CleaningSpec;
import org.cristae.v1.DeleteJobRequest;
import org.cristae.v1.ErrorCode;
import org.cristae.v1.EvaluationSpec;
import org.cristae.v1.FinishTrainingRequest;
import org.cristae.v1.GetJobRequest;
import org.cristae.v1.GetModelRequest;
import org.cristae.v1.GetPreviewRequest;
import org.cristae.v1.Job;
import org.cristae.v1.JobEvent;
import org.cristae.v1.JobState;
import org.cristae.v1.Layer;
import org.cristae.v1.ListJobsRequest;
import org.cristae.v1.ListJobsResponse;
import org.cristae.v1.ListLayersRequest;
import org.cristae.v1.ListLayersResponse;
import org.cristae.v1.ListModelsRequest;
import org.cristae.v1.ListModelsResponse;
import org.cristae.v1.MeasurementSpec;
import org.cristae.v1.Model;
import org.cristae.v1.PredictionSpec;
import org.cristae.v1.Preview;
import org.cristae.v1.SubmitCleaningRequest;
import org.cristae.v1.SubmitEvaluationRequest;
import org.cristae.v1.SubmitMeasurementRequest;
import org.cristae.v1.SubmitPredictionRequest;
import org.cristae.v1.SubmitTrainingRequest;
import org.cristae.v1.TrainingSpec;
import org.cristae.v1.WatchJobRequest;

/** Submits, lists, watches and cancels jobs, and lists the models that they made. */
public final class Jobs {
  private final Client client;

  /** The jobs of the server that {@code client} is connected to. */
  public Jobs(Client client) {
    this.client = client;
  }

  /** Queues a training under a new random id; a repeated call over a bad line is the same job. */
  public Job submit(TrainingSpec training, Cancellation cancellation) throws CristaeException {
    SubmitTrainingRequest request =
        SubmitTrainingRequest.newBuilder().setJobId(newId()).setTraining(training).build();
    return submit(request.getJobId(), () -> client.jobs().submitTraining(request), cancellation);
  }

  /** Queues a prediction under a new random id; a repeated call over a bad line is the same job. */
  public Job submit(PredictionSpec prediction, Cancellation cancellation) throws CristaeException {
    SubmitPredictionRequest request =
        SubmitPredictionRequest.newBuilder().setJobId(newId()).setPrediction(prediction).build();
    return submit(request.getJobId(), () -> client.jobs().submitPrediction(request), cancellation);
  }

  /**
   * Queues an evaluation under a new random id; a repeated call over a bad line is the same job.
   */
  public Job submit(EvaluationSpec evaluation, Cancellation cancellation) throws CristaeException {
    SubmitEvaluationRequest request =
        SubmitEvaluationRequest.newBuilder().setJobId(newId()).setEvaluation(evaluation).build();
    return submit(request.getJobId(), () -> client.jobs().submitEvaluation(request), cancellation);
  }

  /** Queues a measuring under a new random id; a repeated call over a bad line is the same job. */
  public Job submit(MeasurementSpec measurement, Cancellation cancellation)
      throws CristaeException {
    SubmitMeasurementRequest request =
        SubmitMeasurementRequest.newBuilder().setJobId(newId()).setMeasurement(measurement).build();
    return submit(request.getJobId(), () -> client.jobs().submitMeasurement(request), cancellation);
  }

  /** Queues a cleaning under a new random id; a repeated call over a bad line is the same job. */
  public Job submit(CleaningSpec cleaning, Cancellation cancellation) throws CristaeException {
    SubmitCleaningRequest request =
        SubmitCleaningRequest.newBuilder().setJobId(newId()).setCleaning(cleaning).build();
    return submit(request.getJobId(), () -> client.jobs().submitCleaning(request), cancellation);
  }

  /** Queues a job; one that is cancelled meanwhile is on the server for a moment at most. */
  private Job submit(String jobId, Client.Call<Job> call, Cancellation cancellation)
      throws CristaeException {
    cancellation.check();
    try {
      return client.callLong(call, cancellation);
    } catch (CristaeException e) {
      if (cancellation.isCancelled()) {
        Thread thread = new Thread(() -> withdraw(jobId, call), "Cristae withdraws a job");
        thread.setDaemon(true);
        thread.start();
      }
      throw e;
    }
  }

  /** The server goes on checking what it was asked for: once it has the job, that is cancelled. */
  private void withdraw(String jobId, Client.Call<Job> call) {
    try {
      client.callLong(call, new Cancellation()); // joins what goes on
      cancel(jobId);
    } catch (CristaeException e) {
      // it was refused, or the server is gone: there is nothing to cancel
    }
  }

  private static String newId() {
    return UUID.randomUUID().toString();
  }

  /** A job as it stands. */
  public Job get(String jobId) throws CristaeException {
    GetJobRequest request = GetJobRequest.newBuilder().setJobId(jobId).build();
    return client.call(() -> client.jobs().getJob(request));
  }

  /**
   * The {@code limit} newest jobs, newest first; behind them every older one that waits or runs,
   * which may take weeks.
   */
  public List<Job> list(int limit) throws CristaeException {
    Map<String, Job> jobs = new LinkedHashMap<>();
    ListJobsRequest.Builder request = ListJobsRequest.newBuilder();
    do {
      ListJobsResponse answer = page(request.build());
      for (Job job : answer.getJobsList()) {
        if (jobs.size() == limit) {
          addOpen(jobs);
          return new ArrayList<>(jobs.values());
        }
        jobs.put(job.getJobId(), job);
      }
      request.setPage(answer.getNextPage());
    } while (!request.getPage().isEmpty());
    return new ArrayList<>(jobs.values());
  }

  private void addOpen(Map<String, Job> jobs) throws CristaeException {
    ListJobsRequest.Builder request = ListJobsRequest.newBuilder().setOnlyOpen(true);
    do {
      ListJobsResponse answer = page(request.build());
      for (Job job : answer.getJobsList()) {
        if (isEnd(job.getState())) {
          return; // an older server, which lists them all
        }
        jobs.putIfAbsent(job.getJobId(), job);
      }
      request.setPage(answer.getNextPage());
    } while (!request.getPage().isEmpty());
  }

  private ListJobsResponse page(ListJobsRequest request) throws CristaeException {
    return client.call(() -> client.jobs().listJobs(request));
  }

  /** All models, newest first. */
  public List<Model> models() throws CristaeException {
    List<Model> models = new ArrayList<>();
    String page = "";
    do {
      ListModelsRequest request = ListModelsRequest.newBuilder().setPage(page).build();
      ListModelsResponse answer = client.call(() -> client.models().listModels(request));
      models.addAll(answer.getModelsList());
      page = answer.getNextPage();
    } while (!page.isEmpty());
    return models;
  }

  /**
   * The model of a name.
   *
   * @throws CristaeException if there is none; the sentence lists the names that are there
   */
  public Model model(String name) throws CristaeException {
    GetModelRequest request = GetModelRequest.newBuilder().setName(name).build();
    return client.call(() -> client.models().getModel(request));
  }

  /** The model of a name, if there is one. */
  public Optional<Model> findModel(String name) throws CristaeException {
    try {
      return Optional.of(model(name));
    } catch (CristaeException e) {
      if (e.code() == ErrorCode.ERROR_CODE_NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * The layers of a model whose maps can be shown, in the order in which they compute. The first
   * time a model is asked for it takes seconds.
   *
   * @throws CristaeException if there is no such model or no such layer, or the server cannot build
   *     the network
   */
  public List<Layer> layers(String model) throws CristaeException {
    ListLayersRequest request = ListLayersRequest.newBuilder().setModelName(model).build();
    ListLayersResponse answer =
        client.callLong(() -> client.models().listLayers(request), new Cancellation());
    if (answer.getLayersCount() == 0) {
      throw new CristaeException(
          ErrorCode.ERROR_CODE_UNSUPPORTED,
          "The network of the model \"" + model + "\" has no layers with maps to show.");
    }
    return answer.getLayersList();
  }

  /**
   * The newest picture of a training: what the model makes of places that it does not learn from.
   *
   * @return the picture; null if there is none, or not yet
   */
  public Preview preview(String jobId) throws CristaeException {
    GetPreviewRequest request = GetPreviewRequest.newBuilder().setJobId(jobId).build();
    try {
      return client.call(() -> client.jobs().getPreview(request));
    } catch (CristaeException e) {
      if (e.code() == ErrorCode.ERROR_CODE_NOT_FOUND) {
        return null;
      }
      throw e;
    }
  }

  /** Asks a job to end. */
  public Job cancel(String jobId) throws CristaeException {
    CancelJobRequest request = CancelJobRequest.newBuilder().setJobId(jobId).build();
    return client.call(() -> client.jobs().cancelJob(request));
  }

  /** Asks a training to end early and keep the best that it has. */
  public Job finish(String jobId) throws CristaeException {
    FinishTrainingRequest request = FinishTrainingRequest.newBuilder().setJobId(jobId).build();
    return client.call(() -> client.jobs().finishTraining(request));
  }

  /** Forgets a job that has ended, with what it kept; models and images that it made stay. */
  public void delete(String jobId) throws CristaeException {
    DeleteJobRequest request = DeleteJobRequest.newBuilder().setJobId(jobId).build();
    client.call(() -> client.jobs().deleteJob(request));
  }

  /** True if a job in this state will not change any more. */
  public static boolean isEnd(JobState state) {
    return state == JobState.JOB_STATE_DONE
        || state == JobState.JOB_STATE_FAILED
        || state == JobState.JOB_STATE_CANCELLED;
  }

  /**
   * Hands every event of a job to {@code listener}, each once and in order, until the job ended. A
   * broken connection is made again from the last event seen.
   *
   * @param detach ends the watching; the job itself goes on
   * @return the job in its end state
   * @throws CristaeException if the server is gone for longer than the client's patience, or after
   *     {@code detach}
   */
  public Job watch(String jobId, Consumer<JobEvent> listener, Cancellation detach)
      throws CristaeException {
    return watch(jobId, listener, new Contact(client, Progress.NONE), detach);
  }

  /**
   * The same, and tells what a job that is silent cannot tell.
   *
   * @param contact told when the server does not answer and is tried again, and when it is there
   *     again
   */
  public Job watch(String jobId, Consumer<JobEvent> listener, Contact contact, Cancellation detach)
      throws CristaeException {
    GetJobRequest request = GetJobRequest.newBuilder().setJobId(jobId).build();
    boolean isLost = false;
    long seen = 0;
    Patience.Wait wait = client.patience().start();
    while (true) {
      Context.CancellableContext context = Context.current().withCancellation();
      Context before = context.attach();
      Runnable abort = detach.onCancel(() -> context.cancel(null));
      long startNs = System.nanoTime();
      try {
        if (isLost) {
          client.jobs().getJob(request);
          isLost = false;
          contact.found();
        }
        Iterator<JobEvent> events =
            client
                .jobStreams()
                .watchJob(
                    WatchJobRequest.newBuilder().setJobId(jobId).setAfterSequence(seen).build());
        while (events.hasNext()) {
          JobEvent event = events.next();
          wait.reset();
          if (event.getSequence() > seen) {
            seen = event.getSequence();
            listener.accept(event);
          }
        }
      } catch (StatusRuntimeException e) {
        detach.check();
        CristaeException failure = CristaeException.of(e, client.address().toString());
        wait.resetIfHeld(startNs); // a job that waits tells nothing for hours
        isLost = true;
        if (!failure.isPassing() || !client.tryAgain(wait, contact)) {
          throw failure;
        }
        continue;
      } finally {
        detach.forget(abort);
        context.detach(before);
        context.cancel(null);
      }
      Job job = get(jobId);
      if (isEnd(job.getState())) {
        return job;
      }
      if (!wait.pause()) {
        throw CristaeException.of(
            Status.UNAVAILABLE.asRuntimeException(), client.address().toString());
      }
    }
  }
}

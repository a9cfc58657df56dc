"""A client for the server: typed and synchronous, for scripts, the command line, tests and benchmarks."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import google_crc32c
import grpc
import numpy as np
import psutil

from cristae.errors import Busy, CorruptData, InvalidInput, NotFound, Unsupported
from cristae.service.gate import largest_message
from cristae.service.messages import shape_czyx, spec_message, volume_spec
from cristae.service.refusals import SlowError, UnavailableError, error_of
from cristae.service.sending import MOST_UNANSWERED, Window, block_bytes, write_request
from cristae.settings import Home, Limits
from cristae.v1 import (
    jobs_pb2,
    jobs_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    previews_pb2,
    previews_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
    volumes_pb2,
    volumes_pb2_grpc,
)
from cristae.volumes import Image, VolumeSpec, block_digest, volume_digest

DEADLINE_S = 30.0
PREVIEW_DEADLINE_S = 150.0
"""The server itself ends what takes too long; the first preview waits for a process to start."""

ENDS = (jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED)


@dataclass(frozen=True)
class Address:
    """Where a server listens, and the token that it wants."""

    target: str
    token: str

    @classmethod
    def of_home(cls, home: Home) -> "Address":
        """Return the address of the server that runs on a home.

        Raises
        ------
        NotFound
            If none runs there.
        Unsupported
            If it listens with TLS, where only the clients that know its certificate may call.
        """
        try:
            record = json.loads(home.server_file.read_text(encoding="utf-8"))
            token = home.token_file.read_text(encoding="ascii").strip()
            runs = psutil.pid_exists(int(record["pid"]))
        except (OSError, ValueError, KeyError):
            runs = False
        if not runs:
            raise NotFound(f"No server runs on {home.root}. Start one with `cristae serve`.")
        if record.get("tls"):
            raise Unsupported("The server listens with TLS; use Fiji (Plugins > Cristae > Jobs).")
        return cls(record["address"], token)


class Client:
    """A connection to one server.

    Calls that can be repeated are repeated while the server cannot be reached, for at most ``patience_s``
    seconds.

    Parameters
    ----------
    address
        Where the server is, or a function that tells it anew before every try: a server that was started
        again listens elsewhere.
    patience_s
        How long to try.

    Examples
    --------
    Train on arrays and fetch the labels of another image::

        with Client(lambda: Address.of_home(Home.find())) as client:
            raw, truth = client.upload(ArrayImage(raw)), client.upload(ArrayImage(labels))
            job = client.submit_training(jobs_pb2.TrainingSpec(...))
            for event in client.watch(job.job_id): ...
    """

    def __init__(self, address: Address | Callable[[], Address], *, patience_s: float = 30.0) -> None:
        self._where = address if callable(address) else lambda: address
        self._patience_s = patience_s
        self._channel: grpc.Channel | None = None
        self._address: Address | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    # Server, models, jobs

    def server(self) -> server_pb2.GetServerResponse:
        """Ask who answers."""
        request = server_pb2.GetServerRequest(client="cristae-python")
        answer: server_pb2.GetServerResponse = self._call(server_pb2_grpc.ServerStub, "GetServer", request)
        return answer

    def models(self) -> list[models_pb2.Model]:
        """Return all models, newest first."""
        return self._pages(models_pb2_grpc.ModelsStub, "ListModels", models_pb2.ListModelsRequest, "models")

    def layers(self, model: str) -> list[models_pb2.Layer]:
        """Return the layers of a model, in the order in which they compute."""
        request = models_pb2.ListLayersRequest(model_name=model)
        return list(self._call_long(models_pb2_grpc.ModelsStub, "ListLayers", request).layers)

    def plan_preview(self, subject: previews_pb2.PreviewSubject) -> previews_pb2.PreviewPlan:
        """Ask what of an image is needed for a preview of a part of it."""
        request = previews_pb2.PlanPreviewRequest(subject=subject)
        plan: previews_pb2.PreviewPlan = self._call(
            previews_pb2_grpc.PreviewsStub, "PlanPreview", request, PREVIEW_DEADLINE_S
        )
        return plan

    def preview_part(self, request: previews_pb2.PreviewPartRequest) -> previews_pb2.PreviewedPart:
        """Return what a model makes of a part of an image."""
        part: previews_pb2.PreviewedPart = self._call(
            previews_pb2_grpc.PreviewsStub, "PreviewPart", request, PREVIEW_DEADLINE_S
        )
        return part

    def delete_model(self, name: str) -> None:
        """Delete a model."""
        self._call(models_pb2_grpc.ModelsStub, "DeleteModel", models_pb2.DeleteModelRequest(name=name))

    def volumes(self) -> list[volumes_pb2.Volume]:
        """Return all volumes, newest first."""
        kind = volumes_pb2.ListVolumesRequest
        return self._pages(volumes_pb2_grpc.VolumesStub, "ListVolumes", kind, "volumes")

    def found_volumes(self) -> list[volumes_pb2.FoundVolume]:
        """Return what lies under the server's data root, by name; the first time takes seconds."""
        kind = volumes_pb2.ListFoundVolumesRequest
        return self._pages(volumes_pb2_grpc.VolumesStub, "ListFoundVolumes", kind, "volumes")

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume."""
        request = volumes_pb2.DeleteVolumeRequest(volume_id=volume_id)
        self._call(volumes_pb2_grpc.VolumesStub, "DeleteVolume", request)

    def jobs(self) -> list[jobs_pb2.Job]:
        """Return all jobs, newest first."""
        return self._pages(jobs_pb2_grpc.JobsStub, "ListJobs", jobs_pb2.ListJobsRequest, "jobs")

    def job(self, job_id: str) -> jobs_pb2.Job:
        """Return one job."""
        request = jobs_pb2.GetJobRequest(job_id=job_id)
        job: jobs_pb2.Job = self._call(jobs_pb2_grpc.JobsStub, "GetJob", request)
        return job

    def preview(self, job_id: str) -> bytes:
        """Return the newest picture of a training, a PNG."""
        request = jobs_pb2.GetPreviewRequest(job_id=job_id)
        return bytes(self._call(jobs_pb2_grpc.JobsStub, "GetPreview", request).png)

    def cancel(self, job_id: str) -> jobs_pb2.Job:
        """Ask a job to end, and return it as it stands then."""
        request = jobs_pb2.CancelJobRequest(job_id=job_id)
        job: jobs_pb2.Job = self._call(jobs_pb2_grpc.JobsStub, "CancelJob", request)
        return job

    def submit_training(self, spec: jobs_pb2.TrainingSpec, job_id: str = "") -> jobs_pb2.Job:
        """Queue a training under a new id, or under ``job_id``."""
        request = jobs_pb2.SubmitTrainingRequest(job_id=job_id or str(uuid.uuid4()), training=spec)
        job: jobs_pb2.Job = self._call_long(jobs_pb2_grpc.JobsStub, "SubmitTraining", request)
        return job

    def submit_prediction(self, spec: jobs_pb2.PredictionSpec, job_id: str = "") -> jobs_pb2.Job:
        """Queue a prediction under a new id, or under ``job_id``."""
        request = jobs_pb2.SubmitPredictionRequest(job_id=job_id or str(uuid.uuid4()), prediction=spec)
        job: jobs_pb2.Job = self._call_long(jobs_pb2_grpc.JobsStub, "SubmitPrediction", request)
        return job

    def submit_evaluation(self, spec: jobs_pb2.EvaluationSpec, job_id: str = "") -> jobs_pb2.Job:
        """Queue a comparison with the truth under a new id, or under ``job_id``."""
        request = jobs_pb2.SubmitEvaluationRequest(job_id=job_id or str(uuid.uuid4()), evaluation=spec)
        job: jobs_pb2.Job = self._call_long(jobs_pb2_grpc.JobsStub, "SubmitEvaluation", request)
        return job

    def submit_measurement(self, spec: jobs_pb2.MeasurementSpec, job_id: str = "") -> jobs_pb2.Job:
        """Queue the measuring of objects under a new id, or under ``job_id``."""
        request = jobs_pb2.SubmitMeasurementRequest(job_id=job_id or str(uuid.uuid4()), measurement=spec)
        job: jobs_pb2.Job = self._call_long(jobs_pb2_grpc.JobsStub, "SubmitMeasurement", request)
        return job

    def submit_cleaning(self, spec: jobs_pb2.CleaningSpec, job_id: str = "") -> jobs_pb2.Job:
        """Queue the cleaning of objects under a new id, or under ``job_id``."""
        request = jobs_pb2.SubmitCleaningRequest(job_id=job_id or str(uuid.uuid4()), cleaning=spec)
        job: jobs_pb2.Job = self._call_long(jobs_pb2_grpc.JobsStub, "SubmitCleaning", request)
        return job

    def read_file(self, job_id: str, name: str) -> bytes:
        """Fetch a file that a job made, through broken connections, and verify it.

        Raises
        ------
        NotFound
            The job has no such file.
        CorruptData
            It is damaged on the server, or was on its way.
        """
        made = next((file for file in self.job(job_id).result.files if file.name == name), None)
        data = bytearray()
        while True:
            try:
                request = jobs_pb2.ReadFileRequest(job_id=job_id, name=name, offset=len(data))
                for part in self._stream(jobs_pb2_grpc.JobsStub, "ReadFile", request):
                    data += part.data
                break
            except UnavailableError:
                self._reconnect()
                self.server()
        whole = bytes(data)
        if made is None or google_crc32c.value(whole) != made.crc32c:
            raise CorruptData(f"The file {name} was damaged on its way; fetch it again.")
        return whole

    def watch(self, job_id: str, after: int = 0) -> Iterator[jobs_pb2.JobEvent]:
        """Yield the events of a job to its end, each once, through broken connections."""
        ended = False
        while not ended:
            try:
                request = jobs_pb2.WatchJobRequest(job_id=job_id, after_sequence=after)
                for event in self._stream(jobs_pb2_grpc.JobsStub, "WatchJob", request):
                    after = event.sequence
                    ended = event.state.state in ENDS
                    yield event
                return
            except UnavailableError:
                self._reconnect()
                self.server()

    def wait(self, job_id: str) -> jobs_pb2.Job:
        """Wait for the end of a job and return it."""
        for _ in self.watch(job_id):
            pass
        return self.job(job_id)

    # Volumes

    def upload(self, image: Image, classes: tuple[Any, ...] = ()) -> str:
        """Send an image, go on after breaks, and return its volume id; what is there is not sent again."""
        spec = VolumeSpec(
            shape_czyx=image.shape_czyx,
            dtype=image.dtype.name,
            voxel_size=image.voxel_size,
            name=image.name,
            classes=classes,
        )
        digest = volume_digest(
            spec, (block_digest(block_bytes(image, spec, index)) for index in range(spec.blocks.count))
        )
        request = volumes_pb2.OpenUploadRequest(spec=spec_message(spec), digest=digest)
        deadline, furthest = 0.0, -1
        while True:
            status = self._call(volumes_pb2_grpc.VolumesStub, "OpenUpload", request)
            if status.HasField("sealed"):
                return str(status.sealed.volume_id)
            if status.committed_bytes > furthest:
                furthest, deadline = status.committed_bytes, time.monotonic() + self._patience_s
            try:
                self._send(image, spec, status)
                seal = volumes_pb2.SealUploadRequest(upload_id=status.upload_id)
                self._call_long(volumes_pb2_grpc.VolumesStub, "SealUpload", seal)
                return digest
            except (UnavailableError, NotFound):
                if time.monotonic() > deadline:
                    raise
                self._reconnect()
            except (InvalidInput, Busy):  # damaged on the way, or another window sends the same image
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _send(self, image: Image, spec: VolumeSpec, status: volumes_pb2.UploadStatus) -> None:
        blocks = spec.blocks
        first = next(
            (i for i in range(blocks.count) if blocks.offset(i) >= status.committed_bytes), blocks.count
        )
        if first == blocks.count:
            return
        window = Window(status.committed_bytes)

        def requests() -> Iterator[volumes_pb2.WriteBlocksRequest]:
            for index in range(first, blocks.count):
                if not window.opens(blocks.offset(max(first, index + 1 - MOST_UNANSWERED))):
                    return
                yield write_request(image, spec, status.upload_id, index)

        try:
            for answer in self._stream(volumes_pb2_grpc.VolumesStub, "WriteBlocks", requests()):
                window.hear(answer.committed_bytes)
        finally:
            window.close()

    def download(self, volume_id: str) -> "np.ndarray[Any, np.dtype[Any]]":
        """Fetch a volume (c, z, y, x)."""
        request = volumes_pb2.GetVolumeRequest(volume_id=volume_id)
        volume = self._call(volumes_pb2_grpc.VolumesStub, "GetVolume", request)
        made = Limits(max_channels=volume.spec.shape.c)  # maps of a layer may have more than what is sent
        spec = volume_spec(volume.spec, made)
        voxels = np.empty(shape_czyx(volume.spec.shape), spec.dtype)
        wanted = 0
        while wanted < spec.blocks.count:
            read = volumes_pb2.ReadBlocksRequest(volume_id=volume_id, first_block=wanted)
            try:
                for block in self._stream(volumes_pb2_grpc.VolumesStub, "ReadBlocks", read):
                    if google_crc32c.value(block.voxels) != block.crc32c:
                        raise CorruptData("A block was damaged on its way; fetch the volume again.")
                    box = spec.blocks.box(block.index)
                    part = np.frombuffer(block.voxels, np.dtype(spec.dtype).newbyteorder("<"))
                    voxels[box.slices] = part.reshape(box.shape)
                    wanted = block.index + 1
            except UnavailableError:
                self._reconnect()
                self.server()
        return voxels

    # Calls

    def _stub(self, kind: Any) -> Any:
        if self._channel is None:
            self._address = self._where()
            self._channel = grpc.insecure_channel(
                self._address.target,
                options=[
                    ("grpc.max_receive_message_length", largest_message(Limits())),
                    ("grpc.keepalive_time_ms", 30_000),
                    ("grpc.keepalive_timeout_ms", 20_000),
                ],
            )
        return kind(self._channel)

    def _metadata(self) -> list[tuple[str, str]]:
        assert self._address is not None  # noqa: S101 - set with the channel
        return [("authorization", f"Bearer {self._address.token}")]

    def _reconnect(self) -> None:
        self.close()

    def _call(self, kind: Any, method: str, request: Any, deadline_s: float | None = None) -> Any:
        deadline, pause = time.monotonic() + self._patience_s, 0.05
        while True:
            try:
                call = getattr(self._stub(kind), method)
                return call(request, metadata=self._metadata(), timeout=deadline_s or DEADLINE_S)
            except (grpc.RpcError, NotFound) as failure:
                error = failure if isinstance(failure, NotFound) else error_of(failure)
                tries = isinstance(error, UnavailableError) or failure is error
                if not tries or time.monotonic() > deadline:
                    raise error from None
            self._reconnect()
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _call_long(self, kind: Any, method: str, request: Any) -> Any:
        """Make a call behind which the server may work for minutes: asked again, it joins what goes on."""
        while True:
            try:
                return self._call(kind, method, request)
            except SlowError:
                self.server()  # still there? else this fails

    def _stream(self, kind: Any, method: str, request: Any) -> Iterator[Any]:
        try:
            call = getattr(self._stub(kind), method)(request, metadata=self._metadata())
        except grpc.RpcError as failure:
            raise error_of(failure) from None
        try:
            yield from call
        except grpc.RpcError as failure:
            raise error_of(failure) from None
        finally:
            call.cancel()

    def _pages(self, kind: Any, method: str, request: Any, field: str) -> list[Any]:
        items: list[Any] = []
        page = ""
        while True:
            answer = self._call_long(kind, method, request(page=page))
            items += getattr(answer, field)
            page = answer.next_page
            if not page:
                return items


def cancel(home: Home, job_id: str) -> str:
    """Ask the server that runs on a home to end a job; return the job's state then, such as "CANCELLING".

    Raises
    ------
    NotFound
        No server runs on this home, or it has no such job.
    CristaeError
        It said no, or nothing.
    """
    address = Address.of_home(home)
    with Client(address) as client:
        return jobs_pb2.JobState.Name(client.cancel(job_id).state).removeprefix("JOB_STATE_")

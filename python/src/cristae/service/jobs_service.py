"""The service Jobs: submitting, watching and cancelling."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from cristae.errors import InvalidInput, NotFound, ServerStops
from cristae.jobs.records import JobRecord, StateChange
from cristae.jobs.specs import LabelSpec, PredictionSpec, Spec, TrainingSpec, device_of
from cristae.models import classes_of, read_preview
from cristae.models.alike import refuse_unlike
from cristae.service.house import House
from cristae.service.job_files import PART_BYTES, file_of, opened_at
from cristae.service.job_messages import event_message, job_message, prediction_spec, training_spec
from cristae.service.label_checks import check_label_job
from cristae.service.label_messages import cleaning_spec, evaluation_spec, measurement_spec
from cristae.service.layers import check_maps
from cristae.service.messages import check_uuid, class_messages
from cristae.service.pages import NO_SUCH_PAGE, page_size
from cristae.service.training_checks import check_presence, check_training
from cristae.v1 import jobs_pb2, jobs_pb2_grpc
from cristae.volumes.mask import check_mask

type Context = grpc.aio.ServicerContext[Any, Any]


class Jobs(jobs_pb2_grpc.JobsServicer):
    """Jobs over the journal and the supervisor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def SubmitTraining(  # noqa: N802 - the contract's name
        self, request: jobs_pb2.SubmitTrainingRequest, context: Context
    ) -> jobs_pb2.Job:
        """Check the labels, then queue the training."""
        job_id = check_uuid(request.job_id, "The job id")
        await self._house.look_at_extensions()
        spec = training_spec(request.training, self._house.limits)

        async def check(spec: Spec) -> str:
            assert isinstance(spec, TrainingSpec)  # noqa: S101 - the one from above
            await check_training(self._house, spec)
            return spec.model_name

        return await self._submit(job_id, spec, check)

    async def SubmitPrediction(  # noqa: N802
        self, request: jobs_pb2.SubmitPredictionRequest, context: Context
    ) -> jobs_pb2.Job:
        """Check that the model fits the image, then queue the prediction."""
        job_id = check_uuid(request.job_id, "The job id")
        spec = prediction_spec(request.prediction, self._house.limits)

        async def check(spec: Spec) -> str:
            assert isinstance(spec, PredictionSpec)  # noqa: S101 - the one from above
            title = await self._house.glance(spec, _check_prediction, self._house, spec)
            return f"{title}, {await self._check_maps(spec)}" if spec.output == "activations" else title

        return await self._submit(job_id, spec, check)

    async def SubmitEvaluation(  # noqa: N802
        self, request: jobs_pb2.SubmitEvaluationRequest, context: Context
    ) -> jobs_pb2.Job:
        """Check that the images can be compared, then queue the comparison."""
        return await self._submit_label_job(
            request.job_id, evaluation_spec(request.evaluation, self._house.limits)
        )

    async def SubmitMeasurement(  # noqa: N802
        self, request: jobs_pb2.SubmitMeasurementRequest, context: Context
    ) -> jobs_pb2.Job:
        """Check that the images fit each other, then queue the measuring."""
        return await self._submit_label_job(
            request.job_id, measurement_spec(request.measurement, self._house.limits)
        )

    async def SubmitCleaning(  # noqa: N802
        self, request: jobs_pb2.SubmitCleaningRequest, context: Context
    ) -> jobs_pb2.Job:
        """Check that the steps can be done, then queue them."""
        return await self._submit_label_job(
            request.job_id, cleaning_spec(request.cleaning, self._house.limits)
        )

    async def _submit_label_job(self, job_id: str, spec: LabelSpec) -> jobs_pb2.Job:
        async def check(spec: Spec) -> str:
            assert isinstance(spec, LabelSpec)  # noqa: S101 - the one from above
            return await self._house.glance(spec, check_label_job, self._house, spec)

        return await self._submit(check_uuid(job_id, "The job id"), spec, check)

    async def ReadFile(  # noqa: N802
        self, request: jobs_pb2.ReadFileRequest, context: Context
    ) -> AsyncIterator[jobs_pb2.FilePart]:
        """Stream a file that a job made."""
        job = await self._get(request.job_id)
        folder = self._house.home.job_files(job.job_id)
        file = await self._house.long(opened_at, folder, file_of(job, request.name), request.offset)
        try:
            while part := await self._house.block(file.read, PART_BYTES):
                yield jobs_pb2.FilePart(data=part)
        finally:
            file.close()

    async def GetJob(self, request: jobs_pb2.GetJobRequest, context: Context) -> jobs_pb2.Job:  # noqa: N802
        """Tell about one job."""
        return job_message(await self._get(request.job_id))

    async def ListJobs(  # noqa: N802
        self, request: jobs_pb2.ListJobsRequest, context: Context
    ) -> jobs_pb2.ListJobsResponse:
        """List jobs, newest first."""
        if request.page and not (
            request.page.isascii() and request.page.isdecimal() and len(request.page) < 19
        ):
            raise NO_SUCH_PAGE
        before = int(request.page) if request.page else None
        size = page_size(request.page_size, self._house.limits)
        found = await self._house.quick(
            self._house.journal.newest, size + 1, before, only_open=request.only_open
        )
        jobs = _that_fit(list(map(job_message, found[:size])), self._house.limits.max_message_bytes // 2)
        is_last = len(jobs) == len(found)
        return jobs_pb2.ListJobsResponse(
            jobs=jobs, next_page="" if is_last else str(found[len(jobs) - 1].number)
        )

    async def WatchJob(  # noqa: N802
        self, request: jobs_pb2.WatchJobRequest, context: Context
    ) -> AsyncIterator[jobs_pb2.JobEvent]:
        """Stream the events of a job."""
        job = await self._get(request.job_id)
        ended = job.state.is_end and request.after_sequence >= job.last_sequence
        async for event in self._house.supervisor.watch(job.job_id, request.after_sequence):
            ended = isinstance(event.body, StateChange) and event.body.state.is_end
            yield event_message(event)
        if not ended:
            raise ServerStops("The server stops; watch again from the last event when it is back.")

    async def GetPreview(  # noqa: N802
        self, request: jobs_pb2.GetPreviewRequest, context: Context
    ) -> jobs_pb2.Preview:
        """Return the newest picture of a training."""
        job = await self._get(request.job_id)
        return await self._house.quick(_preview_of, self._house, job)

    async def CancelJob(self, request: jobs_pb2.CancelJobRequest, context: Context) -> jobs_pb2.Job:  # noqa: N802
        """Ask a job to end."""
        return job_message(await self._house.supervisor.cancel(check_uuid(request.job_id, "The job id")))

    async def FinishTraining(  # noqa: N802
        self, request: jobs_pb2.FinishTrainingRequest, context: Context
    ) -> jobs_pb2.Job:
        """Ask a training to end early and keep the best that it has."""
        return job_message(await self._house.supervisor.finish(check_uuid(request.job_id, "The job id")))

    async def DeleteJob(  # noqa: N802
        self, request: jobs_pb2.DeleteJobRequest, context: Context
    ) -> jobs_pb2.DeleteJobResponse:
        """Forget a job that has ended, with all that it kept."""
        job_id = check_uuid(request.job_id, "The job id")
        async with self._house.changing:  # nobody submits one of the same id meanwhile
            await self._house.supervisor.forget(job_id)
        return jobs_pb2.DeleteJobResponse()

    async def _get(self, job_id: str) -> JobRecord:
        return await self._house.quick(self._house.journal.get, check_uuid(job_id, "The job id"))

    async def _submit(self, job_id: str, spec: Spec, check: Callable[[Spec], Awaitable[str]]) -> jobs_pb2.Job:
        """Queue a job once ``check`` has returned its title; the same request again is the same job."""
        known = await self._house.quick(self._house.journal.find, job_id, spec)
        if known is not None:
            return job_message(known)

        async def submit() -> JobRecord:
            await self._check_device(device_of(spec))
            whole = await self._house.with_found(spec)
            title = await check(whole)
            async with self._house.changing:
                await self._house.quick(check_presence, self._house, whole)
                return await self._house.quick(
                    self._house.journal.submit,
                    job_id,
                    whole,
                    title,
                    max_open=self._house.limits.max_open_jobs,
                )

        # Two different specs under one id must not join each other's check.
        job = await self._house.joined(f"submit {job_id} {hash(repr(spec))}", submit)
        self._house.supervisor.wake()
        return job_message(job)

    async def _check_device(self, wanted: str | None) -> None:
        """Refuse a device that is not there, once the server knows its devices."""
        if wanted is None:
            return
        devices = await self._house.devices.names()
        if wanted and wanted not in devices:
            again = "" if self._house.devices.complete else "; looking for GPUs failed and is tried again"
            raise InvalidInput(f"There is no device {wanted!r}; take {' or '.join(devices)}{again}.")

    async def _check_maps(self, spec: PredictionSpec) -> str:
        """Check that the maps of a layer can be made, and return its name."""
        model = await self._house.quick(self._house.library.get, spec.model_name)
        layers = await self._house.layers_of(model)
        async with self._house.open_volumes(spec) as volumes:
            image = await self._house.glance(spec, volumes.glance, spec.image_volume_id)
        check_maps(spec, model, layers, image, self._house.limits)
        return spec.layer


def _that_fit(jobs: list[jobs_pb2.Job], most_bytes: int) -> list[jobs_pb2.Job]:
    """Return the first job and those behind it that are no more bytes together."""
    total = 0
    for count, job in enumerate(jobs):
        total += job.ByteSize()
        if count and total > most_bytes:
            return jobs[:count]
    return jobs


def _preview_of(house: House, job: JobRecord) -> jobs_pb2.Preview:
    """Return the picture that lies with the checkpoints, after the job with the model."""
    picture = b""
    if not job.state.is_end:
        picture = read_preview(house.home.checkpoints(job.job_id))
    elif job.result is not None and job.result.model_name:
        model = house.library.get(job.result.model_name)
        if model.record["job_id"] == job.job_id:  # it may have been replaced since
            picture = model.preview()
    if not picture:
        raise NotFound(f"The job '{job.title}' has no preview, or none yet.")
    return jobs_pb2.Preview(png=picture, classes=class_messages(classes_of(picture)))


def _check_prediction(house: House, spec: PredictionSpec) -> str:
    model = house.library.get(spec.model_name)
    with house.volumes_of(spec) as volumes:
        image = volumes.glance(spec.image_volume_id, spec.image_name)
        if spec.inside_volume_id:
            mask = volumes.glance(spec.inside_volume_id)
            check_mask(mask.shape_czyx, image.shape_czyx[1:], mask.voxel_size, image.voxel_size)
    if spec.output != "activations" and spec.output not in model.record["outputs"]:
        able = ", ".join(model.record["outputs"])
        raise InvalidInput(f"The model '{model.name}' cannot return {spec.output}; it can return {able}.")
    if spec.split_touching and model.record["target"] == "instances":
        raise InvalidInput(
            f"The model '{model.name}' was trained on instances and parts objects by itself. Splitting "
            "touching objects is for models of classes: leave it out."
        )
    channels = image.shape_czyx[0]
    if channels != model.record["channels"]:
        raise InvalidInput(
            f"The image has {channels} channel{'' if channels == 1 else 's'}; the model '{model.name}' was "
            f"trained on {model.record['channels']}. Choose another model, or split the channels."
        )
    refuse_unlike([(name, house.library.get(name).record) for name in (spec.model_name, *spec.more_models)])
    return f"{image.name or 'image'} with {' + '.join((spec.model_name, *spec.more_models))}"

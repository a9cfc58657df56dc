"""Jobs and models between the contract's messages and the program's own words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from cristae.errors import InvalidInput, LimitExceeded
from cristae.events import Metrics, Note, PlanMade, Progress
from cristae.jobs.records import JobError, JobEvent, JobRecord, JobResult, StateChange
from cristae.jobs.specs import LabelledVolume, LabelSpec, Output, PredictionSpec, TrainingSpec
from cristae.models.alike import combination_of
from cristae.models.layers import Layer, outermost
from cristae.service.label_messages import TARGETS, put_label_spec, sections
from cristae.service.messages import (
    box_message,
    box_of,
    check_digest,
    check_name,
    class_messages,
    label_values,
)
from cristae.settings import Limits
from cristae.training.budget import check_budget
from cristae.training.effects import settings_that_fit
from cristae.v1 import common_pb2, jobs_pb2, models_pb2

OUTPUTS: tuple[Output, ...] = get_args(Output)


def training_spec(message: jobs_pb2.TrainingSpec, limits: Limits) -> TrainingSpec:
    """Return what is to be trained, or refuse what can never work.

    Raises
    ------
    InvalidInput
        The sentence says what to change.
    LimitExceeded
        If there are too many volumes, classes or settings.
    """
    if not 1 <= len(message.volumes) <= limits.max_training_volumes:
        raise LimitExceeded(
            f"{len(message.volumes)} labelled volumes were given; "
            f"1 to {limits.max_training_volumes} are taken."
        )
    if len(message.settings) > limits.max_settings:
        raise LimitExceeded(
            f"{len(message.settings)} settings were given; at most {limits.max_settings} are taken."
        )
    settings = dict(message.settings)
    settings_that_fit(settings)  # or else it is refused by the worker, hours later
    asked = message.target or "classes"
    target = next((known for known in TARGETS if known == asked), None)
    if target is None:
        raise InvalidInput(f"The target {asked!r} is not known; this server trains {' and '.join(TARGETS)}.")
    return TrainingSpec(
        model_name=check_name(message.model_name, limits, "The model's name"),
        volumes=tuple(_labelled_volume(pair, limits) for pair in message.volumes),
        target=target,
        classes=label_values(message.classes, limits),
        unknown_value=message.unknown_value if message.HasField("unknown_value") else None,
        empty_sections="background" if message.empty_sections_are_background else "unknown",
        budget=_budget(message, limits),
        z=sections(message.z) if message.HasField("z") else None,
        validation_z=sections(message.validation_z) if message.HasField("validation_z") else None,
        start_from=message.start_from,
        settings=settings,
        seed=message.seed if message.HasField("seed") else None,
        device=message.device,
    )


def _labelled_volume(pair: jobs_pb2.LabelledVolume, limits: Limits) -> LabelledVolume:
    annotators = 1 + len(pair.further_labels_volume_ids)
    if annotators > limits.max_annotators:
        raise LimitExceeded(
            f"The labels of {annotators} annotators were given for one image; 1 to {limits.max_annotators} "
            "are taken."
        )
    return LabelledVolume(
        check_digest(pair.image_volume_id, "The image's volume id"),
        check_digest(pair.labels_volume_id, "The labels' volume id"),
        tuple(
            check_digest(labels, "A further annotator's volume id")
            for labels in pair.further_labels_volume_ids
        ),
        check_name(pair.image_name, limits, "The image's name"),
    )


def _budget(message: jobs_pb2.TrainingSpec, limits: Limits) -> tuple[str, str | float | int]:
    budget = message.budget
    match budget.WhichOneof("limit"):
        case "preset":
            check_budget(budget.preset, None, None, limits)
            return "preset", budget.preset
        case "minutes":
            check_budget("quick", budget.minutes, None, limits)
            return "minutes", budget.minutes
        case "steps":
            check_budget("quick", None, budget.steps, limits)
            return "steps", budget.steps
    return "preset", "quick"


def prediction_spec(message: jobs_pb2.PredictionSpec, limits: Limits) -> PredictionSpec:
    """Return what is to be predicted, or refuse what can never work."""
    asked = message.output or "labels"
    output = next((known for known in OUTPUTS if known == asked), None)
    if output is None:
        raise InvalidInput(f"The output {asked!r} is not known; this server makes {', '.join(OUTPUTS)}.")
    _check_layer(message, output)
    if message.split_touching and output != "instances":
        raise InvalidInput(f"Touching objects are split in the output instances, not in {output}.")
    return PredictionSpec(
        model_name=check_name(message.model_name, limits, "The model's name"),
        image_volume_id=check_digest(message.image_volume_id, "The image's volume id"),
        output=output,
        device=message.device,
        flips=message.flips,
        more_models=tuple(check_name(name, limits, "A model's name") for name in message.more_models),
        combine=combination_of(message.combine or None, 1 + len(message.more_models)),
        layer=message.layer,
        region=box_of(message.region) if message.HasField("region") else None,
        image_name=check_name(message.image_name, limits, "The image's name"),
        split_touching=message.split_touching,
        inside_volume_id=check_digest(message.inside_volume_id, "The mask's volume id")
        if message.inside_volume_id
        else "",
    )


def _check_layer(message: jobs_pb2.PredictionSpec, output: Output) -> None:
    """Refuse what is only for the maps of a layer with other results, and the other way round."""
    if output != "activations":
        if message.layer or message.HasField("region"):
            raise InvalidInput(
                f"A layer and a part of the image are for the output activations, not {output}."
            )
    elif not message.layer:
        raise InvalidInput("The maps of which layer? Name one; the server lists those of a model.")
    elif message.flips or message.more_models or message.inside_volume_id:
        raise InvalidInput(
            "The maps of a layer are those of one model, for the image as it is: without flips and mask."
        )


def job_message(job: JobRecord) -> jobs_pb2.Job:
    """Return a job as a message."""
    message = jobs_pb2.Job(
        job_id=job.job_id,
        kind=f"JOB_KIND_{job.kind.upper()}",
        state=f"JOB_STATE_{job.state}",
        title=job.title,
        created_s=job.created_s,
        started_s=job.started_s,
        ended_s=job.ended_s,
        attempt=job.attempt,
        last_sequence=job.last_sequence,
        progress=None if job.progress is None else _progress(job.progress),
        error=None if job.error is None else _error(job.error),
        result=None if job.result is None else _result(job.result),
    )
    if isinstance(job.spec, TrainingSpec):
        message.training.CopyFrom(_training_message(job.spec))
    elif isinstance(job.spec, LabelSpec):
        put_label_spec(message, job.spec)
    else:
        message.prediction.CopyFrom(
            jobs_pb2.PredictionSpec(
                model_name=job.spec.model_name,
                image_volume_id=job.spec.image_volume_id,
                output=job.spec.output,
                device=job.spec.device,
                flips=job.spec.flips,
                more_models=job.spec.more_models,
                combine=job.spec.combine if job.spec.more_models else "",
                layer=job.spec.layer,
                region=None if job.spec.region is None else box_message(job.spec.region),
                image_name=job.spec.image_name or _found_title(job.spec),
                split_touching=job.spec.split_touching,
                inside_volume_id=job.spec.inside_volume_id,
            )
        )
    return message


def _found_title(spec: PredictionSpec) -> str:
    """Return what people call an image under the data root; a sent one has its name with its voxels."""
    return next((one.title for one in spec.found if one.volume_id == spec.image_volume_id), "")


def _training_message(spec: TrainingSpec) -> jobs_pb2.TrainingSpec:
    limit, value = spec.budget
    ranges = {
        name: jobs_pb2.SectionRange(start=chosen[0], stop=chosen[1])
        for name, chosen in (("z", spec.z), ("validation_z", spec.validation_z))
        if chosen is not None
    }
    return jobs_pb2.TrainingSpec(
        model_name=spec.model_name,
        volumes=[
            jobs_pb2.LabelledVolume(
                image_volume_id=pair.image_volume_id,
                labels_volume_id=pair.labels_volume_id,
                further_labels_volume_ids=pair.further_labels_volume_ids,
                image_name=pair.image_name,
            )
            for pair in spec.volumes
        ],
        target=spec.target,
        classes=class_messages(spec.classes),
        unknown_value=spec.unknown_value,
        empty_sections_are_background=spec.empty_sections == "background",
        budget=jobs_pb2.Budget(**{limit: value}),  # type: ignore[arg-type]
        start_from=spec.start_from,
        settings=spec.settings,
        seed=spec.seed,
        device=spec.device,
        **ranges,
    )


def event_message(event: JobEvent) -> jobs_pb2.JobEvent:
    """Return an event as a message."""
    message = jobs_pb2.JobEvent(sequence=event.sequence, time_s=event.time_s)
    match event.body:
        case StateChange() as change:
            message.state.CopyFrom(
                jobs_pb2.JobStateChange(
                    state=f"JOB_STATE_{change.state}",
                    attempt=change.attempt,
                    error=None if change.error is None else _error(change.error),
                    result=None if change.result is None else _result(change.result),
                )
            )
        case Progress() as progress:
            message.progress.CopyFrom(_progress(progress))
        case Metrics() as metrics:
            message.metrics.CopyFrom(jobs_pb2.Metrics(step=metrics.step, values=dict(metrics.values)))
        case Note() as note:
            message.message.CopyFrom(jobs_pb2.Message(is_warning=note.is_warning, sentence=note.sentence))
        case PlanMade() as plan:
            message.plan.CopyFrom(jobs_pb2.PlanMade(sentences=plan.sentences, settings=dict(plan.settings)))
    return message


def _progress(progress: Progress) -> jobs_pb2.Progress:
    return jobs_pb2.Progress(
        stage=progress.stage,
        fraction=progress.fraction,
        seconds_left=progress.seconds_left,
        detail=progress.detail,
    )


def _error(error: JobError) -> jobs_pb2.JobError:
    name = f"ERROR_CODE_{error.code}"
    known = name in common_pb2.ErrorCode.keys()  # noqa: SIM118 - an enum's wrapper, not a dict
    return jobs_pb2.JobError(
        code=name if known else "ERROR_CODE_INTERNAL",
        sentence=error.sentence,
    )


def _result(result: JobResult) -> jobs_pb2.JobResult:
    return jobs_pb2.JobResult(
        model_name=result.model_name,
        outputs=[jobs_pb2.OutputVolume(output=output, volume_id=digest) for output, digest in result.outputs],
        files=[
            jobs_pb2.ResultFile(name=file.name, size_bytes=file.size_bytes, crc32c=file.crc32c)
            for file in result.files
        ],
    )


def model_message(name: str, digest: str, record: Mapping[str, Any]) -> models_pb2.Model:
    """Return a model of the library as a message."""
    voxel = record.get("voxel_size_nm")
    size = None
    if voxel is not None:
        z, y, x = voxel
        size = common_pb2.VoxelSize(z_nm=z, y_nm=y, x_nm=x, display_unit=record.get("display_unit") or "nm")
    numbers = (int, float)
    return models_pb2.Model(
        name=name,
        digest=digest,
        target=record["target"],
        classes=[
            common_pb2.LabelClass(value=row["value"], name=row["name"], rgb=row["rgb"])
            for row in record["classes"]
        ],
        channels=record["channels"],
        voxel_size=size,
        created_s=record["created_s"],
        metrics={
            key: float(value)
            for key, value in record["metrics"].items()
            if isinstance(value, numbers) and math.isfinite(value)
        },
        plan=record["plan"]["sentences"],
        outputs=record["outputs"],
    )


def layer_messages(layers: Sequence[Layer]) -> list[models_pb2.Layer]:
    """Return the layers of a network as messages."""
    whole = set(outermost(layers))
    messages = []
    for layer in layers:
        z, y, x = layer.reduction_zyx
        messages.append(
            models_pb2.Layer(
                name=layer.name,
                kind=layer.kind,
                maps=layer.maps,
                reduction_z=z,
                reduction_y=y,
                reduction_x=x,
                is_part=layer not in whole,
            )
        )
    return messages

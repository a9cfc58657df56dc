"""Evaluations, measurements and cleaning between the contract's messages and the program's own words."""

import math
from typing import Literal

from cristae.errors import InvalidInput, LimitExceeded
from cristae.jobs.specs import CleaningSpec, EvaluationSpec, LabelSpec, MeasurementSpec, NamedVolume
from cristae.service.messages import check_digest, check_name
from cristae.settings import Limits
from cristae.v1 import jobs_pb2

TARGETS: tuple[Literal["classes", "masks", "instances"], ...] = ("classes", "masks", "instances")


def evaluation_spec(message: jobs_pb2.EvaluationSpec, limits: Limits) -> EvaluationSpec:
    """Return what is to be compared, or refuse what can never work.

    Raises
    ------
    InvalidInput
        The sentence says what to change.
    LimitExceeded
        If there are too many predictions, or a name is too long.
    """
    if not 1 <= len(message.predictions) <= limits.max_compared:
        raise LimitExceeded(
            f"{len(message.predictions)} predictions were given; 1 to {limits.max_compared} are taken."
        )
    asked = message.target or "classes"
    target = next((known for known in TARGETS if known == asked), None)
    if target is None:
        raise InvalidInput(f"The target {asked!r} is not known; this server compares {', '.join(TARGETS)}.")
    return EvaluationSpec(
        predictions=tuple(_volume(one, limits, "A prediction") for one in message.predictions),
        truth=_volume(message.truth, limits, "The truth"),
        target=target,
        unknown_value=message.unknown_value if message.HasField("unknown_value") else None,
        empty_sections="unknown" if message.empty_sections_are_unknown else "background",
        z=sections(message.z) if message.HasField("z") else None,
        distances=message.distances,
        probabilities=message.probabilities,
        pairs=message.pairs,
        raw=_volume(message.raw, limits, "The raw image") if message.HasField("raw") else None,
    )


def sections(chosen: jobs_pb2.SectionRange) -> tuple[int, int]:
    """Return a range of sections, or refuse one that is none."""
    if not chosen.start < chosen.stop < 2**31:
        raise InvalidInput(
            f"The sections {chosen.start}:{chosen.stop} are none; give START:STOP, STOP behind."
        )
    return chosen.start, chosen.stop


def measurement_spec(message: jobs_pb2.MeasurementSpec, limits: Limits) -> MeasurementSpec:
    """Return what is to be measured, or refuse what can never work."""
    if len(message.condition) > limits.max_condition_length:
        raise LimitExceeded(
            f"The condition has {len(message.condition)} characters; at most {limits.max_condition_length} "
            "are taken."
        )
    return MeasurementSpec(
        labels=_volume(message.labels, limits, "The label image"),
        raw=_volume(message.raw, limits, "The raw image") if message.HasField("raw") else None,
        other=_volume(message.other, limits, "The other label image") if message.HasField("other") else None,
        classes=_volume(message.classes, limits, "The class image") if message.HasField("classes") else None,
        contacts=message.contacts,
        skeletons=message.skeletons,
        condition=message.condition.strip(),
    )


def cleaning_spec(message: jobs_pb2.CleaningSpec, limits: Limits) -> CleaningSpec:
    """Return what is to be mended, or refuse what can never work."""
    _check_counts(message, limits)
    splits = tuple(
        (_object_id(one.id), tuple((point.z, point.y, point.x) for point in one.points))
        for one in message.splits
    )
    if len({one for one, _ in splits}) < len(splits):
        raise InvalidInput("An object is split twice. Give all of its points at once.")
    if message.minimum_nm3 and message.minimum_voxels:
        raise InvalidInput("Give the minimum size either in cubic nanometres or in voxels.")
    return CleaningSpec(
        labels=_volume(message.labels, limits, "The label image"),
        merges=tuple(tuple(map(_object_id, group.ids)) for group in message.merges),
        splits=splits,
        fill_holes=message.fill_holes,
        smooth_nm=_length(message.smooth_nm, "radius"),
        minimum_nm3=_length(message.minimum_nm3, "minimum size"),
        minimum_voxels=message.minimum_voxels or None,
        remove_border=message.remove_border,
    )


def _check_counts(message: jobs_pb2.CleaningSpec, limits: Limits) -> None:
    ids = sum(len(group.ids) for group in message.merges)
    points = sum(len(one.points) for one in message.splits)
    most = max((len(one.points) for one in message.splits), default=0)
    for count, limit, what in (
        (len(message.merges), limits.max_merges, "groups of objects to merge"),
        (ids, limits.max_merged_ids, "objects to merge"),
        (len(message.splits), limits.max_splits, "objects to split"),
        (points, limits.max_points, "points to split objects at"),
        (most, limits.max_points_of_split, "points in one object"),
    ):
        if count > limit:
            raise LimitExceeded(f"{count:,} {what} were given; at most {limit:,} are taken.")


def _object_id(number: int) -> int:
    if not 1 <= number < 2**63:
        raise InvalidInput(f"{number} is no number of an object; they go from 1 to 2^63 - 1.")
    return number


def _length(amount: float, what: str) -> float | None:
    if not (math.isfinite(amount) and amount >= 0):
        raise InvalidInput(f"The {what} is {amount:g}; it must be a number above 0, or 0 for none.")
    return amount or None


def _volume(message: jobs_pb2.NamedVolume, limits: Limits, what: str) -> NamedVolume:
    return NamedVolume(
        check_digest(message.volume_id, f"{what}: the volume id"),
        check_name(message.name, limits, f"{what}: the name"),
    )


def put_label_spec(message: jobs_pb2.Job, spec: LabelSpec) -> None:
    """Write what was submitted into the message of a job."""
    titles = {one.volume_id: one.title for one in spec.found}

    def named(volume: NamedVolume) -> jobs_pb2.NamedVolume:
        name = volume.name or titles.get(volume.volume_id, "")
        return jobs_pb2.NamedVolume(volume_id=volume.volume_id, name=name)

    def if_given(volume: NamedVolume | None) -> jobs_pb2.NamedVolume | None:
        return None if volume is None else named(volume)

    match spec:
        case EvaluationSpec():
            message.evaluation.CopyFrom(
                jobs_pb2.EvaluationSpec(
                    predictions=[named(one) for one in spec.predictions],
                    truth=named(spec.truth),
                    target=spec.target,
                    unknown_value=spec.unknown_value,
                    empty_sections_are_unknown=spec.empty_sections == "unknown",
                    z=None if spec.z is None else jobs_pb2.SectionRange(start=spec.z[0], stop=spec.z[1]),
                    distances=spec.distances,
                    probabilities=spec.probabilities,
                    pairs=spec.pairs,
                    raw=if_given(spec.raw),
                )
            )
        case MeasurementSpec():
            message.measurement.CopyFrom(
                jobs_pb2.MeasurementSpec(
                    labels=named(spec.labels),
                    raw=if_given(spec.raw),
                    other=if_given(spec.other),
                    classes=if_given(spec.classes),
                    contacts=spec.contacts,
                    skeletons=spec.skeletons,
                    condition=spec.condition,
                )
            )
        case CleaningSpec():
            message.cleaning.CopyFrom(
                jobs_pb2.CleaningSpec(
                    labels=named(spec.labels),
                    merges=[jobs_pb2.MergedObjects(ids=ids) for ids in spec.merges],
                    splits=[
                        jobs_pb2.SplitObject(
                            id=one, points=[jobs_pb2.Voxel(z=z, y=y, x=x) for z, y, x in points]
                        )
                        for one, points in spec.splits
                    ],
                    fill_holes=spec.fill_holes,
                    smooth_nm=spec.smooth_nm or 0.0,
                    minimum_nm3=spec.minimum_nm3 or 0.0,
                    minimum_voxels=spec.minimum_voxels or 0,
                    remove_border=spec.remove_border,
                )
            )

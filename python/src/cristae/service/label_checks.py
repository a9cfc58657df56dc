"""What is looked at before work on label images is queued: all that can be told without their voxels."""

from collections.abc import Sequence

from cristae.jobs.specs import CleaningSpec, EvaluationSpec, LabelSpec, MeasurementSpec, NamedVolume
from cristae.service.house import House
from cristae.volumes import Image


def check_label_job(house: House, spec: LabelSpec) -> str:
    """Refuse a job on label images that cannot work, in its worker's words, and return its title.

    Raises
    ------
    NotFound
        A volume is not there.
    InvalidInput
        The images do not fit each other, or what is asked for cannot be done with them.
    """
    with house.volumes_of(spec) as volumes:
        images = {one: volumes.glance(one.volume_id, one.name) for one in spec.volumes()}
        match spec:
            case EvaluationSpec():
                return _check_evaluation(spec, images)
            case MeasurementSpec():
                return _check_measurement(spec, images)
            case CleaningSpec():
                return _check_cleaning(spec, images)


# Loaded in each: these rooms bring scipy, which a server needs only when someone asks for such a job.


def _check_evaluation(spec: EvaluationSpec, images: dict[NamedVolume, Image]) -> str:
    from cristae.evaluation.evaluating import Choices, check_images

    choices = Choices(
        target=spec.target,
        z=spec.z,
        distances=spec.distances,
        probabilities=spec.probabilities,
        pairs=spec.pairs,
    )
    raw = None if spec.raw is None else images[spec.raw]
    predictions, truth = [images[one] for one in spec.predictions], images[spec.truth]
    names = [image.name or f"image {number}" for number, image in enumerate([*predictions, truth], 1)]
    check_images(predictions, truth, names, choices, raw)
    if spec.pairs:
        return f"{_told([*predictions, truth])} with each other"
    return f"{_told(predictions)} against {truth.name or 'the truth'}"


def _told(images: Sequence[Image]) -> str:
    """Name an image or two, and say how many more there are."""
    names = [image.name or "image" for image in images]
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} more"


def _check_measurement(spec: MeasurementSpec, images: dict[NamedVolume, Image]) -> str:
    from cristae.measuring import Beside, check_measurement

    beside = Beside(*(None if one is None else images[one] for one in (spec.raw, spec.classes, spec.other)))
    labels = images[spec.labels]
    check_measurement(labels, beside, skeletons=spec.skeletons, where=spec.condition or None)
    return f"measuring {labels.name or 'labels'}"


def _check_cleaning(spec: CleaningSpec, images: dict[NamedVolume, Image]) -> str:
    from cristae.labels.cleaning.steps import Steps

    labels = images[spec.labels]
    steps = Steps(
        merge=spec.merges,
        split=dict(spec.splits),
        fill_holes=spec.fill_holes,
        smooth_nm=spec.smooth_nm,
        minimum_nm3=spec.minimum_nm3,
        minimum_voxels=spec.minimum_voxels,
        at_border=spec.remove_border,
    )
    steps.check_for(labels)
    only_splits = bool(spec.splits) and steps == Steps(split=dict(spec.splits))
    return f"{'splitting objects of' if only_splits else 'cleaning'} {labels.name or 'labels'}"

"""What is looked at before a training is queued: names, images, and all that its labels say."""

from typing import TYPE_CHECKING

from cristae.errors import InvalidInput
from cristae.jobs.specs import Spec, TrainingSpec
from cristae.service.house import House
from cristae.volumes import Image
from cristae.volumes.found import JobVolumes

if TYPE_CHECKING:
    from cristae.training.request import TrainingRequest


async def check_training(house: House, spec: TrainingSpec) -> None:
    """Refuse a training that cannot work, in the words in which its worker would.

    Raises
    ------
    NotFound
        A volume or the model to start from is not there.
    InvalidInput
        The images do not go together, or nothing can be learned from the labels; of several images, the
        sentence says which it is.
    """
    await house.quick(_check_names, house, spec)
    async with house.open_volumes(spec) as volumes:
        await _check_volumes(house, spec, volumes)


async def _check_volumes(house: House, spec: TrainingSpec, volumes: JobVolumes) -> None:
    # Loaded here: the label room brings scipy, which a server needs only when someone trains.
    from cristae.labels import share_classes
    from cristae.training.readings import (
        masks_of,
        reading_of,
        refuse_all_held_out,
        refuse_other_channels,
        refuse_swapped,
        refuse_twice,
    )
    from cristae.training.voxel_sizes import refuse_other_voxel_sizes

    count = len(spec.volumes)
    opened = [await house.long(_opened, volumes, spec, number) for number in range(count)]
    refuse_twice(
        [(pair.image_volume_id, *pair.annotators) for pair in spec.volumes],
        [image.name for image, _ in opened],
    )
    request = _request_of(spec, opened)
    refuse_other_channels(request)
    refuse_other_voxel_sizes(request)
    await house.quick(_check_start, house, spec, request)
    await house.long(refuse_swapped, request)
    masks = await house.long(masks_of, request)
    readings = [await house.long(reading_of, request, number, masks) for number in range(count)]
    refuse_all_held_out(request, readings)
    share_classes(readings)  # refuses labels that mean different things in different volumes


def check_presence(house: House, spec: Spec) -> None:
    """Raise NotFound if something that the job needs is not there."""
    found = {one.volume_id for one in spec.found}
    for digest in spec.needs_volumes():
        if digest not in found:
            house.store.open(digest)
    for name in spec.needs_models():
        house.library.get(name)


def _check_names(house: House, spec: TrainingSpec) -> None:
    house.library.check_new_name(spec.model_name)
    check_presence(house, spec)


def _opened(volumes: JobVolumes, spec: TrainingSpec, number: int) -> tuple[Image, Image]:
    """Return an image, counted from 0, with the labels that count."""
    from cristae.labels import about_image, voted

    pair = spec.volumes[number]
    image = volumes.glance(pair.image_volume_id, pair.image_name)  # little but its labels is read
    with about_image(number + 1, len(spec.volumes), image.name):
        if pair.image_volume_id in pair.annotators:
            raise InvalidInput("The image is given as its own labels. Give the labels of the image.")
        labels = voted(
            [volumes.open(digest) for digest in pair.annotators],
            target=spec.target,
            unknown=spec.unknown_value,
            empty_sections=spec.empty_sections,
        )
    return image, labels


def _request_of(spec: TrainingSpec, pairs: list[tuple[Image, Image]]) -> "TrainingRequest":
    """Return as much of what is asked as says what the labels mean."""
    from cristae.labels import unknown_of
    from cristae.training.request import TrainingRequest

    return TrainingRequest(
        pairs=pairs,
        model_name=spec.model_name,
        target=spec.target,
        unknown=unknown_of([labels for _, labels in pairs], spec.unknown_value),
        empty_sections=spec.empty_sections,
        classes=spec.classes,
        z=spec.z,
        validation_z=spec.validation_z,
        settings=spec.settings,
        seed=spec.seed or 0,
    )


def _check_start(house: House, spec: TrainingSpec, request: "TrainingRequest") -> None:
    if not spec.start_from:
        return
    from cristae.training.starting import refuse_unfit

    start = house.library.get(spec.start_from)
    shapes = [image.shape_czyx for image, _ in request.pairs]
    refuse_unfit(
        start.name,
        start.record,
        target=spec.target,
        channels=shapes[0][0],
        sections=max(shape[1] for shape in shapes),
        settings=spec.settings,
    )

"""What the labels of all images of a training mean. The server asks before it queues a job: no torch here."""

from collections.abc import Sequence

from cristae.errors import InvalidInput
from cristae.labels import (
    LabelReading,
    Masks,
    MasksAsOne,
    about_image,
    annotators_of,
    check_range,
    find_masks,
    read_labels,
)
from cristae.labels.swapped import check_not_swapped
from cristae.training.request import TrainingRequest
from cristae.volumes import Image, VoxelSize


def refuse_swapped(request: TrainingRequest) -> None:
    """Refuse an image and its labels that look the wrong way round; other shapes are refused elsewhere.

    Raises
    ------
    InvalidInput
        Of several images, the sentence says which it is.
    """
    for number, (image, labels) in enumerate(request.pairs, 1):
        if image.shape_czyx[1:] == labels.shape_czyx[1:]:
            with about_image(number, len(request.pairs), image.name):
                check_not_swapped(image, annotators_of(labels)[0])


def masks_of(request: TrainingRequest) -> Masks | None:
    """Return the masks of the labels of all images; None where the target is another one.

    Raises
    ------
    InvalidInput
        As :func:`cristae.labels.find_masks`.
    """
    if request.target != "masks":
        return None
    _check_sections(request)
    labels = [labels for _, labels in request.pairs]
    return find_masks(labels, classes=request.classes, unknown=request.unknown, z=request.labelled_z)


def labels_as_one(request: TrainingRequest, number: int, masks: Masks | None) -> tuple[Image, int | None]:
    """Return the labels of an image, counted from 0, with one channel, and the value of unknown voxels."""
    labels = request.pairs[number][1]
    if masks is None:
        return labels, request.unknown
    combined = MasksAsOne(labels, masks, request.unknown)
    return combined, combined.unknown_value


def reading_of(
    request: TrainingRequest, number: int, masks: Masks | None, size: VoxelSize | None = None
) -> LabelReading:
    """Return what the labels of one image mean.

    Parameters
    ----------
    request
        What is asked of the training.
    number
        Of the image, counted from 0.
    masks
        What :func:`masks_of` returned.
    size
        The voxel size of all images.

    Raises
    ------
    InvalidInput
        Nothing can be learned from them; of several images, the sentence says which it is.
    """
    image = request.pairs[number][0]
    with about_image(number + 1, len(request.pairs), image.name):
        if number == 0:
            _check_sections(request)
        labels, unknown = labels_as_one(request, number, masks)
        return read_labels(
            labels,
            image.shape_czyx,
            target=request.target,
            unknown=unknown,
            empty_sections=request.empty_sections,
            classes=request.classes,
            z=request.labelled_z if number == 0 else None,
            voxel_size=size,
            masks=masks,
            may_lack_labels=number > 0 and request.looks_at_unlabelled,
        )


def refuse_other_channels(request: TrainingRequest) -> None:
    """Refuse images with different numbers of channels.

    Raises
    ------
    InvalidInput
        With the numbers that were found.
    """
    found = sorted({image.shape_czyx[0] for image, _ in request.pairs})
    if len(found) > 1:
        told = " and ".join(map(str, found))
        raise InvalidInput(
            f"The images have different numbers of channels: {told}. Train on images of one kind."
        )


def refuse_all_held_out(request: TrainingRequest, readings: Sequence[LabelReading]) -> None:
    """Refuse sections to validate on that leave none to train on.

    Parameters
    ----------
    request
        Which sections a person chose.
    readings
        Of the labels of all images.

    Raises
    ------
    InvalidInput
        Every annotated section is validated on, or lies outside of those to train on.
    """
    if request.validation_z is None or any(reading.is_labelled for reading in readings[1:]):
        return
    chosen = range(*(request.z or (0, readings[0].section_count)))
    held = range(*request.validation_z)
    if not any(z in chosen and z not in held for z in readings[0].annotated_sections):
        raise InvalidInput(
            "Every annotated section that may be trained on is held out for validation. Validate on fewer "
            "sections, or train on more."
        )


def refuse_twice(digests: Sequence[tuple[str, ...]], names: Sequence[str]) -> None:
    """Refuse an image that is given twice: what is held out of the one would be trained on in the other.

    Parameters
    ----------
    digests
        Of each image, with those of its labels behind it.
    names
        Of the images.

    Raises
    ------
    InvalidInput
        With the images that are the same.

    Examples
    --------
    >>> refuse_twice([("a", "b"), ("c", "b")], ["x.tif", "y.tif"])
    >>> refuse_twice([("a", "b"), ("a", "c")], ["x.tif", "x.tif"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: Images 1 and 2 of 2, x.tif, are the same. Give each image once, and ...
    """
    images = [image for image, *_ in digests]
    for number, image in enumerate(images, 1):
        earlier = images.index(image) + 1
        if earlier < number:
            name = names[number - 1]
            raise InvalidInput(
                f"Images {earlier} and {number} of {len(images)}{f', {name},' if name else ''} are the same. "
                "Give each image once, and what other people labelled in it as further annotators."
            )


def _check_sections(request: TrainingRequest) -> None:
    depth = request.pairs[0][0].shape_czyx[1]
    check_range(request.z, depth)
    start, stop = request.validation_z or (0, depth)
    if not 0 <= start < stop <= depth:
        raise InvalidInput(
            f"The validation sections {start}:{stop} are not in the image, which has the sections "
            f"0:{depth} (half-open, counted from 0)."
        )

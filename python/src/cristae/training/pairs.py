"""From pairs of images and labels to what is trained on."""

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import UNKNOWN, share_classes
from cristae.training.fingerprint import estimate_anisotropy
from cristae.training.readings import (
    labels_as_one,
    masks_of,
    reading_of,
    refuse_all_held_out,
    refuse_other_channels,
    refuse_swapped,
)
from cristae.training.regions import Region
from cristae.training.request import TrainingRequest
from cristae.training.telling import sections_told
from cristae.training.voxel_sizes import refuse_other_voxel_sizes, voxel_size_of
from cristae.volumes import VoxelSize


def read_pairs(request: TrainingRequest) -> list[Region]:
    """Read the labels of every pair, and refuse what does not go together."""
    if not request.pairs:
        raise InvalidInput("There is no image to train on. Give an image with its labels.")
    refuse_other_voxel_sizes(request)
    size = voxel_size_of(request) or estimated_size(request)
    refuse_swapped(request)
    masks = masks_of(request)
    readings = [reading_of(request, number, masks, size) for number in range(len(request.pairs))]
    refuse_other_channels(request)
    refuse_all_held_out(request, readings)
    return [
        Region(
            image,
            labels_as_one(request, number, masks)[0],
            reading,
            training_z=request.z if number == 0 else None,
        )
        for number, ((image, _), reading) in enumerate(
            zip(request.pairs, share_classes(readings), strict=True)
        )
    ]


def estimated_size(request: TrainingRequest) -> VoxelSize:
    """Return a voxel size of the right proportions for all images, where none is known."""
    deepest = max((image for image, _ in request.pairs), key=lambda image: image.shape_czyx[1])
    return VoxelSize(estimate_anisotropy(deepest, range(deepest.shape_czyx[1])), 1.0, 1.0)


def refuse_unlabelled_validation(region: Region, request: TrainingRequest) -> None:
    """Refuse sections of the first image to validate on that have no labels.

    Parameters
    ----------
    region
        The first image with its labels.
    request
        Which sections a person asked for, if any.

    Raises
    ------
    InvalidInput
        No voxel there is known.
    """
    if request.validation_z is None:
        return
    start, stop = request.validation_z
    depth, rows, columns = region.shape_zyx
    sections = (Box((z, 0, 0), (z + 1, rows, columns)) for z in range(start, min(stop, depth)))
    if not any((region.targets(section, validation=True) != UNKNOWN).any() for section in sections):
        raise InvalidInput(
            f"There are no labels in {sections_told((start, stop))}, which should be validated on "
            f"({start}:{stop}, where the first is 0)."
        )

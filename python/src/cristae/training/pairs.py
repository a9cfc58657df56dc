"""From pairs of images and labels to what is trained on, and what is held out of it."""

from collections.abc import Sequence

from cristae.errors import InvalidInput
from cristae.events import Note
from cristae.geometry import Box
from cristae.labels import UNKNOWN, share_classes
from cristae.training.fingerprint import estimate_anisotropy
from cristae.training.plan import Plan
from cristae.training.readings import (
    labels_as_one,
    masks_of,
    reading_of,
    refuse_other_channels,
    refuse_swapped,
)
from cristae.training.regions import Region, choose_held_out, class_profiles
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


def hold_out(regions: Sequence[Region], request: TrainingRequest, plan: Plan) -> list[Note]:
    """Hold a block of each region out for validation, or the sections that were asked for."""
    notes: list[Note] = []
    down = plan.choices.downsample_zyx
    in_depth = plan.network.dims == 3
    gap = (4 * down[0] if in_depth else 1, 8 * down[1], 8 * down[2])
    for index, region in enumerate(regions):
        region.gap_zyx = gap
        if index == 0 and request.validation_z is not None:
            start, stop = request.validation_z
            region.held_out = Box((start, 0, 0), (stop, *region.shape_zyx[1:]))
            region.gap_zyx = (0, 0, 0)  # the person chose the sections to train on as well
        elif plan.choices.validation > 0 and region.reading.is_labelled:
            counts = class_profiles(region)
            region.held_out = choose_held_out(counts, region.annotated_box, plan.choices.validation, gap)
        held = region.held_out
        if held is None:
            continue
        name = f" of {region.image.name or f'image {index + 1}'}" if len(regions) > 1 else ""
        told = sections_told((held.start[0], held.stop[0]))
        part = "a part of " if held.shape[1:] != region.shape_zyx[1:] else ""
        z, y, x = (f"{a}:{b}" for a, b in zip(held.start, held.stop, strict=True))
        notes.append(
            Note(f"Held out for validation: {part}{told}{name} (z {z}, y {y}, x {x}, where the first is 0).")
        )
    return notes

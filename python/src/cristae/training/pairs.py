"""From pairs of images and labels to what is trained on, and what is held out of it."""

from collections.abc import Sequence
from dataclasses import replace

from cristae.errors import InvalidInput
from cristae.events import Note
from cristae.geometry import Box
from cristae.labels import UNKNOWN, MasksAsOne, find_masks, read_labels, share_classes
from cristae.training.fingerprint import estimate_anisotropy
from cristae.training.plan import Plan
from cristae.training.regions import Region, choose_held_out, class_profiles
from cristae.training.request import TrainingRequest
from cristae.training.telling import sections_told
from cristae.volumes import VoxelSize

_LIKE_SIZES = 1.1
"""Images whose voxels differ by at most this factor are trained on together."""

_ATOM_NM, _NO_MICROSCOPE_NM = 0.1, 1000.0
"""In the plane of a section, voxels are larger than the first and smaller than the second."""


def read_pairs(request: TrainingRequest) -> list[Region]:
    """Read the labels of every pair, and refuse what does not go together."""
    if not request.pairs:
        raise InvalidInput("There is no image to train on. Give an image with its labels.")
    _refuse_other_voxel_sizes(request)
    size = voxel_size_of(request) or estimated_size(request)
    regions: list[Region] = []
    first_z = request.z
    if first_z is not None and request.validation_z is not None:
        first_z = (min(first_z[0], request.validation_z[0]), max(first_z[1], request.validation_z[1]))
    label_images, masks, unknown = [labels for _, labels in request.pairs], None, request.unknown
    if request.target == "masks":
        masks = find_masks(label_images, classes=request.classes, unknown=unknown, z=first_z)
        combined = [MasksAsOne(labels, masks, unknown) for labels in label_images]
        label_images, unknown = [*combined], combined[0].unknown_value
    for index, ((image, _), labels) in enumerate(zip(request.pairs, label_images, strict=True)):
        reading = read_labels(
            labels,
            image.shape_czyx,
            target=request.target,
            unknown=unknown,
            empty_sections=request.empty_sections,
            classes=request.classes,
            z=first_z if index == 0 else None,
            voxel_size=size,
            masks=masks,
        )
        training_z = request.z if index == 0 else None
        regions.append(Region(image, labels, reading, training_z=training_z))
    channels = {region.image.shape_czyx[0] for region in regions}
    if len(channels) > 1:
        raise InvalidInput(
            f"The images have different numbers of channels: {sorted(channels)}. Use alike ones."
        )
    agreed = share_classes([region.reading for region in regions])
    return [replace(region, reading=reading) for region, reading in zip(regions, agreed, strict=True)]


def voxel_size_of(request: TrainingRequest) -> VoxelSize | None:
    """Return what was asked for, else the voxel size of the deepest image that tells one."""
    known = [
        (image, size) for image, labels in request.pairs if (size := image.voxel_size or labels.voxel_size)
    ]
    if request.voxel_size or not known:
        return request.voxel_size
    return max(known, key=lambda pair: pair[0].shape_czyx[1])[1]


def doubtful_sizes_told(request: TrainingRequest) -> list[str]:
    """Return a warning for each voxel size that cannot be, or that image and labels do not agree on."""
    told = []
    size = voxel_size_of(request)
    advice = (
        "Every image that is predicted is scaled to it. Give the right one, or correct that of the images."
    )
    if size is not None and min(size.y_nm, size.x_nm) < _ATOM_NM:
        unit = "smaller than an atom: is the unit another one?"
        told.append(f"The voxels are {_told(size)} (z, y, x), {unit} {advice}")
    if request.voxel_size:
        return told
    if size is not None and max(size.y_nm, size.x_nm) >= _NO_MICROSCOPE_NM:
        source = "as the images say: surely a program's default?"
        told.append(f"The voxels are {_told(size)} (z, y, x), {source} {advice}")
    for image, labels in request.pairs:
        ours, theirs = image.voxel_size, labels.voxel_size
        if ours is None and theirs is not None:
            told.append(f"The image does not say its voxel size; that of its labels counts, {_told(theirs)}.")
        elif ours is not None and theirs is not None and not _alike(ours, theirs, image.shape_czyx[1]):
            told.append(
                f"The image has voxels of {_told(ours)} (z, y, x), its labels of {_told(theirs)}: that of "
                "the image counts."
            )
    return told


def _refuse_other_voxel_sizes(request: TrainingRequest) -> None:
    """Refuse images of which one shows objects at another scale than the others; the network sees voxels."""
    size = voxel_size_of(request)
    if request.voxel_size or size is None:
        return
    for number, (image, labels) in enumerate(request.pairs, start=1):
        own = image.voxel_size or labels.voxel_size
        if own is None:
            continue
        if not _alike(own, size, image.shape_czyx[1]):
            raise InvalidInput(
                f"The images have different voxel sizes: {image.name or f'image {number}'} has {_told(own)}, "
                f"another one {_told(size)} (z, y, x). Scale them alike before, or, if the sizes are wrong, "
                "give the right one for all."
            )


def _alike(one: VoxelSize, other: VoxelSize, sections: int) -> bool:
    axes = (1, 2) if sections == 1 else (0, 1, 2)  # one section has no distance of sections
    ratios = [one.zyx_nm[axis] / other.zyx_nm[axis] for axis in axes]
    return all(max(ratio, 1 / ratio) <= _LIKE_SIZES for ratio in ratios)


def _told(size: VoxelSize) -> str:
    z, y, x = size.zyx_nm
    return f"{z:g} x {y:g} x {x:g} nm"


def estimated_size(request: TrainingRequest) -> VoxelSize:
    """Return a voxel size of the right proportions for all images, where none is known."""
    deepest = max((image for image, _ in request.pairs), key=lambda image: image.shape_czyx[1])
    return VoxelSize(estimate_anisotropy(deepest, range(deepest.shape_czyx[1])), 1.0, 1.0)


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
            if not 0 <= start < stop <= region.shape_zyx[0]:
                raise InvalidInput(
                    f"The validation sections {start}:{stop} are not in the image, which has the sections "
                    f"0:{region.shape_zyx[0]} (half-open, counted from 0)."
                )
            region.held_out = Box((start, 0, 0), (stop, *region.shape_zyx[1:]))
            region.gap_zyx = (0, 0, 0)  # the person chose the sections to train on as well
            if not any((targets != UNKNOWN).any() for _, targets in region.slabs(validation=True)):
                raise InvalidInput(
                    f"There are no labels in {sections_told((start, stop))}, which should be validated on "
                    f"({start}:{stop}, where the first is 0)."
                )
        elif plan.choices.validation > 0:
            counts = class_profiles(region)
            region.held_out = choose_held_out(counts, region.annotated_box, plan.choices.validation, gap)
        held = region.held_out
        if held is None:
            continue
        name = f" of {region.image.name or f'image {index + 1}'}" if len(regions) > 1 else ""
        told = sections_told((held.start[0], held.stop[0]))
        z, y, x = (f"{a}:{b}" for a, b in zip(held.start, held.stop, strict=True))
        notes.append(
            Note(
                f"Validated on a part of {told}{name} that is not trained on (z {z}, y {y}, x {x}, where the "
                "first is 0)."
            )
        )
    return notes

"""The voxel sizes of the images of a training: which counts, which are doubtful, which do not go together.

The server asks before it queues a job: no torch here.
"""

from cristae.errors import InvalidInput
from cristae.training.request import TrainingRequest
from cristae.volumes import VoxelSize

_LIKE_SIZES = 1.1
"""Images whose voxels differ by at most this factor are trained on together."""

_ATOM_NM, _NO_MICROSCOPE_NM = 0.1, 1000.0
"""In the plane of a section, voxels are larger than the first and smaller than the second."""


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


def refuse_other_voxel_sizes(request: TrainingRequest) -> None:
    """Refuse images of which one shows objects at another scale than the others; the network sees voxels.

    Raises
    ------
    InvalidInput
        With both voxel sizes, unless one for all was asked for.
    """
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

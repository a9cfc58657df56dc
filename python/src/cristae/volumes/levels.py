"""Which coarser levels an OME-Zarr image has: each half as fine, so that a viewer shows it at once."""

from dataclasses import dataclass

from cristae.geometry import Triple
from cristae.volumes.spec import VolumeSpec, VoxelSize

LARGEST_COARSEST = 512
"""Voxels along the longest axis of an image that needs no coarser level."""

_LIKE = 1.5
"""Sections are taken together as soon as they lie no farther apart than so many columns."""


@dataclass(frozen=True, slots=True)
class Level:
    """A coarser level.

    Parameters
    ----------
    spec
        What it is, with its own shape and voxel size.
    factor_zyx
        Voxels of the level before it that make one of its own, 1 or 2 along each axis.
    whole_zyx
        Voxels of the image that make one of its own.
    """

    spec: VolumeSpec
    factor_zyx: Triple
    whole_zyx: Triple


def levels_of(spec: VolumeSpec) -> tuple[Level, ...]:
    """Return the levels below the image itself, finest first.

    Rows and columns are halved each time. Sections are, once the columns of the level before are about as
    wide as the sections are apart; where no voxel size is known, always.

    Examples
    --------
    >>> sections = VolumeSpec((1, 30, 2000, 1500), "uint8", VoxelSize(40, 8, 8))
    >>> [one.spec.shape_czyx for one in levels_of(sections)]
    [(1, 30, 1000, 750), (1, 30, 500, 375)]
    >>> levels_of(VolumeSpec((1, 30, 512, 300), "uint8"))
    ()
    """
    found: list[Level] = []
    whole, current = (1, 1, 1), spec
    while max(current.shape_czyx[1:]) > LARGEST_COARSEST:
        c, *sides = current.shape_czyx
        factor = _factor(sides, current.voxel_size)
        if factor == (1, 1, 1):
            break
        shape = (c, *(-(-side // by) for side, by in zip(sides, factor, strict=True)))
        whole = _times(whole, factor)
        current = VolumeSpec(
            (shape[0], shape[1], shape[2], shape[3]),
            spec.dtype,
            _coarser(spec.voxel_size, whole),
            name=spec.name,
            classes=spec.classes,
        )
        found.append(Level(current, factor, whole))
    return tuple(found)


def _factor(sides: list[int], size: VoxelSize | None) -> Triple:
    z, y, x = (2 if side > 1 else 1 for side in sides)
    halves_z = size is None or size.z_nm <= _LIKE * size.x_nm or y == x == 1
    return (z if halves_z else 1), y, x


def _times(one: Triple, other: Triple) -> Triple:
    return one[0] * other[0], one[1] * other[1], one[2] * other[2]


def _coarser(size: VoxelSize | None, whole: Triple) -> VoxelSize | None:
    if size is None:
        return None
    z, y, x = (length * by for length, by in zip(size.zyx_nm, whole, strict=True))
    return VoxelSize(z, y, x, size.display_unit)

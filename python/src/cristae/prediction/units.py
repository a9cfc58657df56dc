"""A large volume in units, which several processes predict: each unit is whole blocks of the output."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box, grid
from cristae.volumes import VolumeSpec

FEWEST_UNITS = 32
"""A volume that is not small is cut into so many at least."""

LEAST_VOXELS, MOST_VOXELS = 2**22, 2**25


def unit_shape(spec: VolumeSpec) -> tuple[int, int, int]:
    """Return the shape (z, y, x) of a unit: blocks that make it about a cube, which needs the least halo.

    Examples
    --------
    >>> unit_shape(VolumeSpec((1, 2000, 4000, 4000), "uint8"))
    (128, 512, 512)
    >>> unit_shape(VolumeSpec((1, 10, 300, 300), "uint8"))
    (10, 300, 300)
    """
    _, *whole = spec.shape_czyx
    _, *sides = spec.block_shape_czyx
    most = min(MOST_VOXELS, max(LEAST_VOXELS, prod(whole) // FEWEST_UNITS))
    while shorter := [axis for axis in range(3) if sides[axis] < whole[axis]]:
        axis = min(shorter, key=sides.__getitem__)
        longer = [*sides[:axis], min(2 * sides[axis], whole[axis]), *sides[axis + 1 :]]
        if prod(longer) > most:
            break
        sides = longer
    return sides[0], sides[1], sides[2]


def units_of(spec: VolumeSpec) -> Iterator[Box]:
    """Yield the units of a volume in the order z, y, x."""
    yield from grid(spec.shape_czyx[1:], unit_shape(spec))


class PartInMemory:
    """An output that keeps a part of a volume, (c, z, y, x), and nothing of what lies around it."""

    def __init__(self, channels: int, part: Box) -> None:
        self.resumed = False
        self._part = part
        self.voxels: NDArray[np.uint8] = np.zeros((channels, *part.shape), np.uint8)

    def write(self, box_zyx: Box, voxels: NDArray[Any]) -> None:
        """Keep what of a box lies in the part."""
        common = box_zyx.intersection(self._part)
        if common is not None:
            here = (slice(None), *common.relative_to(self._part).slices)
            self.voxels[here] = voxels[(slice(None), *common.relative_to(box_zyx).slices)]

    def sync(self) -> None:
        """Do nothing: memory outlives no power cut."""

"""Drawing an object on a grid whose steps are about as long along every axis, and none too many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FINEST = 2**22
"""Voxels of the box of an object on such a grid: a larger one gets a coarser grid, which bounds the time."""


@dataclass(frozen=True)
class EvenGrid:
    """How voxels become those of another grid: each repeated, or some made one.

    Attributes
    ----------
    repeats, pools
        (z, y, x): how often each voxel is repeated, and how many are made one; one of both is 1.
    """

    repeats: tuple[int, ...]
    pools: tuple[int, ...]

    def drawn(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return a mask (z, y, x) on the grid; a voxel that is made of some is in if one of them is.

        Examples
        --------
        >>> EvenGrid((1, 2, 1), (1, 1, 2)).drawn(np.array([[[True, False, False]]])).tolist()
        [[[True, False], [True, False]]]
        """
        for axis in range(3):
            if self.repeats[axis] > 1:
                mask = np.repeat(mask, self.repeats[axis], axis)
            elif self.pools[axis] > 1:
                starts = np.arange(0, mask.shape[axis], self.pools[axis])
                mask = np.logical_or.reduceat(mask, starts, axis)
        return mask

    def spacing(self, sides: Sequence[float]) -> tuple[float, ...]:
        """Return the steps of the grid, of the sides (z, y, x) of a voxel."""
        return tuple(
            side * pool / repeat for side, pool, repeat in zip(sides, self.pools, self.repeats, strict=True)
        )

    def voxels(self, places: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return which voxels of the mask lie at places (n, 3) of the grid; the middle of those made one.

        Examples
        --------
        >>> EvenGrid((1, 2, 1), (1, 1, 2)).voxels(np.array([[0, 1, 1]])).tolist()
        [[0.0, 0.0, 2.5]]
        """
        pools = np.array(self.pools)
        return np.asarray(places // np.array(self.repeats) * pools + (pools - 1) / 2, np.float64)

    @property
    def stairs(self) -> float:
        """Voxels of the mask by which a straight line on the grid may stray from itself."""
        return float(max(self.pools))


def even_grid(shape: Sequence[int], sides: Sequence[float], finest: int = FINEST) -> EvenGrid:
    """Choose the grid for the box of an object: its step is the shortest side, or twice, four times that.

    Parameters
    ----------
    shape, sides
        (z, y, x) of the box, and of a voxel. Of a single section only y and x count.
    finest
        How many voxels it may have.

    Examples
    --------
    >>> even_grid((20, 100, 100), (50, 4.6, 4.6))
    EvenGrid(repeats=(11, 1, 1), pools=(1, 1, 1))
    >>> even_grid((20, 100, 100), (50, 4.6, 4.6), finest=2**20)
    EvenGrid(repeats=(5, 1, 1), pools=(1, 2, 2))
    """
    axes = [axis for axis in range(3) if axis or shape[0] > 1]
    step = min(sides[axis] for axis in axes)
    while True:
        repeats = tuple(max(1, round(sides[axis] / step)) if axis in axes else 1 for axis in range(3))
        pools = tuple(max(1, round(step / sides[axis])) if axis in axes else 1 for axis in range(3))
        size = math.prod(
            -(-length * repeat // pool) for length, repeat, pool in zip(shape, repeats, pools, strict=True)
        )
        if size <= finest:
            return EvenGrid(repeats, pools)
        step *= 2

"""Prediction and truth side by side in the same numbers, box by box: what pictures and distances look at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cristae.geometry import Box
from cristae.labels import slabs
from cristae.labels.scan import SLAB_VOXELS
from cristae.volumes import LabelClass


@dataclass(frozen=True)
class Compared:
    """A box of both.

    Attributes
    ----------
    truth, prediction
        Numbers (c, z, y, x) that mean the same on both sides, 0 being background: classes in one channel; for
        masks a channel for each, in which its number stands inside; for objects the true ids, which matched
        predicted objects have too, while those without a partner are negative.
    known
        False where the truth is unknown, (z, y, x).
    """

    truth: npt.NDArray[np.integer]
    prediction: npt.NDArray[np.integer]
    known: npt.NDArray[np.bool_]

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """The known voxels about which the two differ, (z, y, x)."""
        return np.asarray((self.truth != self.prediction).any(axis=0) & self.known)


@dataclass(frozen=True)
class Comparison:
    """A prediction and its truth.

    Attributes
    ----------
    shape_zyx
        Of the whole volume.
    z
        The sections that are compared, half-open.
    channels
        Of :attr:`Compared.truth`.
    classes
        The table of classes or masks; empty for objects.
    read
        Returns a box of both.
    """

    shape_zyx: tuple[int, int, int]
    z: tuple[int, int]
    channels: int
    classes: Sequence[LabelClass]
    read: Callable[[Box], Compared]

    def parts(self, margin: int = 0) -> Iterator[tuple[Compared, Box, Box]]:
        """Yield the volume part by part, in constant memory.

        Parameters
        ----------
        margin
            So many voxels more are read on each side, but none beyond the volume or the range of sections.

        Yields
        ------
        compared, read, core
            The box that was read, which box this is, and the part of it without margin.
        """
        everything = Box((self.z[0], 0, 0), (self.z[1], *self.shape_zyx[1:]))
        for core in slabs(self.shape_zyx, self.z, SLAB_VOXELS // self.channels):
            box = core.grown((margin,) * 3).clipped(everything) if margin else core
            yield self.read(box), box, core

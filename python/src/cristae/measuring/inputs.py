"""Label images, slab by slab, with one voxel more on each side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cristae.errors import LimitExceeded
from cristae.geometry import Box
from cristae.labels import check_same_shape, read_ids, slabs
from cristae.volumes import Image, VoxelSize

LABELS = "labels"
WIDEST = 2**20
"""Voxels of a row; sums of squares over a longer run do not fit into 64 bits."""


@dataclass(frozen=True)
class Slab:
    """A part of a label image.

    Attributes
    ----------
    core
        The box that it stands for; the cores of all slabs make up the volume.
    padded
        Ids (z, y, x) of this box and one voxel more on each side; 0 beyond the volume.
    """

    core: Box
    padded: npt.NDArray[np.integer]

    @property
    def ids(self) -> npt.NDArray[np.integer]:
        """The ids (z, y, x) of the core."""
        return self.padded[1:-1, 1:-1, 1:-1]


def check_labels(labels: Image, what: str = LABELS) -> None:
    """Refuse what cannot be a label image, without reading a voxel."""
    check_same_shape(labels.shape_czyx, (1, *labels.shape_czyx[1:]), labels=what, image="volume")
    if labels.shape_czyx[3] > WIDEST:
        raise LimitExceeded(
            f"The {what} are {labels.shape_czyx[3]} voxels wide; at most {WIDEST} can be measured. Cut them "
            "into parts."
        )


def slabs_of(labels: Image, slab_voxels: int, what: str = LABELS) -> Iterator[Slab]:
    """Yield a label image in slabs of at most so many voxels, one row at least.

    Raises
    ------
    InvalidInput
        For negative values, ids beyond 2^63 - 1, and what :func:`cristae.labels.as_integers` refuses.
    """
    shape_zyx = labels.shape_czyx[1:]
    for core in slabs(shape_zyx, voxels=slab_voxels):
        yield Slab(core, read_padded(labels, core, what))


def read_padded(labels: Image, core: Box, what: str = LABELS) -> npt.NDArray[np.integer]:
    """Return the ids (z, y, x) of a box and one voxel more on each side, 0 beyond the volume."""
    whole = Box.of_shape(labels.shape_czyx[1:])
    around = core.grown((1, 1, 1))
    read = around.clipped(whole)
    ids = read_ids(labels, read, what)
    missing = [
        (low - start, stop - high)
        for start, stop, low, high in zip(around.start, around.stop, read.start, read.stop, strict=True)
    ]
    return np.pad(ids, missing)


def beside(padded: npt.NDArray[np.integer], axis: int, sign: int) -> npt.NDArray[np.integer]:
    """Return the neighbours of the voxels of a core, before (-1) or after (1) them along an axis.

    Examples
    --------
    >>> beside(np.pad(np.array([[[1, 2, 3]]]), 1), 2, 1)
    array([[[2, 3, 0]]])
    """
    index = [slice(1, -1)] * 3
    index[axis] = slice(1 + sign, padded.shape[axis] - 1 + sign)
    return padded[tuple(index)]


@dataclass(frozen=True)
class Units:
    """What a voxel measures.

    Attributes
    ----------
    sides
        (z, y, x) of a voxel.
    unit
        "nm", or "px" where the size of the voxels is not known: then a side is 1.
    is_flat
        Whether the image is a single section: it has areas and perimeters, no volumes and surfaces.
    """

    sides: tuple[float, float, float]
    unit: str
    is_flat: bool

    @classmethod
    def of(cls, labels: Image, voxel_size: VoxelSize | None) -> "Units":
        """Return the units of a label image, with another voxel size if one is given."""
        size = voxel_size or labels.voxel_size
        sides = (1.0, 1.0, 1.0) if size is None else size.zyx_nm
        return cls(sides, "px" if size is None else "nm", labels.shape_czyx[1] == 1)

    @property
    def axes(self) -> str:
        """The letters of the axes: "zyx", or "yx" in a single section."""
        return "yx" if self.is_flat else "zyx"

    @property
    def own_sides(self) -> npt.NDArray[np.float64]:
        """The sides of a voxel along :attr:`axes`."""
        return np.array(self.sides[1:] if self.is_flat else self.sides)

"""The part of an image that is predicted: a box, or where a mask is not 0. Outside is 0 and costs nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box, Triple
from cristae.labels import slabs
from cristae.volumes import Image, VoxelSize
from cristae.volumes.mask import check_box, check_mask

type Wanted = Image | Box
"""The part of an image that is to be predicted: a mask over it, or a box (z, y, x) of its voxels."""


class InsideBox:
    """A box of an image.

    Parameters
    ----------
    box_zyx
        Of the image's voxels.
    shape_zyx
        Of the image.

    Raises
    ------
    InvalidInput
        The box reaches beyond the image.

    Examples
    --------
    >>> left = InsideBox(Box((0, 0, 0), (1, 2, 3)), (1, 2, 6))
    >>> left.of(Box((0, 0, 2), (1, 1, 5))).tolist()
    [[[True, False, False]]]
    >>> left.of(Box((0, 0, 3), (1, 2, 6))) is None
    True
    """

    note = None

    def __init__(self, box_zyx: Box, shape_zyx: Triple) -> None:
        check_box(box_zyx, shape_zyx)
        self._box = box_zyx

    def is_empty(self) -> bool:
        """Tell that something is to be predicted."""
        return False

    def of(self, box_zyx: Box) -> NDArray[np.bool_] | None:
        """Return which voxels of a box of the image lie inside, (z, y, x); None if none does."""
        common = self._box.intersection(box_zyx)
        if common is None:
            return None
        inside = np.zeros(box_zyx.shape, np.bool_)
        inside[common.relative_to(box_zyx).slices] = True
        return inside


class Inside:
    """A mask over an image, as large as it or coarser.

    Parameters
    ----------
    mask
        With one channel. Along each axis it has as many voxels as the image, or one for every whole number of
        them, as in a mask that was drawn on a coarse level of a pyramid.
    shape_zyx, voxel_size
        Of the image.

    Raises
    ------
    InvalidInput
        It has several channels, or lies on no such grid; see :func:`cristae.volumes.mask.check_mask`.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> left = Inside(ArrayImage(np.array([[1, 0]], np.uint8)), (1, 2, 6))
    >>> left.of(Box((0, 0, 2), (1, 1, 5))).tolist()
    [[[True, False, False]]]
    >>> left.of(Box((0, 0, 3), (1, 2, 6))) is None
    True
    """

    def __init__(self, mask: Image, shape_zyx: Triple, voxel_size: VoxelSize | None = None) -> None:
        self._times = check_mask(mask.shape_czyx, shape_zyx, mask.voxel_size, voxel_size)
        self._mask = mask
        coarser = " x ".join(map(str, self._times))
        self.note = (
            None
            if max(self._times) == 1
            else f"The mask is {coarser} times as coarse as the image (z, y, x)."
        )

    def is_empty(self) -> bool:
        """Tell whether the mask is 0 everywhere, refusing what is no number: all of such a mask is read."""
        may_be_bad, is_empty = self._mask.dtype.kind == "f", True
        for box in slabs(self._mask.shape_czyx[1:]):
            is_empty = not self._read(box).any() and is_empty
            if not is_empty and not may_be_bad:
                break
        return is_empty

    def of(self, box_zyx: Box) -> NDArray[np.bool_] | None:
        """Return which voxels of a box of the image lie inside, (z, y, x); None if none does."""
        places = [
            np.minimum(np.arange(start, stop) // times, side - 1)
            for start, stop, side, times in zip(
                box_zyx.start, box_zyx.stop, self._mask.shape_czyx[1:], self._times, strict=True
            )
        ]
        voxels = self._read(
            Box(tuple(int(one[0]) for one in places), tuple(int(one[-1]) + 1 for one in places))
        )
        if not voxels.any():
            return None
        z, y, x = (one - one[0] for one in places)
        inside: NDArray[np.bool_] = voxels[np.ix_(z, y, x)]
        return inside

    def _read(self, box_zyx: Box) -> NDArray[np.bool_]:
        voxels: NDArray[Any] = self._mask.read(box_zyx)[0]
        if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
            raise InvalidInput(
                "The mask contains NaN or infinity, which is neither inside nor outside. Set these voxels to "
                "0, or to 1 where the image is to be predicted."
            )
        inside: NDArray[np.bool_] = voxels != 0
        return inside


def inside_of(wanted: Wanted, shape_zyx: Triple, voxel_size: VoxelSize | None = None) -> "Inside | InsideBox":
    """Return what tells for each box of an image which of its voxels are to be predicted.

    Raises
    ------
    InvalidInput
        The mask or the box does not fit the image.
    """
    if isinstance(wanted, Box):
        return InsideBox(wanted, shape_zyx)
    return Inside(wanted, shape_zyx, voxel_size)


def told_apart(wanted: Wanted) -> list[int]:
    """Return what tells boxes from each other and from masks; of a mask, its name says what is in it."""
    return [*wanted.start, *wanted.stop] if isinstance(wanted, Box) else list(wanted.shape_czyx[1:])

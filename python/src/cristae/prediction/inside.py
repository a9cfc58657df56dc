"""The part of an image that is predicted: where a mask is not 0. What lies outside is 0 and costs nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import slabs
from cristae.prediction.tiling import Triple
from cristae.volumes import Image, VoxelSize
from cristae.volumes.mask import check_mask


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

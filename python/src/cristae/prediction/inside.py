"""The part of an image that is predicted: where a mask is not 0. What lies outside is 0 and costs nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.prediction.tiling import Triple
from cristae.volumes import Image
from cristae.volumes.mask import check_mask


class Inside:
    """A mask over an image, as large as it or coarser.

    Parameters
    ----------
    mask
        With one channel. Along each axis it has as many voxels as the image, or fewer: then each stands for
        those of the image that lie in it, as in a mask that was drawn on a coarse level of a pyramid.
    shape_zyx
        The image.

    Raises
    ------
    InvalidInput
        It has several channels, or is finer than the image.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> left = Inside(ArrayImage(np.array([[1, 0]], np.uint8)), (1, 2, 6))
    >>> left.of(Box((0, 0, 2), (1, 1, 5))).tolist()
    [[[True, False, False]]]
    >>> left.of(Box((0, 0, 3), (1, 2, 6))) is None
    True
    """

    def __init__(self, mask: Image, shape_zyx: Triple) -> None:
        check_mask(mask.shape_czyx, shape_zyx)
        _, *sides = mask.shape_czyx
        self._mask, self._shape = mask, shape_zyx
        times = [whole / side for side, whole in zip(sides, shape_zyx, strict=True)]
        coarser = " x ".join(f"{one:.3g}" for one in times)
        self.note = (
            None if max(times) == 1 else f"The mask is {coarser} times as coarse as the image (z, y, x)."
        )

    def of(self, box_zyx: Box) -> NDArray[np.bool_] | None:
        """Return which voxels of a box of the image lie inside, (z, y, x); None if none does."""
        places = [
            (2 * np.arange(start, stop) + 1) * side // (2 * whole)  # in whose middle or before it they lie
            for start, stop, side, whole in zip(
                box_zyx.start, box_zyx.stop, self._mask.shape_czyx[1:], self._shape, strict=True
            )
        ]
        read = Box(tuple(int(one[0]) for one in places), tuple(int(one[-1]) + 1 for one in places))
        voxels: NDArray[Any] = self._mask.read(read)[0] != 0
        if not voxels.any():
            return None
        z, y, x = (one - one[0] for one in places)
        inside: NDArray[np.bool_] = voxels[np.ix_(z, y, x)]
        return inside

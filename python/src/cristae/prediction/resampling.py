"""An image of another voxel size than the model's, seen on the model's grid; and the way back.

Both grids cover the same block of tissue. Everything is computed from positions in the whole volume, never in
a tile, so that the tiles cannot be seen.
"""

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.volumes import Image, VoxelSize

Triple = tuple[int, int, int]
type Float32 = NDArray[np.float32]

# Of finite voxels in a new one: below this it is rounding.
_LEAST_SHARE = 1e-4


class ResampledImage:
    """An image on another grid over the same tissue.

    Linear interpolation; averages where the new grid is coarser. Voxels that are no finite numbers count
    nowhere; what is made of such ones only is NaN.

    Parameters
    ----------
    image
        The image as it is.
    shape_zyx
        Voxels along each axis of the new grid.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> half = ResampledImage(ArrayImage(np.array([[0, 10, 20, 30]], np.uint8)), (1, 1, 2))
    >>> half.read(Box((0, 0, 0), (1, 1, 2))).round().tolist()
    [[[[7.0, 23.0]]]]
    """

    def __init__(self, image: Image, shape_zyx: Sequence[int]) -> None:
        z, y, x = shape_zyx
        self._image = image
        self.shape_czyx = (image.shape_czyx[0], z, y, x)
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.name = image.name
        self.notes = image.notes
        self.voxel_size = _of_the_new_grid(image, shape_zyx)

    def source_box(self, box_zyx: Box) -> Box:
        """Return the voxels of the image that a box on the new grid is made of."""
        axes = self._axes(box_zyx)
        return Box(
            tuple(first for first, _ in axes), tuple(first + matrix.shape[1] for first, matrix in axes)
        )

    def _axes(self, box_zyx: Box) -> list[tuple[int, NDArray[np.float32]]]:
        old, new = self._image.shape_czyx[1:], self.shape_czyx[1:]
        return [weights(*sides) for sides in zip(box_zyx.start, box_zyx.stop, old, new, strict=True)]

    def read(self, box_zyx: Box) -> NDArray[np.float32]:
        """Return the interpolated voxels (c, z, y, x) of a box on the new grid."""
        matrices = [matrix for _, matrix in self._axes(box_zyx)]
        values = self._image.read(self.source_box(box_zyx)).astype(np.float32)
        finite = np.isfinite(values)
        if finite.all():
            return _interpolated(values, matrices)
        # A weight of nought times NaN is NaN: without this, one such voxel would spoil all that is read.
        share = _interpolated(finite.astype(np.float32), matrices)
        known = _interpolated(np.where(finite, values, np.float32(0)), matrices)
        return np.divide(known, share, out=np.full_like(known, np.nan), where=share > _LEAST_SHARE)


def _interpolated(
    values: NDArray[np.float32], matrices: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Multiply the axes z, y, x of (c, z, y, x) by a matrix each."""
    for axis, matrix in enumerate(matrices, start=1):
        if matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, np.eye(len(matrix))):
            values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(values)


def _of_the_new_grid(image: Image, shape_zyx: Sequence[int]) -> VoxelSize | None:
    if image.voxel_size is None:
        return None
    old = zip(image.voxel_size.zyx_nm, image.shape_czyx[1:], shape_zyx, strict=True)
    z_nm, y_nm, x_nm = (side_nm * before / now for side_nm, before, now in old)
    return VoxelSize(z_nm, y_nm, x_nm, image.voxel_size.display_unit)


def weights(start: int, stop: int, old: int, new: int) -> tuple[int, NDArray[np.float32]]:
    """Return how new voxels `start` to `stop` of one axis are made of old ones.

    A tent over each new voxel's centre, as wide as the coarser of the two voxels, cut at the ends of the
    volume.

    Returns
    -------
    tuple of int and numpy.ndarray
        The first old voxel that counts, and the weights (new voxel, old voxel); every row sums to 1.

    Examples
    --------
    >>> first, tent = weights(0, 2, 2, 4)
    >>> first, tent.tolist()
    (0, [[1.0, 0.0], [0.75, 0.25]])
    """
    scale = old / new
    reach = max(scale, 1.0)
    centres = (np.arange(start, stop) + 0.5) * scale - 0.5
    first = max(0, floor(centres[0] - reach) + 1)
    last = min(old - 1, ceil(centres[-1] + reach) - 1)
    places = np.arange(first, last + 1)
    tent = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - places) / reach)
    return first, (tent / tent.sum(axis=1, keepdims=True)).astype(np.float32)


def write_back(
    result: NDArray[Any], box_zyx: Box, new_zyx: Sequence[int], old_zyx: Sequence[int]
) -> tuple[Box, Any] | None:
    """Bring a result on the model's grid back to the image's.

    Every voxel takes the value of the model voxel in which its centre lies.

    Parameters
    ----------
    result
        (c, z, y, x) of `box_zyx`.
    box_zyx
        On the model's grid of `new_zyx` voxels. Boxes that partition it give boxes that partition the image.
    old_zyx
        The image's shape.

    Returns
    -------
    tuple or None
        The box on the image's grid and its values; None if no voxel's centre lies in the box.

    Examples
    --------
    >>> box, values = write_back(np.array([[[[1, 2]]]]), Box((0, 0, 0), (1, 1, 2)), (1, 1, 2), (1, 1, 4))
    >>> str(box), values.tolist()
    ('[0:1, 0:1, 0:4]', [[[[1, 1, 2, 2]]]])
    """
    back = box_of_image(box_zyx, new_zyx, old_zyx)
    if back is None:
        return None
    for axis, (start, stop, new, old) in enumerate(
        zip(box_zyx.start, box_zyx.stop, new_zyx, old_zyx, strict=True), start=1
    ):
        if old != new:
            there = np.arange(back.start[axis - 1], back.stop[axis - 1])
            index = ((there + 0.5) * new / old).astype(int) - start
            result = np.take(result, np.clip(index, 0, stop - start - 1), axis=axis)
    return back, result


def box_of_image(box_zyx: Box, new_zyx: Sequence[int], old_zyx: Sequence[int]) -> Box | None:
    """Return the voxels of the image whose centres lie in a box on the model's grid; None if there are none.

    Examples
    --------
    >>> str(box_of_image(Box((0, 0, 1), (1, 1, 2)), (1, 1, 2), (1, 1, 4)))
    '[0:1, 0:1, 2:4]'
    """
    starts, stops = (
        tuple(ceil(edge * old / new - 0.5) for edge, new, old in zip(edges, new_zyx, old_zyx, strict=True))
        for edges in (box_zyx.start, box_zyx.stop)
    )
    if any(stop <= start for start, stop in zip(starts, stops, strict=True)):
        return None
    return Box(starts, stops)


def box_on_grid(box_zyx: Box, old_zyx: Sequence[int], new_zyx: Sequence[int]) -> Box:
    """Return the voxels of the model's grid that decide all voxels of a box of the image.

    Examples
    --------
    >>> str(box_on_grid(Box((0, 0, 3), (1, 1, 5)), (1, 1, 8), (1, 1, 4)))
    '[0:1, 0:1, 1:3]'
    """
    sides = list(zip(box_zyx.start, box_zyx.stop, old_zyx, new_zyx, strict=True))
    return Box(
        tuple(min(start * new // old, new - 1) for start, _, old, new in sides),
        tuple(min(new, ceil(stop * new / old)) for _, stop, old, new in sides),
    )

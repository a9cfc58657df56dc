"""An image of another voxel size than the model's, seen on the model's grid; and the way back.

Both grids cover the same block of tissue. Everything is computed from positions in the whole volume, never in
a tile, so that the tiles cannot be seen.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.volumes import Image, VoxelSize

type Float32 = NDArray[np.float32]

# Of finite voxels in a new one: below this it is rounding.
_LEAST_SHARE = 1e-4
# Of the image are in memory at once: as it is, in whole sections if they fit, and as numbers to compute with.
_SLAB_BYTES, _MOST_SECTIONS = 1 << 26, 64
_BAND_VOXELS = 1 << 18


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
        z, y, x = self._axes(box_zyx)
        return Box((z.first, y.first, x.first), (z.end, y.end, x.end))

    def _axes(self, box_zyx: Box) -> "tuple[_Axis, _Axis, _Axis]":
        old, new = self._image.shape_czyx[1:], self.shape_czyx[1:]
        z, y, x = (_Axis(*sides) for sides in zip(box_zyx.start, box_zyx.stop, old, new, strict=True))
        return z, y, x

    def read(self, box_zyx: Box) -> Float32:
        """Return the interpolated voxels (c, z, y, x) of a box on the new grid.

        Beside them a slab of the image is in memory, however much finer its voxels are.
        """
        # Of what is missing no memory is taken where all are numbers.
        known, missing = (np.zeros((self.shape_czyx[0], *box_zyx.shape), np.float32) for _ in range(2))
        is_broken = False
        for part in self._parts(box_zyx):
            here = (slice(None), *part.relative_to(box_zyx).slices)
            z, y, x = self._axes(part)
            across = _InSection(y, x)
            source = Box((z.first, y.first, x.first), (z.end, y.end, x.end))
            sections = source.shape[1] * source.shape[2]
            for slab in slabs_of(source, max(sections, self._most_voxels)):
                is_broken |= self._add(slab, z, across, known[here], missing[here])
        if is_broken:
            share = np.subtract(1, missing, out=missing)  # 1 where all are numbers: nothing changes there
            np.divide(known, share, out=known, where=share > _LEAST_SHARE)
            known[share <= _LEAST_SHARE] = np.nan
        return known

    @property
    def _most_voxels(self) -> int:
        """Of all channels, so many are read at once."""
        return _SLAB_BYTES // (self.shape_czyx[0] * self._image.dtype.itemsize)

    def _parts(self, box_zyx: Box) -> Iterator[Box]:
        """Cut a box into bands of rows, if not even one section of what it is made of may be read at once."""
        (z0, y0, x0), (z1, y1, x1) = box_zyx.start, box_zyx.stop
        _, height, width = self.source_box(box_zyx).shape
        rows = ceil((y1 - y0) / ceil(height * width / self._most_voxels))
        for start in range(y0, y1, rows):
            yield Box((z0, start, x0), (z1, min(start + rows, y1), x1))

    def _add(self, slab: Box, z: "_Axis", across: "_InSection", known: Float32, missing: Float32) -> bool:
        """Add the sections of a slab of the image, and what lacks of them; tell whether anything does."""
        voxels = self._image.read(slab)
        is_broken = False
        for number in range(slab.start[0], slab.stop[0]):
            for channel in range(len(voxels)):
                section = voxels[channel, number - slab.start[0]]
                finite = np.isfinite(section)
                if not finite.all():
                    is_broken = True
                    z.add(number, across.made_of(~finite), missing[channel])
                    # A weight of nought times NaN is NaN: without this, one would spoil all around it.
                    section = np.where(finite, section, np.float32(0))
                z.add(number, across.made_of(section), known[channel])
        return is_broken


def slabs_of(box_zyx: Box, most_voxels: int) -> Iterator[Box]:
    """Cut a box into whole sections, of which so many voxels may be had at once, or into bands of rows.

    It is cut where chunks of files mostly end, lest these be packed or unpacked twice.

    Examples
    --------
    >>> [str(slab) for slab in slabs_of(Box((3, 0, 0), (9, 2, 2)), 16)]
    ['[3:4, 0:2, 0:2]', '[4:8, 0:2, 0:2]', '[8:9, 0:2, 0:2]']
    """
    (z0, y0, x0), (z1, y1, x1) = box_zyx.start, box_zyx.stop
    sections, rows = _MOST_SECTIONS, max(1, min(y1 - y0, most_voxels // (x1 - x0)))
    while sections > 1 and sections * (y1 - y0) * (x1 - x0) > most_voxels:
        sections //= 2
    for z in range(z0 - z0 % sections, z1, sections):
        for y in range(y0, y1, rows):
            yield Box((max(z, z0), y, x0), (min(z + sections, z1), min(y + rows, y1), x1))


class _Axis:
    """How new voxels `start` to `stop` of one axis are made of the old ones from `first` to before `end`.

    What is added up for a new voxel is always added up in the order of the old ones, one by one, so that its
    last digits depend neither on what is computed beside it nor on how it is cut.
    """

    def __init__(self, start: int, stop: int, old: int, new: int) -> None:
        firsts, self._shares = weights(start, stop, old, new)
        self._places = firsts[:, None] + np.arange(self._shares.shape[1])
        counts = self._places[self._shares > 0]
        self.first, self.end = int(counts.min()), int(counts.max()) + 1
        self.is_unchanged = old == new
        self.length = stop - start

    @cached_property
    def of_old(self) -> list[list[tuple[int, np.float32]]]:
        """For each old voxel, the new ones that it counts in, and how much."""
        of_old: list[list[tuple[int, np.float32]]] = [[] for _ in range(self.first, self.end)]
        for new, tap in np.argwhere(self._shares > 0).tolist():
            of_old[self._places[new, tap] - self.first].append((new, self._shares[new, tap]))
        return of_old

    def add(self, number: int, section: Float32, into: Float32) -> None:
        """Add an old section (y, x) to all new ones (z, y, x) in which it counts."""
        for place, share in self.of_old[number - self.first]:
            into[place] += section if share == 1 else section * share

    def bands(self, most: int) -> "Iterator[_Band]":
        """Yield what makes all new ones, at most so many old ones at a time where that can be."""
        from scipy.sparse import csr_array  # only here: what resamples nothing starts sooner without it

        count = max(1, self.length * most // (self.end - self.first))
        for start in range(0, self.length, count):
            new = slice(start, min(start + count, self.length))
            places, shares = self._places[new], self._shares[new]
            counts = shares > 0
            first, end = int(places[counts].min()), int(places[counts].max()) + 1
            ends = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
            matrix = csr_array(
                (shares[counts], places[counts] - first, ends), shape=(len(shares), end - first)
            )
            yield new, slice(first - self.first, end - self.first), matrix


type _Band = tuple[slice, slice, Any]
"""New voxels of an axis, the old ones that they are made of, and how: a sparse matrix (new, old)."""


class _InSection:
    """How the rows and columns of a section are made of the old ones: a few rows after the other."""

    def __init__(self, y: _Axis, x: _Axis) -> None:
        self._shape = y.length, x.length
        self._of_y = None if y.is_unchanged else list(y.bands(max(1, _BAND_VOXELS // (x.end - x.first))))
        self._of_x = None if x.is_unchanged else next(x.bands(x.end - x.first))[2]

    def made_of(self, section: NDArray[Any]) -> Float32:
        """Return a section of the old rows and columns on the new ones."""
        made = np.empty(self._shape, np.float32)
        whole = slice(0, self._shape[0])
        for new, old, of_rows in self._of_y or [(whole, whole, None)]:
            rows = section[old].astype(np.float32)
            rows = rows if of_rows is None else of_rows @ rows
            made[new] = rows if self._of_x is None else (self._of_x @ rows.T).T
        return made


def _of_the_new_grid(image: Image, shape_zyx: Sequence[int]) -> VoxelSize | None:
    if image.voxel_size is None:
        return None
    old = zip(image.voxel_size.zyx_nm, image.shape_czyx[1:], shape_zyx, strict=True)
    z_nm, y_nm, x_nm = (side_nm * before / now for side_nm, before, now in old)
    return VoxelSize(z_nm, y_nm, x_nm, image.voxel_size.display_unit)


def weights(start: int, stop: int, old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return how new voxels `start` to `stop` of one axis are made of old ones.

    A tent over each new voxel's centre, as wide as the coarser of the two voxels, cut at the ends of the
    volume.

    Returns
    -------
    tuple of numpy.ndarray
        For each new voxel the first old one under the tent, (new,), and the weights of that and those behind
        it, (new, tent); every row sums to 1. Beyond the ends of the axis they are 0.

    Examples
    --------
    >>> firsts, tents = weights(0, 2, 2, 4)
    >>> firsts.tolist(), tents.tolist()
    ([-1, 0], [[0.0, 1.0], [0.75, 0.25]])
    """
    scale = old / new
    reach = max(scale, 1.0)
    centres = (np.arange(start, stop) + 0.5) * scale - 0.5
    firsts = np.floor(centres - reach).astype(np.intp) + 1
    places = firsts[:, None] + np.arange(ceil(2 * reach))
    tents = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - places) / reach)
    tents[(places < 0) | (places >= old)] = 0
    total = sum(tents.T)  # one after the other: NumPy's own order of adding depends on how many there are
    return firsts, (tents.T / total).T.astype(np.float32)


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
    return None if back is None else (back, brought_back(result, box_zyx, new_zyx, old_zyx, back))


def brought_back(
    result: NDArray[Any], box_zyx: Box, new_zyx: Sequence[int], old_zyx: Sequence[int], back: Box
) -> NDArray[Any]:
    """Return a part of what :func:`write_back` returns: the values of a box on the image's grid."""
    for axis, (start, stop, new, old) in enumerate(
        zip(box_zyx.start, box_zyx.stop, new_zyx, old_zyx, strict=True), start=1
    ):
        there = np.arange(back.start[axis - 1], back.stop[axis - 1])
        index = np.clip(((there + 0.5) * new / old).astype(int) - start, 0, stop - start - 1)
        if old == new:
            result = result[(slice(None),) * axis + (slice(index[0], index[-1] + 1),)]
        else:
            result = np.take(result, index, axis=axis)
    return result


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

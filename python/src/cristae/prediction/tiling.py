"""Which tiles a prediction reads and writes, so that no choice of tile or grid can be seen in the result.

A network computes the same for a voxel, wherever the tile begins, if three things hold: the tile starts on
the network's grid (its stride times the downsampling before it), the voxel lies at least the halo away from
a cut, and the end of the volume looks the same to every tile. So the volume is thought of as padded to whole
*cells* of that grid, tiles are cut in units of cells, and only then turned into voxels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box, Tiles, Triple, tiles

_BESIDE = 4
"""Sections that a tile unpacks or packs in vain: stored blocks are some sections deep."""

type Integers = NDArray[np.int64]
type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What reading a tile takes beside computing it.

    Parameters
    ----------
    share
        Time to read and prepare a voxel, as a part of the time to compute it.
    more_sections
        That are read for each tile of sections and not computed: the neighbours which it sees.
    """

    share: float = 0.0
    more_sections: int = 0


@dataclass(frozen=True)
class Tiling:
    """The tiles of one volume.

    Parameters
    ----------
    shape_zyx
        The volume, in voxels.
    padded_zyx
        The volume made whole cells, in voxels; read boxes lie in this.
    tile_zyx
        The shape of every read box, in voxels.
    tiles
        Read boxes (may reach beyond the volume up to ``padded_zyx``) and write boxes (never do; they
        partition the volume).
    """

    shape_zyx: Triple
    padded_zyx: Triple
    tile_zyx: Triple
    tiles: Tiles


def tiling(
    shape_zyx: Sequence[int],
    cell_zyx: Sequence[int],
    halo_zyx: Sequence[int],
    *,
    most_voxels: int,
    tile_shape_zyx: Sequence[int] | None = None,
    grid_offset_zyx: Sequence[int] = (0, 0, 0),
    part_zyx: Box | None = None,
    reading: Reading = Reading(),
) -> Tiling:
    """Cut a volume, or a part of it, into tiles of one shape.

    Parameters
    ----------
    shape_zyx
        The volume, in voxels.
    cell_zyx
        The grid on which tiles must start and end.
    halo_zyx
        Context that a voxel needs on each side, in voxels.
    most_voxels
        A tile that is chosen here has at most so many voxels (but at least one cell with its halo).
    tile_shape_zyx
        Use this tile, rounded up to whole cells and to what the halo needs; default: the shape with the
        least waste.
    grid_offset_zyx
        Moves the cuts by so many voxels, rounded down to whole cells.
    part_zyx
        Only this part is written; tiles read what they need around it.
    reading
        What reading takes, which a tile that is chosen here takes into account.

    Examples
    --------
    >>> plan = tiling((10, 100, 100), (1, 8, 8), (0, 8, 8), most_voxels=8000)
    >>> plan.padded_zyx, plan.tile_zyx, len(plan.tiles)
    ((10, 104, 104), (1, 64, 104), 20)
    """
    length = _cells(shape_zyx, cell_zyx)
    halo = _cells(halo_zyx, cell_zyx)
    padded = _times(length, cell_zyx)
    part = Box.of_shape(shape_zyx) if part_zyx is None else part_zyx
    # With the halo around it, a part is cut as if it were a volume: what lies at its ends is not written.
    first = [max(0, start // cell - h) for start, cell, h in zip(part.start, cell_zyx, halo, strict=True)]
    ends = zip(part.stop, cell_zyx, halo, length, strict=True)
    length = _triple(
        min(n, ceil(stop / cell) + h) - f for (stop, cell, h, n), f in zip(ends, first, strict=True)
    )
    if tile_shape_zyx is None:
        beside = (_BESIDE + reading.more_sections) / cell_zyx[0]
        tile = least_waste(length, halo, most_voxels // prod(cell_zyx), reading.share, beside)
    else:
        wanted = zip(_cells(tile_shape_zyx, cell_zyx), halo, length, strict=True)
        tile = _triple(min(max(side, 2 * margin + 1), whole) for side, margin, whole in wanted)
    offset = [voxels // cell for voxels, cell in zip(grid_offset_zyx, cell_zyx, strict=True)]
    return Tiling(
        shape_zyx=_triple(shape_zyx),
        padded_zyx=padded,
        tile_zyx=_times(tile, cell_zyx),
        tiles=tiles(length, tile, halo, offset).scaled(first, cell_zyx).writing(part),
    )


def least_waste(
    length: Sequence[int], halo: Sequence[int], most: int, reading: float = 0.0, beside_z: float = 0.0
) -> Triple:
    """Return the tile shape of at most `most` cells with which the fewest cells are computed in all.

    To read a cell takes `reading` of the time to compute it, and for each tile so many further layers along z
    are read. The smallest shape that the halo allows is returned if even that one has more than `most` cells.

    Examples
    --------
    >>> least_waste((160, 160, 160), (8, 8, 8), 64**3)  # 64 along each axis, 3 x 3 x 3 tiles
    (64, 64, 64)
    """
    sides, counts = zip(
        *(_choices(whole, margin) for whole, margin in zip(length, halo, strict=True)), strict=True
    )
    cells = _product(sides)
    # A tile costs a little by itself, whatever its size, so that of two equal ones the one with fewer tiles
    # wins.
    read = _product((sides[0] + beside_z, *sides[1:]))
    cost = np.where(cells <= most, _product(counts) * (cells + 1.0 + reading * read), np.inf)
    if not np.isfinite(cost).any():
        return _triple(int(axis.min()) for axis in sides)
    best = np.unravel_index(int(cost.argmin()), cost.shape)
    return _triple(int(axis[index]) for axis, index in zip(sides, best, strict=True))


def _choices(length: int, halo: int) -> tuple[Integers, Integers]:
    """Return a few dozen sensible lengths of a tile on one axis, and how many tiles each takes."""
    least = min(length, 2 * halo + 1)
    # The shortest tiles with which a certain count covers the axis: count * tile - 2 * halo * (count - 1) >=
    # length.
    few = {ceil((length + 2 * halo * (count - 1)) / count) for count in range(1, 33)}
    # On an axis of many tiles nearly any length will do; these grow by an eighth.
    many = {round(least * 1.125**power) for power in range(48)}
    sides = sorted(side for side in few | many if least <= side <= length)
    return np.array(sides), np.array([tile_count(length, side, halo) for side in sides])


def _product(axes: Sequence[Integers]) -> Floats:
    z, y, x = (axis.astype(float) for axis in axes)
    product: Floats = z[:, None, None] * y[:, None] * x
    return product


def tile_count(length: int, tile: int, halo: int) -> int:
    """Return how many tiles an axis takes.

    Examples
    --------
    >>> tile_count(24, 10, 2)
    4
    """
    if length <= tile:
        return 1
    if tile <= 2 * halo:
        raise InvalidInput(f"A tile of {tile} leaves nothing within a halo of {halo} on both sides.")
    return 1 + ceil((length - tile) / (tile - 2 * halo))


def _cells(voxels: Sequence[int], cell: Sequence[int]) -> Triple:
    return _triple(ceil(count / size) for count, size in zip(voxels, cell, strict=True))


def _times(cells: Sequence[int], cell: Sequence[int]) -> Triple:
    return _triple(count * size for count, size in zip(cells, cell, strict=True))


def _triple(values: Iterable[int]) -> Triple:
    z, y, x = values
    return z, y, x

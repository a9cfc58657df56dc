"""How a volume is cut into tiles that a network reads, and the parts of them that it may write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

from cristae.errors import InvalidInput
from cristae.geometry.box import Box


@dataclass(frozen=True, slots=True)
class Tile:
    """One step of a tiled computation.

    Parameters
    ----------
    read_box
        What is read, inside the volume.
    write_box
        What may be written: inside `read_box`, and at least the halo away from each of its faces that is not
        a face of the volume.
    """

    read_box: Box
    write_box: Box

    @property
    def write_in_read(self) -> Box:
        """The write box in the coordinates of the array that was read."""
        return self.write_box.relative_to(self.read_box)


type _Interval = tuple[int, int]
type _Cut = tuple[_Interval, _Interval]
"""What is read and what is written of one axis."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles in C order, each made when it is asked for: a volume of a terabyte has hundreds of thousands.

    Parameters
    ----------
    axes
        Of each axis what a tile reads and what it writes of it, as (start, stop).
    """

    axes: tuple[tuple[_Cut, ...], ...]

    def __len__(self) -> int:
        return prod(map(len, self.axes))

    def __getitem__(self, number: int) -> Tile:
        left = number + len(self) if number < 0 else number
        if not 0 <= left < len(self):
            raise IndexError(f"There are {len(self)} tiles, and no tile {number}.")
        cuts = []
        for axis in reversed(self.axes):
            left, place = divmod(left, len(axis))
            cuts.append(axis[place])
        return _tile(cuts[::-1])

    def __iter__(self) -> Iterator[Tile]:
        return map(_tile, product(*self.axes))

    def scaled(self, first: Sequence[int], cell: Sequence[int]) -> "Tiles":
        """Return the same tiles in voxels, if these are in cells of so many and begin with cell `first`."""
        return Tiles(
            tuple(
                tuple((_scaled(read, start, size), _scaled(write, start, size)) for read, write in axis)
                for axis, start, size in zip(self.axes, first, cell, strict=True)
            )
        )

    def writing(self, part: Box) -> "Tiles":
        """Return those that write something of a part, and of what they write only that."""
        return Tiles(
            tuple(
                tuple(
                    (read, (max(write[0], start), min(write[1], stop)))
                    for read, write in axis
                    if max(write[0], start) < min(write[1], stop)
                )
                for axis, start, stop in zip(self.axes, part.start, part.stop, strict=True)
            )
        )


def _tile(cuts: Sequence[_Cut]) -> Tile:
    return Tile(
        Box(tuple(read[0] for read, _ in cuts), tuple(read[1] for read, _ in cuts)),
        Box(tuple(write[0] for _, write in cuts), tuple(write[1] for _, write in cuts)),
    )


def _scaled(interval: _Interval, first: int, cell: int) -> _Interval:
    start, stop = interval
    return (start + first) * cell, (stop + first) * cell


def tiles(
    shape_zyx: Sequence[int],
    tile_shape_zyx: Sequence[int],
    halo_zyx: Sequence[int],
    offset_zyx: Sequence[int] = (0, 0, 0),
) -> Tiles:
    """Cut a volume into the fewest tiles whose write boxes partition it.

    A voxel near a face that the tile shares with the volume loses nothing: the network would see the same
    border in one run over the whole volume.  So no halo is kept there, and the last tile is moved inside,
    which makes all read boxes equal in shape (length 24, tile 10, halo 2; ``=`` is written, ``.`` is read
    only, ``|`` is the volume's face)::

        |========..                first: no halo at the face, writes tile - halo = 8
               ..======..          in between: halo on both sides, writes tile - 2 halo = 6
                     ..======..
                       ......====| last: moved inside, writes what is left

    Parameters
    ----------
    shape_zyx
        Voxels of the volume along each axis.  (Any number of axes will do.)
    tile_shape_zyx
        Voxels that are read at once.  An axis on which the volume is not longer than this gets one tile
        without halo.
    halo_zyx
        Context in voxels that a written voxel needs on each side.
    offset_zyx
        Moves the inner cuts towards the origin by so many voxels (modulo the step); for tests that tiling is
        invisible.

    Returns
    -------
    Tiles
        In C order of their write boxes.

    Raises
    ------
    InvalidInput
        The tile is not larger than twice the halo on an axis that has to be cut.

    Notes
    -----
    If the lengths of volume, tile, halo and offset are all multiples of m, so is every start of a read box:
    pad the volume to a multiple of a network's stride, and each tile sees the same pooling grid.

    Examples
    --------
    >>> len(tiles((160, 160, 160), (64, 64, 64), (8, 8, 8)))
    27
    >>> [(str(t.read_box), str(t.write_box)) for t in tiles((24,), (10,), (2,), (0,))]
    [('[0:10]', '[0:8]'), ('[6:16]', '[8:14]'), ('[12:22]', '[14:20]'), ('[14:24]', '[20:24]')]
    """
    return Tiles(
        tuple(
            tuple(_cut_axis(length, tile, halo, offset))
            for length, tile, halo, offset in zip(
                shape_zyx, tile_shape_zyx, halo_zyx, offset_zyx, strict=True
            )
        )
    )


def _cut_axis(length: int, tile: int, halo: int, offset: int) -> list[_Cut]:
    """Return the (read, write) intervals of one axis."""
    if length < 1 or tile < 1 or halo < 0:
        raise InvalidInput(
            f"An axis of {length} voxels cannot be cut into tiles of {tile} with a halo of {halo}."
        )
    if length <= tile:
        return [((0, length), (0, length))]
    step = tile - 2 * halo
    if step < 1:
        raise InvalidInput(
            f"A tile of {tile} voxels leaves nothing to write within a halo of {halo} on both sides; "
            f"use a tile of more than {2 * halo} voxels."
        )
    cuts = [0, tile - halo - offset % step]
    while length - cuts[-1] > tile - halo:
        cuts.append(cuts[-1] + step)
    cuts.append(length)
    intervals = []
    for start, stop in pairwise(cuts):
        read_start = min(max(start - halo, 0), length - tile)
        intervals.append(((read_start, read_start + tile), (start, stop)))
    return intervals

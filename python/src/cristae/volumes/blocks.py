"""The block grid of a volume: the unit in which voxels travel and are stored.

`block_shape_for` is the rule of ``volumes.proto``, which every client follows, so that the same image is cut
into the same blocks and gets the same digest everywhere.  Python's integers do not overflow.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cristae.errors import InvalidInput
from cristae.geometry import Box

PLANES_BYTES = 64 * 1024 * 1024
BLOCK_BYTES = 1024 * 1024


def block_shape_for(shape_czyx: Sequence[int], itemsize: int) -> tuple[int, int, int, int]:
    """Return the block shape (c, z, y, x) of a volume; a block has at most 1 MiB.

    Parameters
    ----------
    shape_czyx
        Voxels along each axis.
    itemsize
        Bytes of a voxel.

    Examples
    --------
    >>> block_shape_for((1, 100, 2048, 2048), 1)
    (1, 16, 256, 256)
    >>> block_shape_for((1, 50, 100, 200), 1)
    (1, 16, 100, 200)
    """
    _, z, y, x = shape_czyx
    block_z = max(1, min(PLANES_BYTES // (y * x * itemsize), min(16, z)))
    side = 16
    while (2 * side) ** 2 * block_z * itemsize <= BLOCK_BYTES:
        side *= 2
    block_x = min(x, side)
    block_y = min(y, max(side, BLOCK_BYTES // (block_z * block_x * itemsize)))
    return 1, block_z, block_y, block_x


@dataclass(frozen=True, slots=True)
class BlockGrid:
    """The blocks of a volume, numbered in the order c, z, y, x with x fastest.

    Parameters
    ----------
    shape_czyx
        Voxels of the volume along each axis.
    block_shape_czyx
        Voxels of a block; the last ones of an axis may be smaller.
    itemsize
        Bytes of a voxel.

    Examples
    --------
    >>> blocks = BlockGrid((1, 3, 4, 5), (1, 2, 4, 4), itemsize=2)
    >>> blocks.count, blocks.total_bytes
    (4, 120)
    >>> str(blocks.box(3)), blocks.offset(3)
    ('[0:1, 2:3, 0:4, 4:5]', 112)
    """

    shape_czyx: tuple[int, int, int, int]
    block_shape_czyx: tuple[int, int, int, int]
    itemsize: int

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of blocks along each axis."""
        return tuple(-(-n // b) for n, b in zip(self.shape_czyx, self.block_shape_czyx, strict=True))

    @property
    def count(self) -> int:
        """Number of blocks."""
        return math.prod(self.counts)

    @property
    def total_bytes(self) -> int:
        """Bytes of all blocks."""
        return math.prod(self.shape_czyx) * self.itemsize

    @property
    def full_block_bytes(self) -> int:
        """Bytes of a block that is not cut."""
        return math.prod(self.block_shape_czyx) * self.itemsize

    def coordinates(self, index: int) -> tuple[int, ...]:
        """Return the place of a block in the grid (c, z, y, x), counted in blocks."""
        if not 0 <= index < self.count:
            raise InvalidInput(f"There is no block {index}; the volume has the blocks 0 to {self.count - 1}.")
        place = []
        for count in reversed(self.counts):
            index, remainder = divmod(index, count)
            place.append(remainder)
        return tuple(reversed(place))

    def index(self, coordinates: Sequence[int]) -> int:
        """Return the number of the block at this place of the grid."""
        index = 0
        for place, count in zip(coordinates, self.counts, strict=True):
            index = index * count + place
        return index

    def box(self, index: int) -> Box:
        """Return the voxels (c, z, y, x) of a block."""
        start = tuple(p * b for p, b in zip(self.coordinates(index), self.block_shape_czyx, strict=True))
        return Box(
            start,
            tuple(
                min(first + b, n)
                for first, b, n in zip(start, self.block_shape_czyx, self.shape_czyx, strict=True)
            ),
        )

    def block_bytes(self, index: int) -> int:
        """Return the number of bytes of a block."""
        return self.box(index).size * self.itemsize

    def offset(self, index: int) -> int:
        """Return the number of bytes of all blocks before this one; `count` gives the bytes of all blocks."""
        if index == self.count:
            return self.total_bytes
        box = self.box(index)
        _, size_z, size_y, size_x = self.shape_czyx
        depth_c, depth_z, depth_y, _ = box.shape
        before = box.start[0] * size_z * size_y * size_x
        before += depth_c * box.start[1] * size_y * size_x
        before += depth_c * depth_z * box.start[2] * size_x
        before += depth_c * depth_z * depth_y * box.start[3]
        return before * self.itemsize

    def touching(self, box_czyx: Box) -> Iterator[int]:
        """Yield the numbers of the blocks that touch a box, in growing order."""
        ranges = [
            range(start // b, -(-stop // b))
            for start, stop, b in zip(box_czyx.start, box_czyx.stop, self.block_shape_czyx, strict=True)
        ]
        for c in ranges[0]:
            for z in ranges[1]:
                for y in ranges[2]:
                    for x in ranges[3]:
                        yield self.index((c, z, y, x))

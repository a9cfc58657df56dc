"""From what a network says of a volume of any size to its objects, block by block.

Each block is decoded with some context around it, into fragments that get numbers of their own. What lies on
both sides of a cut is put together in two ways: a fragment that began to grow in another block is the one
that this block found there, and how strongly fragments are linked is counted over the whole volume before any
are joined. So where the cuts lie hardly matters, and for plain pieces it does not matter at all. Memory holds
one block, and the links between fragments; which numbers the voxels have lies on disk.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cristae.errors import Cancelled, OutOfMemory
from cristae.geometry import Box
from cristae.geometry.box import grid
from cristae.labels.agglomeration import Links, bodies
from cristae.labels.objects import DEEPEST, MERGE_BELOW, fragments_from, steps_zyx
from cristae.prediction.tiling import Triple
from cristae.volumes import Image, VoxelSize

BLOCK_VOXELS = 2**24
"""Of a block without its context. The same on every machine, so that the result is."""

# Two probabilities as floats take 8; distances, seeds, ids and what the watershed keeps were measured as 50
# to 78 more. What does not fit ends the program without a word, so that this is rather too much.
BYTES_A_VOXEL = 96

SMEARED = 8.0
"""Voxels along x, beyond :data:`DEEPEST`, over which the border of a block may still be felt."""

LARGEST_16_BIT_ID = 65_535

INTERIOR, BOUNDARY = 1, 2

type Ids = NDArray[np.int64]


class Decoder(Protocol):
    """Finds the fragments of a block."""

    halo_zyx: Triple
    """The context that a block needs on each side."""

    def fragments(self, voxels: NDArray[Any]) -> tuple[Ids, Ids]:
        """Return the fragments (z, y, x) of what the network says (c, z, y, x), and where they began."""

    def links(self, fragments: Ids, voxels: NDArray[Any], margin_zyx: Triple) -> Links:
        """Count the links between fragments, as :meth:`~cristae.labels.agglomeration.Links.between`."""


class Boundaries:
    """Decodes the probabilities of interior and boundary: see :func:`cristae.labels.objects_from`.

    Parameters
    ----------
    voxel_size
        None means isotropic.
    """

    def __init__(self, voxel_size: VoxelSize | None) -> None:
        self._voxel_size = voxel_size
        z, y, x = (math.ceil((DEEPEST + SMEARED) / step) for step in steps_zyx(voxel_size))
        self.halo_zyx = z, y, x

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the fragments of a watershed, and their seeds."""
        interior = voxels[INTERIOR] / np.float32(255)
        return fragments_from(interior, voxels[BOUNDARY] / np.float32(255), self._voxel_size)

    def links(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Links:
        """Count the links by the probability of a boundary."""
        return Links.between(fragments, voxels[BOUNDARY] / np.float32(255), margin_zyx)


class Pieces:
    """Decodes classes: a piece of one class that hangs together by faces is an object."""

    halo_zyx: Triple = (1, 1, 1)

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the connected components of every class, which begin everywhere."""
        classes = np.ascontiguousarray(voxels[0])
        pieces = np.asarray(cc3d.connected_components(classes, connectivity=6), np.int64)
        return pieces, pieces

    def links(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Links:
        """Count none: pieces are never joined otherwise."""
        return Links.together([])


class Numbers(Protocol):
    """Where the numbers of all voxels are kept meanwhile."""

    @property
    def block_zyx(self) -> Triple:
        """What is written begins at a multiple of it."""

    def write(self, box_zyx: Box, voxels: NDArray[np.uint32]) -> None:
        """Keep the numbers of a box."""

    def read(self, box_zyx: Box) -> NDArray[np.uint32]:
        """Return the numbers of a box, 0 where none were written."""


class NumbersInMemory:
    """Numbers that fit."""

    block_zyx: Triple = (1, 1, 1)

    def __init__(self, shape_zyx: Sequence[int]) -> None:
        self._voxels = np.zeros(tuple(shape_zyx), np.uint32)

    def write(self, box_zyx: Box, voxels: NDArray[np.uint32]) -> None:
        """Keep the numbers of a box."""
        self._voxels[box_zyx.slices] = voxels

    def read(self, box_zyx: Box) -> NDArray[np.uint32]:
        """Return the numbers of a box."""
        return self._voxels[box_zyx.slices].copy()


@dataclass(frozen=True)
class Objects:
    """The objects of a volume.

    Attributes
    ----------
    count
        How many there are: their ids are 1...count.
    shape_zyx
        Of the volume.
    """

    count: int
    shape_zyx: tuple[int, ...]
    _blocks: tuple[Box, ...]
    _numbers: Numbers
    _id_of: NDArray[np.uint32]

    @property
    def dtype(self) -> str:
        """The type that ids need: ImageJ shows 16 bits as they are, 32 with a decimal point."""
        return "uint16" if self.count <= LARGEST_16_BIT_ID else "uint32"

    def read(self) -> Iterator[tuple[Box, NDArray[np.uint32]]]:
        """Yield the ids (z, y, x) block by block."""
        for box in self._blocks:
            yield box, self._id_of[self._numbers.read(box)]

    def to_array(self) -> NDArray[np.uint32]:
        """Return all ids (z, y, x)."""
        ids = np.zeros(self.shape_zyx, np.uint32)
        for box, part in self.read():
            ids[box.slices] = part
        return ids


def blocks_of(
    shape_zyx: Sequence[int], multiple_of_zyx: Sequence[int] = (1, 1, 1), most: int = BLOCK_VOXELS
) -> tuple[Box, ...]:
    """Cut a volume into blocks of about equal size, as near to cubes as can be.

    Examples
    --------
    >>> [str(box) for box in blocks_of((10, 40, 300), most=10 * 40 * 40)][:2]
    ['[0:10, 0:40, 0:60]', '[0:10, 0:40, 60:120]']
    """
    cuts = [1, 1, 1]

    def sides() -> list[int]:
        even = (-(-length // cut) for length, cut in zip(shape_zyx, cuts, strict=True))
        whole = (-(-side // m) * m for side, m in zip(even, multiple_of_zyx, strict=True))
        return [min(side, length) for side, length in zip(whole, shape_zyx, strict=True)]

    # A little more is no reason for another cut.
    while math.prod(sides()) > 1.5 * most:
        now = sides()
        axis = max(range(3), key=lambda a: (now[a] > multiple_of_zyx[a], now[a]))
        if now[axis] <= multiple_of_zyx[axis]:
            break
        cuts[axis] += 1
        while sides() == now:
            cuts[axis] += 1
    return tuple(grid(shape_zyx, sides()))


def check_memory(shape_zyx: Sequence[int], available: int) -> None:
    """Refuse to decode blocks of a shape, with their context, for which the memory does not suffice.

    Examples
    --------
    >>> check_memory((50, 100, 200), 2**30)
    """
    voxels = math.prod(shape_zyx)
    if voxels * BYTES_A_VOXEL > available:
        gib = 2**30
        raise OutOfMemory(
            f"Finding objects in blocks of {' x '.join(map(str, shape_zyx))} voxels takes about "
            f"{voxels * BYTES_A_VOXEL / gib:.1f} GiB of memory, and {available / gib:.1f} GiB are free. "
            "Close other programs, or predict labels or probabilities instead."
        )


def largest_read(blocks: Sequence[Box], shape_zyx: Sequence[int], halo_zyx: Sequence[int]) -> Triple:
    """Return the shape of the largest block with its context."""
    read = max((box.grown(halo_zyx).clipped(Box.of_shape(shape_zyx)) for box in blocks), key=lambda b: b.size)
    z, y, x = read.shape
    return z, y, x


def decode(
    image: Image,
    decoder: Decoder,
    numbers: Numbers,
    blocks: Sequence[Box],
    *,
    on_block: Callable[[int], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Objects:
    """Find the objects of a volume.

    Parameters
    ----------
    image
        What the network says (c, z, y, x).
    decoder
        How objects are found in it.
    numbers
        Where the number of each voxel is kept.
    blocks
        Of :func:`blocks_of`, in their order.
    on_block
        Told how many blocks are done.
    should_stop
        Asked before every block.

    Raises
    ------
    Cancelled
        `should_stop` said so.
    """
    whole = Box.of_shape(image.shape_czyx[1:])
    found = 0
    alike, links, later = [np.empty((0, 2), np.int64)], [], []
    for done, block in enumerate(blocks):
        if should_stop():
            raise Cancelled("The prediction was cancelled.")
        read = block.grown(decoder.halo_zyx).clipped(whole)
        core = block.relative_to(read)
        voxels = image.read(read)
        now, seeds, count = _numbered(*decoder.fragments(voxels), core, found)
        fragments = numbers.read(read).astype(np.int64)
        elsewhere = seeds > 0
        elsewhere[core.slices] = False
        there = elsewhere & (fragments > 0)
        alike.append(np.unique(np.stack([fragments[there], seeds[there]], axis=1), axis=0))
        later.append(_one_in_each(seeds, elsewhere & (fragments == 0), read, blocks))
        fragments[core.slices] = now[core.slices]
        z, y, x = (min(1, start) for start in core.start)
        counted = Box(tuple(s - m for s, m in zip(core.start, (z, y, x), strict=True)), core.stop)
        said = voxels[(slice(None), *counted.slices)]
        links.append(decoder.links(fragments[counted.slices], said, (z, y, x)))
        numbers.write(block, fragments[core.slices].astype(np.uint32))
        found += count
        on_block(done + 1)
    alike += [_found_there(places, numbers, blocks) for places in later]
    one = _united(found + 1, np.concatenate(alike))
    body = bodies(Links.together(links).renamed(one), int(one.max()) + 1, MERGE_BELOW)[one]
    ids = _in_order(body)
    return Objects(int(ids.max()), whole.shape, tuple(blocks), numbers, ids)


def _numbered(fragments: Ids, seeds: Ids, core: Box, found: int) -> tuple[Ids, Ids, int]:
    """Return fragments and seeds with numbers behind those found before, and how many there are.

    Those outside of the core are 0.
    """
    table = np.zeros(int(fragments.max()) + 1, np.int64)
    table[fragments[core.slices]] = 1
    table[0] = 0
    count = int(table.sum())
    table[table > 0] = found + np.arange(1, count + 1)
    return table[fragments], table[seeds], count


def _one_in_each(seeds: Ids, where: NDArray[np.bool_], read: Box, blocks: Sequence[Box]) -> Ids:
    """Return where in each block that is not done yet a fragment has a seed: rows of z, y, x and number."""
    places = np.argwhere(where)
    numbers = seeds[where]
    places += read.start
    sides = [sorted({box.start[axis] for box in blocks}) for axis in range(3)]
    owner = np.stack([np.searchsorted(sides[a], places[:, a], side="right") for a in range(3)], axis=1)
    _, first = np.unique(np.column_stack([owner, numbers]), axis=0, return_index=True)
    return np.column_stack([places[first], numbers[first]])


def _found_there(places: Ids, numbers: Numbers, blocks: Sequence[Box]) -> Ids:
    """Return the numbers that other blocks gave to seeds, each beside the number of the seed."""
    pairs = [np.empty((0, 2), np.int64)]
    for box in blocks:
        inside = ((places[:, :3] >= box.start) & (places[:, :3] < box.stop)).all(axis=1)
        if not inside.any():
            continue
        z, y, x, seed = places[inside].T
        around = Box((z.min(), y.min(), x.min()), (z.max() + 1, y.max() + 1, x.max() + 1))
        z0, y0, x0 = around.start
        there = numbers.read(around)[z - z0, y - y0, x - x0].astype(np.int64)
        pairs.append(np.stack([there, seed], axis=1)[there > 0])
    return np.concatenate(pairs)


def _united(count: int, pairs: NDArray[np.int64]) -> Ids:
    """Return a number for each fragment, the same for those that pairs say are one; 0 stays 0."""
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    numbers = connected_components(graph, directed=False)[1].astype(np.int64)
    return _in_order(numbers).astype(np.int64)


def _in_order(numbers: Ids) -> NDArray[np.uint32]:
    """Return the numbers without gaps, in the order in which they come first; the first one, 0, stays 0."""
    _, first, place = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.uint32)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[place]

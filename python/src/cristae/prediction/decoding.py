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
import fastremap
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cristae.errors import Cancelled, LimitExceeded, OutOfMemory
from cristae.geometry import Box
from cristae.geometry.box import grid
from cristae.labels.agglomeration import Links, bodies
from cristae.labels.objects import DEEPEST, MERGE_BELOW, fragments_from, steps_zyx
from cristae.memory import available_bytes
from cristae.prediction.tiling import Triple
from cristae.volumes import Image, VoxelSize

BLOCK_VOXELS = 2**24

# Two probabilities as floats take 8; distances, seeds, ids and what the watershed keeps were measured as 50
# to 78 more. What does not fit ends the program without a word, so that this is rather too much.
BYTES_A_VOXEL = 96

BYTES_A_LINK = 1100
"""As measured while they are joined."""

SMEARED = 8.0
"""Voxels along x, beyond :data:`DEEPEST`, over which the border of a block may still be felt."""

LARGEST_16_BIT_ID = 65_535

INTERIOR, BOUNDARY = 1, 2

type Ids = NDArray[np.integer[Any]]


class Decoder(Protocol):
    """Finds the fragments of a block."""

    halo_zyx: Triple
    """The context that a block needs on each side."""

    block_voxels: int
    """Of a block without its context. The same on every machine, so that the result is."""

    bytes_a_voxel: int
    """What decoding a block takes at most, for each of its voxels with its context."""

    merge_below: float
    """Bodies are joined while the links between them are weaker."""

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

    block_voxels = BLOCK_VOXELS
    bytes_a_voxel = BYTES_A_VOXEL
    merge_below = MERGE_BELOW

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
    block_voxels = BLOCK_VOXELS
    bytes_a_voxel = BYTES_A_VOXEL
    merge_below = MERGE_BELOW

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the connected components of every class, which begin everywhere."""
        pieces: Ids = cc3d.connected_components(np.ascontiguousarray(voxels[0]), connectivity=6)
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


def check_memory(shape_zyx: Sequence[int], available: int, bytes_a_voxel: int = BYTES_A_VOXEL) -> None:
    """Refuse to decode blocks of a shape, with their context, for which the memory does not suffice.

    Examples
    --------
    >>> check_memory((50, 100, 200), 2**30)
    """
    voxels = math.prod(shape_zyx)
    if voxels * bytes_a_voxel > available:
        gib = 2**30
        raise OutOfMemory(
            f"Finding objects in blocks of {' x '.join(map(str, shape_zyx))} voxels takes about "
            f"{voxels * bytes_a_voxel / gib:.1f} GiB of memory, and {available / gib:.1f} GiB are free. "
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
    on_progress: Callable[[float, str], None] = lambda share, detail: None,
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
    on_progress
        Told which share of the work is done, and a word on it.
    should_stop
        Asked before every block, and while fragments are joined.

    Raises
    ------
    Cancelled
        `should_stop` said so.
    LimitExceeded
        There are more than 2^32 fragments.
    OutOfMemory
        Their links do not fit.
    """
    whole = Box.of_shape(image.shape_czyx[1:])
    owner_of = _Owners(blocks)
    found = 0
    links, later = [], []
    alike: list[Ids] = [np.empty((0, 2), np.int64)]
    for done, block in enumerate(blocks):
        refuse_to_go_on(should_stop)
        read = block.grown(decoder.halo_zyx).clipped(whole)
        core = block.relative_to(read)
        voxels = image.read(read)
        now, seeds, count = _numbered(*decoder.fragments(voxels), core, found)
        fragments = numbers.read(read)
        elsewhere = seeds > 0
        elsewhere[core.slices] = False
        places = np.argwhere(elsewhere)
        there, here = fragments[elsewhere], seeds[elsewhere]
        alike.append(_each_once(np.column_stack([there, here])[there > 0]))
        later.append(_one_in_each(places[there == 0] + read.start, here[there == 0], owner_of))
        fragments[core.slices] = now[core.slices]
        z, y, x = (min(1, start) for start in core.start)
        counted = Box(tuple(s - m for s, m in zip(core.start, (z, y, x), strict=True)), core.stop)
        said = voxels[(slice(None), *counted.slices)]
        links.append(decoder.links(fragments[counted.slices], said, (z, y, x)))
        numbers.write(block, fragments[core.slices])
        found += count
        on_progress(0.9 * (done + 1) / len(blocks), f"block {done + 1} of {len(blocks)}")
    alike.append(_found_there(np.concatenate(later), numbers, blocks, should_stop))
    one = _united(found + 1, np.concatenate(alike))
    linked = Links.together(links).renamed(one)
    check_links(linked.count, available_bytes())
    on_progress(0.9, f"joining {int(one.max()):,} fragments")
    body = bodies(linked, int(one.max()) + 1, decoder.merge_below, lambda: refuse_to_go_on(should_stop))[one]
    ids = _in_order(body)
    on_progress(1.0, "")
    return Objects(int(ids.max()), whole.shape, tuple(blocks), numbers, ids)


def _numbered(fragments: Ids, seeds: Ids, core: Box, found: int) -> tuple[Ids, Ids, int]:
    """Return fragments and seeds with numbers behind those found before, and how many there are.

    Those outside of the core are 0.
    """
    table = np.zeros(int(fragments.max()) + 1, np.uint32)
    table[fastremap.unique(fragments[core.slices])] = 1
    table[0] = 0
    count = int(table.sum())
    if found + count >= 2**32:
        raise LimitExceeded(
            "There are more than 4,294,967,295 fragments of objects, more than can be numbered here. Cut the "
            "volume into parts."
        )
    table[table > 0] = found + np.arange(1, count + 1)
    now = table[fragments]
    return now, now if seeds is fragments else table[seeds], count


def _each_once(rows: Ids) -> Ids:
    return np.unique(rows.astype(np.int64), axis=0)


class _Owners:
    """Tells which block of a grid a voxel belongs to."""

    def __init__(self, blocks: Sequence[Box]) -> None:
        self._starts = [np.unique([box.start[axis] for box in blocks]) for axis in range(3)]

    def __call__(self, places_zyx: Ids) -> Ids:
        """Return the numbers of the blocks of some voxels (n, 3), in the order of the blocks."""
        number = np.zeros(len(places_zyx), np.int64)
        for axis, starts in enumerate(self._starts):
            number = number * starts.size + np.searchsorted(starts, places_zyx[:, axis], side="right") - 1
        return number


def _one_in_each(places: Ids, numbers: Ids, owner_of: _Owners) -> Ids:
    """Return a place of each fragment in each other block: rows of block, z, y, x and number."""
    owner = owner_of(places)
    _, first = np.unique(np.column_stack([owner, numbers]), axis=0, return_index=True)
    return np.column_stack([owner[first], places[first], numbers[first]])


def _found_there(rows: Ids, numbers: Numbers, blocks: Sequence[Box], should_stop: Callable[[], bool]) -> Ids:
    """Return the numbers that other blocks gave to seeds, each beside the number of the seed."""
    pairs: list[Ids] = [np.empty((0, 2), np.int64)]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    owners, first = np.unique(rows[:, 0], return_index=True)
    for owner, part in zip(owners.tolist(), np.split(rows, first[1:]), strict=False):
        refuse_to_go_on(should_stop)
        z, y, x = (part[:, 1:4] - blocks[owner].start).T
        there = numbers.read(blocks[owner])[z, y, x].astype(np.int64)
        pairs.append(np.stack([there, part[:, 4]], axis=1)[there > 0])
    return np.concatenate(pairs)


def refuse_to_go_on(should_stop: Callable[[], bool]) -> None:
    """End the work where it is, if that was asked."""
    if should_stop():
        raise Cancelled("The prediction was cancelled.")


def check_links(count: int, available: int) -> None:
    """Refuse to join fragments by more links than fit.

    Examples
    --------
    >>> check_links(1000, 2**30)
    """
    if count * BYTES_A_LINK > available:
        gib = 2**30
        raise OutOfMemory(
            f"Joining objects by {count:,} links takes about {count * BYTES_A_LINK / gib:.1f} GiB of memory, "
            f"and {available / gib:.1f} GiB are free. Close other programs, or cut the volume into parts."
        )


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
    return np.asarray(rank[place])

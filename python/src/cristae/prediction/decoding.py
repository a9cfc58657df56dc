"""From what a network says of a volume of any size to its objects, block by block.

Each block is decoded with some context around it, into fragments that get numbers of their own. What lies on
both sides of a cut is put together in two ways: a fragment that began to grow in another block is the one
that this block found there, and how strongly fragments are linked is counted over the whole volume before any
are joined. So where the cuts lie hardly matters, and for plain pieces it does not matter at all. Memory holds
the blocks that are at work, and the links between fragments; which numbers the voxels have lies on disk.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import product
from threading import Thread
from typing import Any, Protocol

import fastremap
import numpy as np
from numpy.typing import NDArray

from cristae.errors import Cancelled, LimitExceeded
from cristae.geometry import Box, Triple
from cristae.geometry.box import grid
from cristae.prediction.decoders import BLOCK_VOXELS, Ids, no_pairs
from cristae.prediction.fragments import (
    Desk,
    DeskOnDisk,
    Found,
    Numbers,
    Seam,
    Ties,
    found_in,
    tied_at,
    with_layers,
)

LARGEST_16_BIT_ID = 65_535
MOST_FRAGMENTS = 2**32 - 1
FOUND, TIED = 0.7, 0.9
"""Shares of the work by which the blocks have their fragments, and their ties."""
ASKED_EVERY_S = 0.2
"""So often a work in compiled code is asked about."""


class Hands(Protocol):
    """Do something for every unit of a list, here or elsewhere, and yield number and result as each is done.

    The order is theirs.
    """

    def __call__[Unit, Result](
        self, function: Callable[[Unit], Result], units: Sequence[tuple[int, Unit]]
    ) -> Iterator[tuple[int, Result]]:
        """Do it."""


def own_hands(should_stop: Callable[[], bool]) -> Hands:
    """Return what does one unit after the other here, until `should_stop` says otherwise.

    Examples
    --------
    >>> list(own_hands(lambda: False)(len, [(0, "ab"), (1, "c")]))
    [(0, 2), (1, 1)]
    """

    def work[Unit, Result](
        function: Callable[[Unit], Result], units: Sequence[tuple[int, Unit]]
    ) -> Iterator[tuple[int, Result]]:
        for number, unit in units:
            refuse_to_go_on(should_stop)
            yield number, unless_stopped(partial(function, unit), should_stop)

    return work


def unless_stopped[Result](work: Callable[[], Result], should_stop: Callable[[], bool]) -> Result:
    """Return the result of some work, or leave it alone as soon as `should_stop` says so.

    A mutex watershed goes through all pairs of a block in one call of compiled code, which takes minutes
    where most of them repel each other, and cannot be ended from outside. So work is done in a thread of its
    own. One that is left behind ends with the block or with the process; what it would write then is
    refused, as the run is over (:class:`~cristae.volumes.run_mark.RunMark`), or nobody sees it.

    Raises
    ------
    Cancelled
        `should_stop` said so.

    Examples
    --------
    >>> unless_stopped(lambda: 3, lambda: False)
    3
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="objects of a block", daemon=True).start()
    while not wait([future], ASKED_EVERY_S).done:
        refuse_to_go_on(should_stop)
    return future.result()


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
    _ids_of: tuple[NDArray[np.uint32], ...]

    @property
    def dtype(self) -> str:
        """The type that ids need: ImageJ shows 16 bits as they are, 32 with a decimal point."""
        return "uint16" if self.count <= LARGEST_16_BIT_ID else "uint32"

    def read(self) -> Iterator[tuple[Box, NDArray[np.uint32]]]:
        """Yield the ids (z, y, x) block by block."""
        for box, ids in zip(self._blocks, self._ids_of, strict=True):
            voxels: NDArray[Any] = self._numbers.read(box)
            fastremap.remap_from_array(voxels.reshape(-1), np.concatenate([[np.uint32(0)], ids]))  # in place
            yield box, voxels

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


def largest_read(blocks: Sequence[Box], shape_zyx: Sequence[int], halo_zyx: Sequence[int]) -> Triple:
    """Return the shape of the largest block with its context."""
    read = max((box.grown(halo_zyx).clipped(Box.of_shape(shape_zyx)) for box in blocks), key=lambda b: b.size)
    z, y, x = read.shape
    return z, y, x


def decode(
    desk: Desk | DeskOnDisk,
    blocks: Sequence[Box],
    *,
    hands: Hands | None = None,
    on_progress: Callable[[float, str], None] = lambda share, detail: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Objects:
    """Find the objects of a volume.

    The result does not depend on who does which block, nor when.

    Parameters
    ----------
    desk
        What the network says, how objects are found in it, and where numbers are kept.
    blocks
        Of :func:`blocks_of`, in their order.
    hands
        Who does the blocks; by default this process.
    on_progress
        Told which share of the work is done, and a word on it.
    should_stop
        Asked before every block and while it is at work, and while fragments are joined.

    Raises
    ------
    Cancelled
        `should_stop` said so.
    LimitExceeded
        There are more than 2^32 - 1 fragments.
    OutOfMemory
        Their links do not fit.
    """
    hands = hands or own_hands(should_stop)
    found: dict[int, Found] = {}
    total = 0
    for number, of_block in hands(partial(found_in, desk), list(enumerate(blocks))):
        if number in found:
            continue  # done twice, after a process died
        found[number] = of_block
        total += of_block.count
        check_count(total)
        on_progress(FOUND * len(found) / len(blocks), f"block {len(found)} of {len(blocks)}")
    befores = np.cumsum([0, *(found[number].count for number in range(len(blocks)))]).tolist()
    seams = _seams(blocks, found, befores, desk.opened())
    found.clear()
    ties: dict[int, Ties] = {}
    for number, of_seam in hands(partial(tied_at, desk), list(enumerate(seams))):
        ties[number] = of_seam
        told = f"edges of block {len(ties)} of {len(blocks)}"
        on_progress(FOUND + (TIED - FOUND) * len(ties) / len(blocks), told)
    in_order = [ties[number] for number in range(len(blocks))]
    one = _united(total + 1, np.concatenate([no_pairs(), *(each.alike for each in in_order)]))
    on_progress(TIED, f"joining {int(one.max()):,} fragments")
    open_desk = desk.opened()
    links = [each.links for each in in_order]
    joined = partial(open_desk.decoder.joined, links, one, lambda: refuse_to_go_on(should_stop))
    ids = _in_order(unless_stopped(joined, should_stop))
    on_progress(1.0, "")
    ids_of = tuple(np.split(ids[1:], befores[1:-1]))
    return Objects(int(ids.max()), open_desk.whole.shape, tuple(blocks), open_desk.numbers, ids_of)


def _seams(blocks: Sequence[Box], found: dict[int, Found], befores: list[int], desk: Desk) -> list[Seam]:
    """Return each block beside those that its context touches."""
    decoder = desk.decoder
    reach = [max(both) for both in zip(decoder.halo_zyx, decoder.beside_zyx, strict=True)]
    neighbours = _Grid(blocks)
    return [
        Seam(
            block,
            tuple(
                (blocks[one], befores[one])
                for one in neighbours.touching(with_layers(block).grown(reach).clipped(desk.whole))
            ),
            found[number],
        )
        for number, block in enumerate(blocks)
    ]


class _Grid:
    """Tells which blocks of a grid a box touches."""

    def __init__(self, blocks: Sequence[Box]) -> None:
        self._starts = [sorted({box.start[axis] for box in blocks}) for axis in range(3)]

    def touching(self, box: Box) -> list[int]:
        """Return the numbers of the blocks, in their order."""
        axes = [
            range(bisect_right(starts, start) - 1, bisect_left(starts, stop))
            for starts, start, stop in zip(self._starts, box.start, box.stop, strict=True)
        ]
        _, rows, columns = (len(starts) for starts in self._starts)
        return [(z * rows + y) * columns + x for z, y, x in product(*axes)]


def check_count(count: int) -> None:
    """Refuse more fragments than can be numbered.

    Examples
    --------
    >>> check_count(1000)
    """
    if count > MOST_FRAGMENTS:
        raise LimitExceeded(
            "There are more than 4,294,967,295 fragments of objects, more than can be numbered here. Cut the "
            "volume into parts."
        )


def refuse_to_go_on(should_stop: Callable[[], bool]) -> None:
    """End the work where it is, if that was asked."""
    if should_stop():
        raise Cancelled("The prediction was cancelled.")


def _united(count: int, pairs: NDArray[np.int64]) -> Ids:
    """Return a number for each fragment, the same for those that pairs say are one; 0 stays 0."""
    from scipy.sparse import coo_array  # not above: it takes a second, and few need it
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    numbers = connected_components(graph, directed=False)[1].astype(np.int64)
    return _in_order(numbers).astype(np.int64)


def _in_order(numbers: Ids) -> NDArray[np.uint32]:
    """Return the numbers without gaps, in the order in which they come first; the first one, 0, stays 0."""
    _, first, place = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.uint32)
    rank[np.argsort(first)] = np.arange(first.size)
    return np.asarray(rank[place])

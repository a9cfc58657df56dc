"""One block of a volume, by itself and as a neighbour: what each of several processes does of a search.

First every block is cut into fragments, with some context around it, and numbers them from 1 on. When all are
there, each block is looked at once more: which of its fragments are those of other blocks, and how strongly
it touches those before it. No block waits for another one within either step, so that it is the same who does
which of them, and when.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import fastremap
import numpy as np
from numpy.typing import NDArray

from cristae.errors import Cancelled, OutOfMemory
from cristae.geometry import Box, Triple
from cristae.memory import available_bytes
from cristae.prediction.decoders import BYTES_A_VOXEL, Cut, Decoder, Ids, each_once, no_pairs
from cristae.volumes import Image, StoredVolume
from cristae.volumes.run_mark import RunMark
from cristae.volumes.scratch import ScratchVolume

_one_at_a_time = Lock()
"""A worker may have several threads, and the memory that was checked is that of one block."""


class Numbers(Protocol):
    """Where the numbers of all voxels are kept meanwhile, each block's from 1 on."""

    @property
    def block_zyx(self) -> Triple:
        """What is written begins at a multiple of it."""

    def write(self, box_zyx: Box, voxels: Ids) -> None:
        """Keep the numbers of a box."""

    def read(self, box_zyx: Box) -> NDArray[np.uint32]:
        """Return the numbers of a box."""


class NumbersInMemory:
    """Numbers that fit."""

    block_zyx: Triple = (1, 1, 1)

    def __init__(self, shape_zyx: Sequence[int]) -> None:
        self._voxels = np.zeros(tuple(shape_zyx), np.uint32)

    def write(self, box_zyx: Box, voxels: Ids) -> None:
        """Keep the numbers of a box."""
        self._voxels[box_zyx.slices] = voxels

    def read(self, box_zyx: Box) -> NDArray[np.uint32]:
        """Return the numbers of a box."""
        return self._voxels[box_zyx.slices].copy()


@dataclass(frozen=True)
class Desk:
    """What a search works with.

    Attributes
    ----------
    said
        What the network says (c, z, y, x).
    decoder
        How objects are found in it.
    numbers
        Where the number of each voxel is kept.
    mark
        Says when nothing is to be written any more.
    """

    said: Image
    decoder: Decoder[Any]
    numbers: Numbers
    mark: RunMark | None = None

    def opened(self) -> "Desk":
        """Return it as it is."""
        return self

    @property
    def whole(self) -> Box:
        """The volume."""
        return Box.of_shape(self.said.shape_czyx[1:])


@dataclass(frozen=True)
class DeskOnDisk:
    """A desk that other processes find by its paths.

    Attributes
    ----------
    answers
        The sealed volume of what the network says.
    numbers
        The folder of a :class:`ScratchVolume`.
    decoder
        How objects are found.
    mark
        Names the run.
    """

    answers: Path
    numbers: Path
    decoder: Decoder[Any]
    mark: RunMark | None = None

    def opened(self) -> Desk:
        """Open it, once in each process."""
        return _opened(self)


@lru_cache(maxsize=1)
def _opened(desk: DeskOnDisk) -> Desk:
    said = StoredVolume(desk.answers)
    _, z, y, x = said.shape_czyx
    return Desk(said, desk.decoder, ScratchVolume(desk.numbers, (z, y, x)), desk.mark)


@dataclass(frozen=True)
class Found:
    """The fragments of a block.

    Attributes
    ----------
    count
        How many there are: their numbers are 1...count.
    began
        Those that began to grow outside of the block: rows of a place (z, y, x) and their number, int32, one
        for each; that nearest to the block, where it sees most of what is around.
    """

    count: int
    began: NDArray[np.int32]


def found_in(desk: Desk | DeskOnDisk, block: Box) -> Found:
    """Cut a block into fragments, and keep their numbers.

    Raises
    ------
    Cancelled
        The run is over.
    OutOfMemory
        It does not fit into what is free where this runs.
    """
    with _one_at_a_time:
        return _found_in(desk.opened(), block)


def _found_in(open_desk: Desk, block: Box) -> Found:
    _refuse_if_over(open_desk)
    read = block.grown(open_desk.decoder.halo_zyx).clipped(open_desk.whole)
    available = _asked_in(int(time.monotonic()), available_bytes)
    check_memory(read.shape, available, bytes_a_voxel=open_desk.decoder.bytes_a_voxel)
    core = block.relative_to(read)
    fragments, seeds = open_desk.decoder.fragments(open_desk.said.read(read))
    if seeds is None:
        _refuse_if_over(open_desk)
        open_desk.numbers.write(block, fragments)
        return Found(int(fragments.max()), np.empty((0, 4), np.int32))
    table, count = _numbered(fragments, core)
    _refuse_if_over(open_desk)
    open_desk.numbers.write(block, table[fragments[core.slices]])
    elsewhere = seeds > 0
    elsewhere[core.slices] = False
    places, numbers_there = np.argwhere(elsewhere), table[seeds[elsewhere]]
    reaches_in = numbers_there > 0
    began = _nearest_of_each(places[reaches_in], numbers_there[reaches_in], core, open_desk.decoder.halo_zyx)
    began[:, :3] += np.array(read.start, np.int32)
    return Found(count, began)


@dataclass(frozen=True)
class Seam:
    """A block beside others.

    Attributes
    ----------
    block
        Its box.
    around
        The boxes of all blocks that its context touches, its own too, and how many fragments were counted
        before each.
    found
        What was found in it.
    """

    block: Box
    around: tuple[tuple[Box, int], ...]
    found: Found

    def counted_before(self, part: Box) -> int:
        """Return how many fragments were counted before the block in which a box begins."""
        return next(before for box, before in self.around if box.has(part.start))


@dataclass(frozen=True)
class Ties:
    """What ties the fragments of a block to others, by the numbers that they have in the whole volume.

    Attributes
    ----------
    links
        How strongly they touch each other, and those of blocks before, as the decoder counts it.
    alike
        Pairs (n, 2) that are one fragment.
    """

    links: Any
    alike: Ids


def tied_at(desk: Desk | DeskOnDisk, seam: Seam) -> Ties:
    """Tell what ties the fragments of a block to those of others, all of which have been found."""
    with _one_at_a_time:
        return _tied_at(desk.opened(), seam)


def _tied_at(open_desk: Desk, seam: Seam) -> Ties:
    _refuse_if_over(open_desk)
    beside = _Beside(open_desk, seam)
    across = open_desk.decoder.one_across(beside)
    links = open_desk.decoder.links(beside)
    return Ties(links, each_once(np.concatenate([across, _found_there(open_desk, seam)])))


def with_layers(block: Box) -> Box:
    """Return a block with the layers of voxels before it, wherever it does not begin with the volume.

    Examples
    --------
    >>> str(with_layers(Box((0, 5, 5), (5, 10, 10))))
    '[0:5, 4:10, 4:10]'
    """
    return Box(tuple(max(0, start - 1) for start in block.start), block.stop)


@dataclass(frozen=True)
class _Beside:
    """What a decoder asks for of a block beside others, read when it does."""

    desk: Desk
    seam: Seam

    def read(self, context_zyx: Triple) -> tuple[Ids, NDArray[Any], Box, Triple]:
        counted = with_layers(self.seam.block)
        z, y, x = (own - first for own, first in zip(self.seam.block.start, counted.start, strict=True))
        read = counted.grown(context_zyx).clipped(self.desk.whole)
        fragments = np.zeros(read.shape, np.uint32)
        for box, before in self.seam.around:
            common = box.intersection(read)
            if common is not None:
                part = _counted_on(self.desk.numbers.read(common), before)
                fragments[common.relative_to(read).slices] = part
        return fragments, self.desk.said.read(read), counted.relative_to(read), (z, y, x)

    def cuts(self) -> Iterator[Cut]:
        block, own = self.seam.block, self.seam.counted_before(self.seam.block)
        for axis, at in enumerate(block.start):
            if at == 0:
                continue
            start, stop = list(block.start), list(block.stop)
            start[axis], stop[axis] = at - 1, at + 1
            layers = Box(tuple(start), tuple(stop))
            numbers, said = self.desk.numbers.read(layers), self.desk.said.read(layers)
            before, behind = ((*(slice(None),) * axis, side) for side in (0, 1))
            yield Cut(
                (numbers[before], numbers[behind]),
                (said[:, *before], said[:, *behind]),
                np.array([self.seam.counted_before(layers), own]),
            )


def _found_there(desk: Desk, seam: Seam) -> Ids:
    """Return what other blocks call the fragments of this one that began in them, and what this one does."""
    if not seam.found.began.size:
        return no_pairs()
    places = seam.found.began[:, :3]
    numbers = seam.found.began[:, 3].astype(np.int64) + seam.counted_before(seam.block)
    pairs = [no_pairs()]
    for box, before in seam.around:
        inside = np.all((places >= box.start) & (places < box.stop), axis=1)
        if not inside.any():
            continue
        here = places[inside]
        least, most = here.min(axis=0), here.max(axis=0) + 1
        voxels = desk.numbers.read(Box(tuple(least.tolist()), tuple(most.tolist())))
        there = _counted_on(voxels[*(here - least).T], before).astype(np.int64)
        pairs.append(np.column_stack([there, numbers[inside]])[there > 0])
    return np.concatenate(pairs)


def _counted_on(numbers: NDArray[np.uint32], before: int) -> NDArray[np.uint32]:
    """Return the numbers behind those of blocks before; 0 stays 0."""
    return numbers + (numbers > 0) * np.uint32(before)


def _numbered(fragments: Ids, core: Box) -> tuple[NDArray[np.uint32], int]:
    """Return the number of each fragment, 0 for those outside of the core, and how many there are inside."""
    table = np.zeros(int(fragments.max()) + 1, np.uint32)
    table[fastremap.unique(fragments[core.slices])] = 1
    table[0] = 0
    count = int(table.sum())
    table[table > 0] = np.arange(1, count + 1)
    return table, count


def _nearest_of_each(places: Ids, numbers: Ids, core: Box, halo_zyx: Triple) -> NDArray[np.int32]:
    """Return of each number the place that is nearest to the core, as rows of place and number."""
    beyond = np.maximum(np.array(core.start) - places, places - np.array(core.stop) + 1)
    distance = (beyond / np.maximum(halo_zyx, 1)).max(axis=1, initial=0)  # as a part of the context
    order = np.lexsort((*places.T[::-1], distance, numbers))
    first = np.ones(order.size, bool)
    first[1:] = numbers[order][1:] != numbers[order][:-1]
    kept = order[first]
    return np.column_stack([places[kept], numbers[kept]]).astype(np.int32)


@lru_cache(maxsize=1)
def _asked_in(second: int, ask: Callable[[], int]) -> int:
    """Return which memory is free, asked once in a second: to ask takes as long as a small block."""
    return ask()


def _refuse_if_over(desk: Desk) -> None:
    if desk.mark is not None and desk.mark.is_over():
        raise Cancelled("The prediction was cancelled.")


def check_memory(
    shape_zyx: Sequence[int], available: int, at_once: int = 1, bytes_a_voxel: int = BYTES_A_VOXEL
) -> None:
    """Refuse to decode blocks of a shape, with their context, for which the memory does not suffice.

    Parameters
    ----------
    shape_zyx
        Of the largest one.
    available
        Bytes.
    at_once
        How many are decoded at the same time.
    bytes_a_voxel
        What the decoder takes.

    Examples
    --------
    >>> check_memory((50, 100, 200), 2**30, at_once=8)
    """
    bytes_of_one = math.prod(shape_zyx) * bytes_a_voxel
    if bytes_of_one * at_once > available:
        gib = 2**30
        each, instead = ("", "predict labels or probabilities instead")
        if at_once > 1:
            each, instead = f" in each of {at_once} processes", "start fewer processes"
        raise OutOfMemory(
            f"Finding objects in blocks of {' x '.join(map(str, shape_zyx))} voxels takes about "
            f"{bytes_of_one / gib:.1f} GiB of memory{each}, and {available / gib:.1f} GiB are free. "
            f"Close other programs, or {instead}."
        )

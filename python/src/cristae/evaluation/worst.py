"""Where a prediction differs most from the truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cristae.evaluation.comparing import Comparison
from cristae.geometry import Box

SIDE = 256
"""Rows and columns of a place."""
_BLOCK = 32
_SECTIONS_APART = 8

type Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """A window of one section.

    Attributes
    ----------
    box
        Where it is (z, y, x).
    wrong
        How many known voxels differ there.
    """

    box: Box
    wrong: int


def worst_places(comparison: Comparison, count: int = 6) -> list[Place]:
    """Return the windows of 256 x 256 voxels with the most differences, the worst first.

    Differences are counted in blocks of 32 x 32, in one pass. Windows do not overlap in a section, nor in
    sections less than 8 apart: those would show the same again. Memory grows with the number of sections
    only.

    Examples
    --------
    >>> from cristae.evaluation import evaluate_classes
    >>> truth, guess = np.zeros((2, 3, 40, 50), np.uint8)
    >>> guess[1, 5, 5:9] = 1
    >>> [(str(place.box), place.wrong) for place in worst_places(evaluate_classes(guess, truth).comparison)]
    [('[1:2, 0:40, 0:50]', 4)]
    """
    found = [place for z, blocks in _sections(comparison) for place in _windows(comparison, z, blocks, count)]
    found.sort(key=lambda place: (-place.wrong, place.box))
    chosen: list[Place] = []
    for place in found:
        if not any(_show_the_same(place.box, other.box) for other in chosen):
            chosen.append(place)
        if len(chosen) == count:
            break
    return chosen


def _show_the_same(one: Box, other: Box) -> bool:
    reach = (_SECTIONS_APART - 1, 0, 0)
    return one.grown(reach).intersection(other) is not None


def _sections(comparison: Comparison) -> Iterator[tuple[int, Counts]]:
    """Yield each section with the number of differences in each of its blocks (rows, columns)."""
    _, height, width = comparison.shape_zyx
    blocks: dict[int, Counts] = {}
    for compared, box, _ in comparison.parts():
        wrong = compared.wrong
        rows = np.arange(box.start[1], box.stop[1]) // _BLOCK
        first_rows = np.flatnonzero(np.diff(rows, prepend=-1))
        counts = np.add.reduceat(wrong, np.arange(0, width, _BLOCK), axis=2, dtype=np.int64)
        counts = np.add.reduceat(counts, first_rows, axis=1)
        for section, z in zip(counts, range(box.start[0], box.stop[0]), strict=True):
            whole = blocks.setdefault(z, np.zeros((-(-height // _BLOCK), -(-width // _BLOCK)), np.int64))
            whole[rows[0] : rows[-1] + 1] += section
            if box.stop[1] == height:
                yield z, blocks.pop(z)


def _windows(comparison: Comparison, z: int, blocks: Counts, count: int) -> Iterator[Place]:
    """Yield the worst windows of a section, which do not overlap."""
    rows, columns = (min(SIDE // _BLOCK, length) for length in blocks.shape)
    sums = np.pad(blocks, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    wrong = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    for _ in range(count):
        row, column = (int(place) for place in np.unravel_index(wrong.argmax(), wrong.shape))
        if not wrong[row, column]:
            return
        _, height, width = comparison.shape_zyx
        bottom, right = min((row + rows) * _BLOCK, height), min((column + columns) * _BLOCK, width)
        top, left = row * _BLOCK, column * _BLOCK
        yield Place(Box((z, top, left), (z + 1, bottom, right)), int(wrong[row, column]))
        wrong[max(0, row - rows + 1) : row + rows, max(0, column - columns + 1) : column + columns] = 0

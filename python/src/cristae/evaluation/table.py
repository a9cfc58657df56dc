"""Count how often ids meet, in memory that grows with the objects, not with the voxels."""

from dataclasses import dataclass
from typing import Any

import fastremap
import numpy as np
import numpy.typing as npt

from cristae.labels.scan import ValueCounts

_BITS = 31
_LARGE = 1 << (_BITS - 1)
_DENSE_CELLS = 1 << 22


@dataclass(frozen=True)
class Contingency:
    """A sparse contingency table.

    Attributes
    ----------
    truth, prediction
        The ids of a pair, as they stand in the images; 0 is background on either side.
    voxels
        How often the pair occurs. Every pair stands once.
    """

    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    voxels: npt.NDArray[np.int64]


class ContingencyCounter:
    """Counts pairs of ids part by part.

    Ids of more than 30 bits are given smaller numbers while they are counted, so that a pair fits into one
    integer.

    Parameters
    ----------
    beside
        Another counter, whose tables can then be added to the ones of this one.

    Examples
    --------
    >>> counter = ContingencyCounter()
    >>> counter.add(np.array([1, 1, 2**40]), np.array([5, 5, 0]))
    >>> counter.table().truth.tolist(), counter.table().voxels.tolist()
    ([1, 1099511627776], [2, 1])
    """

    def __init__(self, beside: "ContingencyCounter | None" = None) -> None:
        self._pairs = ValueCounts()
        self._large_truth: dict[int, int] = {} if beside is None else beside._large_truth
        self._large_prediction: dict[int, int] = {} if beside is None else beside._large_prediction

    def add(self, truth: npt.NDArray[Any], prediction: npt.NDArray[Any], times: int = 1) -> None:
        """Count the pairs of two arrays of the same shape, of ids from 0 to 2^63 - 1.

        With -1 `times` pairs are taken away that another counter has, in a table of both.
        """
        if truth.size == 0:
            return
        true = _small(truth.reshape(-1), self._large_truth)
        predicted = _small(prediction.reshape(-1), self._large_prediction)
        rows, columns = int(true.max()) + 1, int(predicted.max()) + 1
        if rows * columns <= _DENSE_CELLS:
            cells = np.bincount(true * columns + predicted)
            filled = np.flatnonzero(cells)
            keys = (filled // columns) << _BITS | filled % columns
            self._pairs.add(keys.astype(np.int64), times * cells[filled].astype(np.int64))
            return
        keys, counts = fastremap.unique(true << _BITS | predicted, return_counts=True)
        self._pairs.add(keys.astype(np.int64), times * counts.astype(np.int64))

    def table(self, *beside: "ContingencyCounter") -> Contingency:
        """Return what was counted so far, here and in counters that were made `beside` this one."""
        everything = ValueCounts()
        for counter in (self, *beside):
            everything.add(*counter._pairs.arrays())
        keys, voxels = everything.arrays()
        keys, voxels = keys[voxels != 0], voxels[voxels != 0]
        return Contingency(
            _as_stored(keys >> _BITS, self._large_truth),
            _as_stored(keys & ((1 << _BITS) - 1), self._large_prediction),
            voxels,
        )


def _small(ids: npt.NDArray[Any], numbers: dict[int, int]) -> npt.NDArray[np.int64]:
    """Return ids below 2^31: those below 2^30 as they are, the others numbered from there on."""
    small = ids.astype(np.int64)
    large = ids >= _LARGE
    if large.any():
        values, inverse = np.unique(ids[large], return_inverse=True)
        chosen = [numbers.setdefault(value, _LARGE + len(numbers)) for value in values.tolist()]
        small[large] = np.array(chosen, np.int64)[inverse]
    return small


def _as_stored(small: npt.NDArray[np.int64], numbers: dict[int, int]) -> npt.NDArray[np.int64]:
    """Return the ids that :func:`_small` numbered."""
    ids = small.copy()
    large = small >= _LARGE
    if large.any():
        ids[large] = np.array(list(numbers), np.int64)[small[large] - _LARGE]
    return ids

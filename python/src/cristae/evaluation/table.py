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
        Ids of a pair; 0 is background on either side.
    voxels
        How often the pair occurs. Every pair stands once.
    """

    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    voxels: npt.NDArray[np.int64]


class ContingencyCounter:
    """Counts pairs of ids part by part.

    Ids of more than 31 bits are given smaller numbers, in the order in which they come: scores do not depend
    on them.

    Examples
    --------
    >>> counter = ContingencyCounter()
    >>> counter.add(np.array([1, 1, 2]), np.array([5, 5, 0]))
    >>> counter.table().voxels
    array([2, 1])
    """

    def __init__(self) -> None:
        self._pairs = ValueCounts()
        self._large_truth: dict[int, int] = {}
        self._large_prediction: dict[int, int] = {}

    def add(self, truth: npt.NDArray[Any], prediction: npt.NDArray[Any]) -> None:
        """Count the pairs of two arrays of the same shape, of ids from 0 on."""
        if truth.size == 0:
            return
        true = _small(truth.reshape(-1), self._large_truth)
        predicted = _small(prediction.reshape(-1), self._large_prediction)
        rows, columns = int(true.max()) + 1, int(predicted.max()) + 1
        if rows * columns <= _DENSE_CELLS:
            cells = np.bincount(true * columns + predicted)
            filled = np.flatnonzero(cells)
            keys = (filled // columns) << _BITS | filled % columns
            self._pairs.add(keys.astype(np.int64), cells[filled].astype(np.int64))
            return
        keys, counts = fastremap.unique(true << _BITS | predicted, return_counts=True)
        self._pairs.add(keys.astype(np.int64), counts.astype(np.int64))

    def table(self) -> Contingency:
        """Return what was counted so far."""
        keys, voxels = self._pairs.arrays()
        return Contingency(keys >> _BITS, keys & ((1 << _BITS) - 1), voxels)


def _small(ids: npt.NDArray[Any], numbers: dict[int, int]) -> npt.NDArray[np.int64]:
    """Return ids below 2^31: those below 2^30 as they are, the others numbered from there on."""
    small = ids.astype(np.int64)
    large = ids >= _LARGE
    if large.any():
        values, inverse = np.unique(ids[large], return_inverse=True)
        chosen = [numbers.setdefault(value, _LARGE + len(numbers)) for value in values.tolist()]
        small[large] = np.array(chosen, np.int64)[inverse]
    return small

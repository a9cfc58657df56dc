"""Rows of a table for the ids of objects, in the order in which they come."""

import numpy as np
import numpy.typing as npt

type Ids = npt.NDArray[np.int64]

_LOW_BITS = 16


class Rows:
    """Gives every id the next free row when it comes for the first time.

    Examples
    --------
    >>> rows = Rows()
    >>> rows.of(np.array([5, 2**40])).tolist(), rows.of(np.array([3, 5])).tolist()
    ([0, 1], [2, 0])
    >>> rows.ids.tolist(), rows.order.tolist()
    ([3, 5, 1099511627776], [2, 0, 1])
    """

    def __init__(self) -> None:
        self.ids: Ids = np.empty(0, np.int64)
        """All ids so far, in rising order."""
        self.order: Ids = np.empty(0, np.int64)
        """Their rows."""

    def of(self, ids: Ids) -> Ids:
        """Return the rows of ids that are in rising order, each once."""
        place = np.searchsorted(self.ids, ids)
        is_new = place == self.ids.size
        is_new[~is_new] = self.ids[place[~is_new]] != ids[~is_new]
        if is_new.any():
            count = self.ids.size
            fresh = np.arange(count, count + np.count_nonzero(is_new))
            self.ids = np.insert(self.ids, place[is_new], ids[is_new])
            self.order = np.insert(self.order, place[is_new], fresh)
            place = np.searchsorted(self.ids, ids)
        return np.asarray(self.order[place])

    def of_all(self, ids: Ids) -> Ids:
        """Return the rows of ids in any order and number."""
        unique, inverse = np.unique(ids, return_inverse=True)
        return np.asarray(self.of(unique)[inverse])


class Column:
    """A number for each row, 0 or another `start` until something is added.

    Examples
    --------
    >>> column = Column(np.int64)
    >>> column.add(np.array([0, 2, 0]), np.array([1, 5, 1]))
    >>> column.values(3).tolist()
    [2, 0, 5]
    """

    def __init__(self, dtype: type[np.int64] | type[np.float64], start: float = 0) -> None:
        self._start = start
        self._values = np.full(1024, start, dtype)

    def add(self, rows: Ids, values: npt.NDArray[np.number]) -> None:
        """Add values one after the other: the sum does not depend on where a volume is cut."""
        self._reach(rows)
        np.add.at(self._values, rows, values.astype(self._values.dtype, copy=False))

    def lower(self, rows: Ids, values: npt.NDArray[np.number]) -> None:
        """Keep the lesser of what is there and the values."""
        self._reach(rows)
        np.minimum.at(self._values, rows, values.astype(self._values.dtype, copy=False))

    def raise_to(self, rows: Ids, values: npt.NDArray[np.number]) -> None:
        """Keep the greater of what is there and the values."""
        self._reach(rows)
        np.maximum.at(self._values, rows, values.astype(self._values.dtype, copy=False))

    def put(self, rows: Ids, values: npt.NDArray[np.number]) -> None:
        """Replace what is there."""
        self._reach(rows)
        self._values[rows] = values

    def values(self, count: int) -> npt.NDArray[np.number]:
        """Return the first `count` rows."""
        if count > self._values.size:
            self._reach(np.array([count - 1]))
        return np.asarray(self._values[:count])

    def _reach(self, rows: Ids) -> None:
        needed = int(rows.max(initial=-1)) + 1
        if needed > self._values.size:
            more = np.full(max(needed, 2 * self._values.size), self._start, self._values.dtype)
            more[: self._values.size] = self._values
            self._values = more


class WideSum:
    """A sum of whole numbers for each row, exact where it outgrows 64 bits: in two parts of 16 bits and more.

    Examples
    --------
    >>> total = WideSum()
    >>> for _ in range(3):
    ...     total.add(np.array([0]), np.array([2**62 + 1]))
    >>> total.exact(np.array([0])) == [3 * 2**62 + 3], total.floats(1).tolist()
    (array([ True]), [1.3835058055282164e+19])
    """

    def __init__(self) -> None:
        self._high, self._low = Column(np.int64), Column(np.int64)

    def add(self, rows: Ids, values: npt.NDArray[np.number]) -> None:
        """Add whole numbers from 0 on."""
        whole = values.astype(np.int64, copy=False)
        self._high.add(rows, whole >> _LOW_BITS)
        self._low.add(rows, whole & ((1 << _LOW_BITS) - 1))

    def wrapped(self, count: int) -> Ids:
        """Return the first `count` sums modulo 2^64."""
        high, low = self._high.values(count), self._low.values(count)
        return np.asarray((high.astype(np.int64) << _LOW_BITS) + low.astype(np.int64))

    def floats(self, count: int) -> npt.NDArray[np.float64]:
        """Return the first `count` sums, rounded once."""
        return np.asarray(self._high.values(count) * float(1 << _LOW_BITS) + self._low.values(count))

    def exact(self, rows: Ids) -> npt.NDArray[np.object_]:
        """Return the sums of some rows as Python's whole numbers."""
        count = int(rows.max(initial=-1)) + 1
        high, low = (part.values(count)[rows].astype(object) for part in (self._high, self._low))
        return np.asarray(high * (1 << _LOW_BITS) + low)

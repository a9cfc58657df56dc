"""What is added up over the voxels of each object, slab by slab.

Everything is a whole number, or is added in the order of the voxels, so that the sums are the same wherever
the volume is cut. The second moments are kept modulo 2^64: what is computed from them, about the centre of an
object, is exact as long as it fits into 64 bits itself. Grey values and surfaces have sums that may be wider.
"""

import numpy as np
import numpy.typing as npt

from cristae.measuring.rows import Column, Rows, WideSum
from cristae.measuring.runs import Runs

type Integers = npt.NDArray[np.int64]

PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""The axes of the second moments."""

_LARGEST = 2**62


class ShapeSums:
    """Voxels, first and second moments, bounding box and exposed steps of every object."""

    def __init__(self) -> None:
        self.voxels = Column(np.int64)
        self.exposure = WideSum()
        self.first = [Column(np.int64) for _ in range(3)]
        self.second = [Column(np.int64) for _ in PAIRS]
        self.low = [Column(np.int64, np.iinfo(np.int64).max) for _ in range(3)]
        self.high = [Column(np.int64) for _ in range(3)]

    def add(self, rows: Integers, runs: Runs, exposure: npt.NDArray[np.int32]) -> None:
        """Add the runs of a slab; `rows` are theirs, `exposure` (z, y, x) is that of the slab's voxels."""
        n = runs.lengths
        steps = n * (n - 1) // 2  # 0 + 1 + ... + (n - 1)
        squares = steps * (2 * n - 1) // 3  # 0 + 1 + 4 + ... + (n - 1)^2
        along_x = n * runs.x + steps
        self.voxels.add(rows, n)
        self.exposure.add(rows, runs.sums(exposure))
        for column, values in zip(self.first, (n * runs.z, n * runs.y, along_x), strict=True):
            column.add(rows, values)
        products = (
            n * runs.z * runs.z,
            n * runs.z * runs.y,
            runs.z * along_x,
            n * runs.y * runs.y,
            runs.y * along_x,
            n * runs.x * runs.x + 2 * runs.x * steps + squares,
        )
        for column, values in zip(self.second, products, strict=True):
            column.add(rows, values)
        ends = (runs.z, runs.z), (runs.y, runs.y), (runs.x, runs.x + n - 1)
        for axis, (low, high) in enumerate(ends):
            self.low[axis].lower(rows, low)
            self.high[axis].raise_to(rows, high + 1)

    def counted(self, rows: Rows) -> "Shapes":
        """Return what was added up, by rising id."""
        order, count = rows.order, rows.ids.size

        def of(columns: list[Column]) -> Integers:
            return np.stack([column.values(count)[order] for column in columns], axis=-1).astype(np.int64)

        return Shapes(
            of([self.voxels])[:, 0],
            self.exposure.floats(count)[order],
            of(self.first),
            of(self.second),
            of(self.low),
            of(self.high),
        )


class Shapes:
    """The sums of all objects.

    Parameters
    ----------
    voxels, exposure
        (objects,); `exposure` as float64, since that of very large objects outgrows 64 bits.
    first
        Sums of the coordinates of the voxels (objects, zyx).
    second
        Sums of their products (objects, :data:`PAIRS`), modulo 2^64.
    low, high
        The bounding box (objects, zyx), half-open.
    """

    def __init__(
        self,
        voxels: Integers,
        exposure: npt.NDArray[np.float64],
        first: Integers,
        second: Integers,
        low: Integers,
        high: Integers,
    ) -> None:
        self.voxels, self.exposure, self.low, self.high = voxels, exposure, low, high
        n = voxels[:, None]
        middle = first // np.maximum(n, 1)
        rest = first - n * middle
        self.centroid: npt.NDArray[np.float64] = middle + rest / n
        """Mean position of the voxels (objects, zyx), in voxels."""
        a, b = np.array(PAIRS).T
        about_middle = second - middle[:, a] * first[:, b] - middle[:, b] * rest[:, a]
        self.covariance: npt.NDArray[np.float64] = about_middle / n - (rest[:, a] / n) * (rest[:, b] / n)
        """Covariance of the voxels' centres (objects, :data:`PAIRS`); NaN where it is not exact."""
        reach = (high - low).max(axis=1, initial=0).astype(np.float64)
        self.covariance[voxels * reach**2 > _LARGEST] = np.nan


class IntensitySums:
    """Grey values of every object: their number, sum, sum of squares, least and greatest.

    Grey values of 8 and 16 bits are added exactly, however large an object is. Others are added as float64,
    about the value that comes first in an object, and those that are no numbers do not count.
    """

    def __init__(self, dtype: np.dtype[np.generic]) -> None:
        self._is_exact = dtype in (np.uint8, np.uint16)
        kind: type[np.int64] | type[np.float64] = np.int64 if self._is_exact else np.float64
        self._count = Column(np.int64)
        self._sum, self._squares, self._origin = Column(kind), Column(np.float64), Column(np.float64, np.nan)
        self._whole_squares = WideSum()
        self._least, self._most = Column(np.float64, np.inf), Column(np.float64, -np.inf)

    def add(self, rows: Integers, runs: Runs, raw: npt.NDArray[np.number]) -> None:
        """Add the grey values (z, y, x) of a slab in the runs."""
        if not rows.size:
            return
        if self._is_exact:
            wide = raw.astype(np.int64)
            self._count.add(rows, runs.lengths)
            self._sum.add(rows, runs.sums(wide))
            self._whole_squares.add(rows, runs.sums(wide * wide))
            self._least.lower(rows, runs.least(raw))
            self._most.raise_to(rows, runs.most(raw))
            return
        grey = raw.astype(np.float64)
        valid = np.isfinite(grey)
        self._count.add(rows, runs.sums(valid))
        self._least.lower(rows, runs.least(np.where(valid, grey, np.inf)))
        self._most.raise_to(rows, runs.most(np.where(valid, grey, -np.inf)))
        self._begin(rows, runs, grey)
        origin = self._origin.values(int(rows.max()) + 1)[rows]
        away = np.where(valid, grey - runs.spread(origin, raw.shape), 0)
        self._sum.add(rows, runs.sums(away))
        self._squares.add(rows, runs.sums(away * away))

    def _begin(self, rows: Integers, runs: Runs, grey: npt.NDArray[np.float64]) -> None:
        """Take the first grey value of objects that are new."""
        unique, first = np.unique(rows, return_index=True)
        new = np.isnan(self._origin.values(int(rows.max()) + 1)[unique])
        values = grey.reshape(-1)[runs.starts[runs.is_object][first[new]]]
        self._origin.put(unique[new], np.where(np.isfinite(values), values, 0))

    def columns(self, rows: Rows) -> dict[str, npt.NDArray[np.float64]]:
        """Return mean, standard deviation, least and greatest value by rising id; NaN without any number."""
        order, count = rows.order, rows.ids.size
        n = self._count.values(count)[order]
        total = self._sum.values(count)[order]
        least, most = self._least.values(count)[order], self._most.values(count)[order]
        if self._is_exact:
            origin = total // np.maximum(n, 1)
            squares = self._whole_squares.wrapped(count)[order] - origin * (2 * total - n * origin)
            squares = squares.astype(np.float64)
            large = np.flatnonzero(n * np.square(most - least + 1) > _LARGEST)
            known, wide, middle = (part[large].astype(object) for part in (n, total, origin))
            squares[large] = self._whole_squares.exact(order[large]) - middle * (2 * wide - known * middle)
            total = total - n * origin
        else:
            squares, origin = self._squares.values(count)[order], self._origin.values(count)[order]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / n
            spread = np.sqrt(np.maximum(squares / n - mean * mean, 0))
        none = n == 0
        found = {"mean": origin + mean, "std": spread, "min": least, "max": most}
        return {name: np.where(none, np.nan, values).astype(np.float64) for name, values in found.items()}

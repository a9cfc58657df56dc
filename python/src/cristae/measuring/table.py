"""A table of objects: columns by name, one row an object."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_ROWS_AT_ONCE = 65_536


class Table:
    """Columns of numbers, each as long as the others.

    Parameters
    ----------
    columns
        Arrays (rows,) of int64 or float64 by name. What is not defined is masked (:mod:`numpy.ma`).

    Examples
    --------
    >>> table = Table({"id": np.array([1, 2]), "std": np.ma.masked_invalid([0.5, np.nan])})
    >>> len(table), list(table.rows())
    (2, [(1, 0.5), (2, None)])
    """

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        self.columns = dict(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.columns)

    def rows(self) -> Iterator[tuple[int | float | None, ...]]:
        """Yield a tuple of Python's numbers for each object; None is not defined."""
        for start in range(0, len(self), _ROWS_AT_ONCE):
            span = slice(start, start + _ROWS_AT_ONCE)
            yield from zip(*(column[span].tolist() for column in self.columns.values()), strict=True)

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Table":
        """Return a table of the rows where `chosen` (rows,) is true."""
        return Table({name: column[chosen] for name, column in self.columns.items()})


def defined(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a column in which what is no number is masked; as it is if all are.

    Examples
    --------
    >>> defined(np.array([1.0, np.nan])).tolist()
    [1.0, None]
    """
    valid = np.isfinite(values)
    return values if valid.all() else np.ma.MaskedArray(values, ~valid)

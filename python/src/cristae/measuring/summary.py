"""A table of objects in a few numbers."""

import numpy as np

from cristae.measuring.table import Table

_LEFT_OUT = ("id", "low_", "high_", "centroid_", "touches_border", "class", "nearest_other_id")
_DIRECTIONS = tuple(f"axis_{number}_{axis}" for number in (1, 3) for axis in "zyx")


def summary(table: Table) -> dict[str, dict[str, float]]:
    """Return mean, median, least and greatest value of the columns that are amounts.

    Columns without any defined value are left out.

    Examples
    --------
    >>> summary(Table({"id": np.array([1, 2]), "voxels": np.array([3, 5])}))
    {'voxels': {'mean': 4.0, 'median': 4.0, 'min': 3.0, 'max': 5.0}}
    """
    found = {}
    for name, column in table.columns.items():
        values = np.ma.compressed(column)
        if values.size and not name.startswith(_LEFT_OUT) and name not in _DIRECTIONS:
            found[name] = {
                "mean": float(values.mean()),
                "median": float(np.median(values)),
                "min": float(values.min()),
                "max": float(values.max()),
            }
    return found

"""A table of objects in a few numbers."""

import csv
import io

import numpy as np

from cristae.measuring.table import Table

_LEFT_OUT = ("id", "low_", "high_", "centroid_", "touches_border", "class", "nearest_other_id")
_FIGURES = ("mean", "median", "min", "max")
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


def summary_csv(table: Table) -> str:
    """Return the summary as comma-separated values, a row for each column of the table.

    Examples
    --------
    >>> print(summary_csv(Table({"id": np.array([1, 2]), "voxels": np.array([3, 5])})), end="")
    column,mean,median,min,max
    voxels,4.0,4.0,3.0,5.0
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["column", *_FIGURES])
    lines.writerows([name, *(row[figure] for figure in _FIGURES)] for name, row in summary(table).items())
    return text.getvalue()

"""Lists for people: columns that line up, times in words."""

import time
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as lines with aligned columns.

    Examples
    --------
    >>> print(table(["name", "size"], [["mito", "2.0 MiB"]]))
    name  size
    mito  2.0 MiB
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def moment(time_s: float | None) -> str:
    """Say a point in time (seconds since 1970) in local time, to the minute."""
    return "" if time_s is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(time_s))

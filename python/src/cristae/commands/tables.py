"""Lists for people: columns that line up, sizes and times in words."""

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


def size(byte_count: float) -> str:
    """Say a number of bytes.

    Examples
    --------
    >>> size(300), size(3 * 1024**2)
    ('300 B', '3.0 MiB')
    """
    if byte_count < 1024:
        return f"{byte_count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        byte_count /= 1024
        if byte_count < 1024:
            return f"{byte_count:.1f} {unit}"
    return f"{byte_count / 1024:.1f} TiB"


def moment(time_s: float | None) -> str:
    """Say a point in time (seconds since 1970) in local time, to the minute."""
    return "" if time_s is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(time_s))

"""Chunks that a store of another program does not hold.

Zarr and N5 allow it: what is not stored has the fill value, and many programs leave out chunks that hold
nothing else. A copy that was cut short looks the same, so what is missing is counted and told before it is
read.
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.volumes.chunks import CRC_BYTES, crc32c, crc_bytes
from cristae.volumes.image import Gap

MOST_CHUNKS = 4_000_000
"""Of a store of more chunks it is not looked which are there."""
LONGEST_S = 10.0
"""Nor any longer than this: a disk of a network may take long to list a folder."""
_ENTRY_BYTES = 16
_NO_CHUNK = 2**64 - 1
"""What the index of a shard says of a chunk that it does not hold, as offset and as length."""

type _Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Shards:
    """How chunks lie together in one file.

    Parameters
    ----------
    shape
        Of a shard, in voxels along the axes of the array.
    index_at
        "start" or "end": where in the file its index lies, plain and with a checksum. "" if it cannot be
        read here; then a shard that is there counts as whole.
    """

    shape: _Lengths
    index_at: str = ""


@dataclass(frozen=True)
class Stored:
    """An array of a store, as its metadata say it lies on the disk.

    Parameters
    ----------
    folder
        Of the array.
    shape, chunk
        Of the array and of a chunk, in voxels along its axes.
    prefix, separator
        Of the name of a chunk: "c" and "/" for ``c/0/7``; "" and "." for ``0.7``.
    fill_value
        What is read where nothing is stored.
    shards
        None if each chunk is a file.
    """

    folder: Path
    shape: _Lengths
    chunk: _Lengths
    prefix: str
    separator: str
    fill_value: Any
    shards: Shards | None = None

    @property
    def counts(self) -> _Lengths:
        """How many chunks there are along each axis."""
        return _counts(self.shape, self.chunk)


def gaps_told(name: str, stored: Stored, place: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence if chunks are missing, or if they are too many to look; else nothing.

    Parameters
    ----------
    name
        The image's, for sentences.
    stored
        The array.
    place
        What its axes are: "c", "z", "y", "x", or "" for one of which index 0 is read.
    """
    total = prod(stored.counts)
    try:
        present = chunks_present(stored)
    except (_TooMany, OSError):
        return (
            f"{name} has {total:,} chunks: that all are there was not looked at, it would take too long. Any "
            f"that is missing is read as {stored.fill_value}.",
        )
    missing = int(total - np.count_nonzero(present))
    if not missing:
        return ()
    kept = [place.index(axis) for axis in "czyx" if axis in place]
    others = [axis for axis in range(len(place)) if axis not in kept]
    index = np.argwhere(~present.transpose(others + kept))[0]
    axes = [place[axis] for axis in others + kept]
    sides = [stored.chunk[axis] for axis in others + kept]
    lengths = [stored.shape[axis] for axis in others + kept]
    at = {
        axis: (int(number) * side, min((int(number) + 1) * side, length))
        for axis, number, side, length in zip(axes, index, sides, lengths, strict=True)
    }
    start, stop = zip(*(at.get(axis, (0, 1)) for axis in "zyx"), strict=True)
    first = "it is" if missing == 1 else "the first one is"
    return (
        Gap(
            f"{missing:,} of {total:,} chunks of {name} {'is' if missing == 1 else 'are'} not there "
            f"({first} the box {Box(start, stop)}, z, y, x, in voxels): {stored.fill_value} is taken for "
            f"{'its' if missing == 1 else 'their'} voxels. Many programs leave out empty chunks; if this "
            "image has none, the copy is incomplete."
        ),
    )


def chunks_present(stored: Stored) -> NDArray[np.bool_]:
    """Return which chunks are there, along the axes of the array.

    Raises
    ------
    OSError
        The folder cannot be listed.
    """
    counts = stored.counts
    if prod(counts) > MOST_CHUNKS:
        raise _TooMany
    until_s = time.monotonic() + LONGEST_S
    present = np.zeros(counts, np.bool_)
    if stored.shards is None:
        for at, _ in _files_of(stored, counts, until_s):
            present[at] = True
        return present
    a_shard = _counts(stored.shards.shape, stored.chunk)
    for at, file in _files_of(stored, _counts(stored.shape, stored.shards.shape), until_s):
        here = tuple(
            slice(number * many, (number + 1) * many) for number, many in zip(at, a_shard, strict=True)
        )
        cut = tuple(slice(0, length) for length in present[here].shape)
        present[here] = _in_shard(file, a_shard, stored.shards.index_at)[cut]
    return present


class _TooMany(Exception):
    """There is more to look at than can be looked at."""


def _files_of(stored: Stored, counts: _Lengths, until_s: float) -> Iterator[tuple[_Lengths, str]]:
    """Yield the place in the grid and the file of every chunk, or shard, that is there."""
    number = r"(0|[1-9]\d*)"
    separator = re.escape(stored.separator)
    parts = [stored.prefix] if stored.prefix else []
    key = re.compile(separator.join([*parts, *[number] * len(counts)]))
    # Other arrays may lie below; folders of chunks have numbers for names, and few levels.
    levels = len(parts) + len(counts) if stored.separator == "/" else 1
    folders = [("", str(stored.folder), 1)]
    while folders:
        before, folder, level = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if time.monotonic() > until_s:
                    raise _TooMany
                name = before + entry.name
                if level < levels:
                    if (entry.name == stored.prefix or entry.name.isdecimal()) and entry.is_dir():
                        folders.append((f"{name}/", entry.path, level + 1))
                elif (found := key.fullmatch(name)) is not None:
                    at = tuple(map(int, found.groups()))
                    if all(one < count for one, count in zip(at, counts, strict=True)):
                        yield at, entry.path


def _in_shard(file: str, counts: _Lengths, index_at: str) -> NDArray[np.bool_]:
    """Return which chunks a shard holds; all of them if its index cannot be read, which reading will tell."""
    whole = np.ones(counts, np.bool_)
    if not index_at:
        return whole
    length = prod(counts) * _ENTRY_BYTES + CRC_BYTES
    with Path(file).open("rb") as shard:
        if index_at == "end":
            if os.fstat(shard.fileno()).st_size < length:
                return whole
            shard.seek(-length, os.SEEK_END)
        index = shard.read(length)
    if len(index) < length or index[-CRC_BYTES:] != crc_bytes(crc32c(index[:-CRC_BYTES])):
        return whole
    entries = np.frombuffer(index[:-CRC_BYTES], "<u8").reshape(*counts, 2)
    held: NDArray[np.bool_] = ~(entries == _NO_CHUNK).all(axis=-1)
    return held


def _counts(shape: Sequence[int], chunk: Sequence[int]) -> _Lengths:
    return tuple(-(-length // side) for length, side in zip(shape, chunk, strict=True))

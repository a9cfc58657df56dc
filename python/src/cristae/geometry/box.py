"""Half-open boxes of voxels on any number of axes."""

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

from cristae.errors import InvalidInput

type Triple = tuple[int, int, int]
"""Voxels along z, y and x."""


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A box of voxels: `start` is inside, `stop` is not.  A box is never empty.

    Parameters
    ----------
    start, stop
        Voxel indices, one per axis, in the order of the array's axes (in Cristae mostly z, y, x).

    Raises
    ------
    InvalidInput
        The two have different lengths, or the box would be empty.

    Examples
    --------
    >>> box = Box((0, 10, 10), (4, 20, 30))
    >>> box.shape, box.size
    ((4, 10, 20), 800)
    >>> box.grown((1, 2, 2)).clipped(Box.of_shape((4, 100, 31)))
    Box(start=(0, 8, 8), stop=(4, 22, 31))
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]

    def __post_init__(self) -> None:
        # Indices come from NumPy and from messages too; plain ints neither overflow nor surprise a JSON
        # writer.
        object.__setattr__(self, "start", tuple(map(int, self.start)))
        object.__setattr__(self, "stop", tuple(map(int, self.stop)))
        if len(self.start) != len(self.stop):
            raise InvalidInput(f"A box starts on {len(self.start)} axes but stops on {len(self.stop)}.")
        if any(map(operator.le, self.stop, self.start)):
            raise InvalidInput(
                f"The box from {self.start} to {self.stop} is empty; each stop must exceed its start."
            )

    @classmethod
    def of_shape(cls, shape: Sequence[int]) -> Self:
        """Return the box that begins at the origin and has this shape."""
        return cls((0,) * len(shape), tuple(shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The index that cuts this box out of an array."""
        return tuple(slice(start, stop) for start, stop in zip(self.start, self.stop, strict=True))

    def shifted(self, by: Sequence[int]) -> "Box":
        """Return the box moved by so many voxels along each axis."""
        return Box(
            tuple(start + step for start, step in zip(self.start, by, strict=True)),
            tuple(stop + step for stop, step in zip(self.stop, by, strict=True)),
        )

    def grown(self, by: Sequence[int]) -> "Box":
        """Return the box with so many voxels more on both sides of each axis."""
        return Box(
            tuple(start - margin for start, margin in zip(self.start, by, strict=True)),
            tuple(stop + margin for stop, margin in zip(self.stop, by, strict=True)),
        )

    def intersection(self, other: "Box") -> "Box | None":
        """Return the voxels in both boxes, or None if there are none."""
        start = tuple([max(pair) for pair in zip(self.start, other.start, strict=True)])
        stop = tuple([min(pair) for pair in zip(self.stop, other.stop, strict=True)])
        if any(map(operator.le, stop, start)):
            return None
        return Box(start, stop)

    def clipped(self, to: "Box") -> "Box":
        """Return the part of this box inside `to`; refuse if there is none."""
        inside = self.intersection(to)
        if inside is None:
            raise InvalidInput(
                f"The box from {self.start} to {self.stop} lies outside {to.start} to {to.stop}."
            )
        return inside

    def contains(self, other: "Box") -> bool:
        """Tell whether every voxel of `other` is in this box."""
        return all(one <= two for one, two in zip(self.start, other.start, strict=True)) and all(
            one >= two for one, two in zip(self.stop, other.stop, strict=True)
        )

    def relative_to(self, other: "Box") -> "Box":
        """Return this box in the coordinates of an array that was cut out with `other`."""
        return self.shifted([-start for start in other.start])

    def has(self, place: Sequence[int]) -> bool:
        """Tell whether a voxel is in this box."""
        return all(start <= at < stop for start, at, stop in zip(self.start, place, self.stop, strict=True))

    def __str__(self) -> str:
        return "[" + ", ".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True)) + "]"


def grid(shape: Sequence[int], block_shape: Sequence[int]) -> Iterator[Box]:
    """Yield the boxes of a regular grid in C order; the last ones of an axis are cut.

    Examples
    --------
    >>> [str(box) for box in grid((2, 5), (2, 3))]
    ['[0:2, 0:3]', '[0:2, 3:5]']
    """
    axes = [
        [(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, block_shape, strict=True)
    ]
    for intervals in product(*axes):
        yield Box(tuple(start for start, _ in intervals), tuple(stop for _, stop in intervals))

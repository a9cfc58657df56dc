"""Tiles without anything in them, such as the frame around an aligned stack: computed once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box

MOST_KEPT = 8
"""Answers; each is as large as a tile of the result."""

type Values = tuple[float, ...]


def constants(prepared: "NDArray[np.float32] | tuple[NDArray[np.float32], ...]") -> Values | None:
    """Return the one value of each channel of an input, or None if a channel has more than one.

    Parameters
    ----------
    prepared
        (n, c, [z,] y, x), or several such.

    Examples
    --------
    >>> constants(np.full((1, 2, 3, 3), 5, np.float32))
    (5.0, 5.0)
    >>> constants(np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)) is None
    True
    """
    values: list[float] = []
    for one in prepared if isinstance(prepared, tuple) else (prepared,):
        for channel in one.reshape(-1, *one.shape[2:]):
            first = channel.flat[0]
            # Most tiles differ between two corners already, and are not looked through.
            if channel.flat[-1] != first or not np.all(channel == first):
                return None
            values.append(float(first))
    return tuple(values)


class EmptyTiles:
    """Keeps what a network answered to inputs of one value: it answers the same to every such input.

    The result is the same as without, to the last bit: nothing is taken for empty that is not.

    Attributes
    ----------
    spared
        How many tiles were not computed.
    filled
        How many were not empty.
    values
        Of the empty ones, a few of them.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[Values, Box], NDArray[np.uint8]] = {}
        self.spared = self.filled = 0
        self.values: set[Values] = set()

    def answer(
        self, prepared: Any, whole: Box, wanted: Box, compute: Callable[[Box], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        """Return the answer to an input.

        Parameters
        ----------
        prepared
            The input.
        whole, wanted
            The whole tile from 0, and the part of it that is asked for, in voxels of the image.
        compute
            Returns the answer for a part, (c, z, y, x). For an empty tile it is asked for the whole, since
            the next one, at another edge of the image, wants another part.
        """
        values = constants(prepared)
        if values is None:
            self.filled += 1
            return compute(wanted)
        if len(self.values) < MOST_KEPT:
            self.values.add(values)
        key = values, whole
        if key in self._answers:
            self.spared += 1
        elif len(self._answers) < MOST_KEPT:
            self._answers[key] = compute(whole)
        else:
            return compute(wanted)
        return self._answers[key][(slice(None), *wanted.slices)]

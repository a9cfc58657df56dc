"""Mean and deviation of grey values, of a section or of a whole image, in bounded memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box

_BAND_VOXELS = 2**23
"""A section is read in bands of about so many voxels."""


class ReadableImage(Protocol):
    """What this room needs of an image; every :class:`cristae.volumes.Image` has it."""

    @property
    def shape_czyx(self) -> tuple[int, int, int, int]:
        """Number of voxels along c, z, y, x."""

    def read(self, box_zyx: Box) -> NDArray[Any]:
        """Return the voxels of a box, (c, z, y, x)."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of the grey values, one number a channel.

    Where the values are all the same, `std` is 1, because it is divided by, and `measured_std` is 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    measured_std: tuple[float, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def measured(cls, mean: Sequence[float], deviation: Sequence[float]) -> "Statistics":
        """Return the statistics of what was measured, one number a channel.

        A constant image has no contrast to normalise: it becomes zero, not infinite.

        Examples
        --------
        >>> Statistics.measured([7.0, 100.0], [0.0, 20.0]).std
        (1.0, 20.0)
        """
        contrast = [
            float(std) if std > 1e-6 * max(abs(mean), 1e-30) else 0.0
            for mean, std in zip(mean, deviation, strict=True)
        ]
        return cls(tuple(map(float, mean)), tuple(std or 1.0 for std in contrast), tuple(contrast))

    def __str__(self) -> str:
        return f"mean {self.mean[0]:.4g}, deviation {(self.measured_std or self.std)[0]:.4g}"

    def is_like(self, other: "Statistics") -> bool:
        """Tell whether an image with these may be normalised with the other ones.

        Another specimen moves the mean and the contrast a little; another microscope, or 16 bits instead of
        8, moves them off the scale.

        Examples
        --------
        >>> eight_bits = Statistics((120.0,), (30.0,))
        >>> Statistics((150.0,), (45.0,)).is_like(eight_bits)
        True
        >>> Statistics((30000.0,), (9000.0,)).is_like(eight_bits)
        False
        """
        return all(
            abs(mean - their_mean) <= 2 * their_std and 0.4 <= std / their_std <= 2.5
            for mean, std, their_mean, their_std in zip(
                self.mean, self.measured_std or self.std, other.mean, other.std, strict=True
            )
        )


def section_statistics(image: ReadableImage, z: int) -> Statistics:
    """Return the statistics of one whole section, read in bands.

    Voxels of exactly 0 do not count (unless there are no others): aligned sections have black corners, which
    say nothing about the tissue. NaN and infinities do not count either.
    """
    _, _, height, width = image.shape_czyx
    rows = max(1, _BAND_VOXELS // width)
    bands = (Box((z, y, 0), (z + 1, min(y + rows, height), width)) for y in range(0, height, rows))
    return gathered_statistics(image.read(band) for band in bands)


def image_statistics(image: ReadableImage) -> Statistics:
    """Return the statistics of the :func:`sample` of the image."""
    return gathered_statistics(image.read(box) for box in sample(image.shape_czyx[1:]))


def sample(shape_zyx: Sequence[int]) -> list[Box]:
    """Return where the grey values of an image are measured: at most 64 boxes of 8 x 128 x 128 voxels.

    Examples
    --------
    >>> [str(box) for box in sample((1, 100, 200))]
    ['[0:1, 0:100, 0:128]', '[0:1, 0:100, 72:200]']
    """
    axes = []
    for length, size in zip(shape_zyx, (8, 128, 128), strict=True):
        size = min(size, length)
        count = min(4, -(-length // size))
        axes.append([(round(start), round(start) + size) for start in np.linspace(0, length - size, count)])
    return [Box((z[0], y[0], x[0]), (z[1], y[1], x[1])) for z in axes[0] for y in axes[1] for x in axes[2]]


def gathered_statistics(blocks: Iterable[NDArray[Any]]) -> Statistics:
    """Return the statistics of the voxels of blocks (c, z, y, x) that are neither 0 nor NaN nor infinite."""
    count: Any = 0
    total: Any = 0.0
    squares: Any = 0.0
    for block in blocks:
        values = block.reshape(block.shape[0], -1)
        exact: type = np.uint64  # of a block of whole numbers of 16 bits no sum of squares is too large
        if values.dtype.str[1:] not in ("u1", "u2"):
            exact = np.float64
            values = np.nan_to_num(values.astype(exact), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        count = count + (values != 0).sum(axis=1)
        total = total + values.sum(axis=1, dtype=exact).astype(np.float64)
        squares = squares + np.einsum("ij,ij->i", values, values, dtype=exact).astype(np.float64)
    count = np.maximum(count, 1)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return Statistics.measured(mean.tolist(), deviation.tolist())

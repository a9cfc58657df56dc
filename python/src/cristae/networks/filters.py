"""Filters that describe the surroundings of a pixel on several scales: what a random forest looks at.

Smoothed grey values, edges, spots and ridges, and the direction of texture (Gaussian, gradient, Hessian and
structure tensor), as the trainable segmentations of ilastik and of Fiji use them.
"""

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional

FILTERS = ("smoothed", "edge", "ridge, larger", "ridge, smaller", "texture, larger", "texture, smaller")
_TRUNCATE = 3.0
"""A Gaussian ends after so many deviations."""


def reach(sigmas: Sequence[float]) -> int:
    """Return how many pixels around a pixel can change its features, to either side.

    Examples
    --------
    >>> reach([1.0])  # twice a Gaussian of 3, and differences of neighbours
    7
    """
    return 2 * max(ceil(_TRUNCATE * sigma) for sigma in sigmas) + 1


class FilterBank(nn.Module):
    """Features of each pixel: (n, c, y, x) becomes (n, c * sigmas * 6, y, x).

    Beyond the border the outermost pixels are repeated. The order is channel by channel, scale by scale, in
    the order of :data:`FILTERS`.

    Parameters
    ----------
    sigmas
        The scales, deviations of the Gaussian in pixels.

    Examples
    --------
    >>> FilterBank([1.0, 2.0])(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 36, 8, 8])
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        super().__init__()
        self.sigmas = tuple(sigmas)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        n, channels, height, width = x.shape
        planes = x.reshape(n * channels, 1, height, width)
        # Written in place: the features of a tile are large, and a second copy of them costs more than they.
        features = x.new_empty(n * channels, len(self.sigmas) * len(FILTERS), height, width)
        for number, sigma in enumerate(self.sigmas):
            for offset, feature in enumerate(_features(planes, sigma)):
                features[:, number * len(FILTERS) + offset] = feature
        return features.reshape(n, -1, height, width)


def _features(planes: Tensor, sigma: float) -> list[Tensor]:
    """Return the six features of planes (n, 1, y, x) on one scale, each (n, y, x)."""
    smooth = smoothed(planes, sigma)
    around = functional.pad(smooth, (1, 1, 1, 1), mode="replicate")[:, 0]
    middle, left, right = around[:, 1:-1, 1:-1], around[:, 1:-1, :-2], around[:, 1:-1, 2:]
    above, below = around[:, :-2, 1:-1], around[:, 2:, 1:-1]
    dx, dy = (right - left) / 2, (below - above) / 2
    dxx, dyy = right - 2 * middle + left, below - 2 * middle + above
    dxy = (around[:, 2:, 2:] - around[:, 2:, :-2] - around[:, :-2, 2:] + around[:, :-2, :-2]) / 4
    # Second differences fall with the square of the scale, first ones with the scale: made comparable.
    ridge = _eigenvalues(dxx * sigma**2, dxy * sigma**2, dyy * sigma**2)
    products = torch.stack((dx * dx, dx * dy, dy * dy), dim=1).flatten(0, 1)[:, None] * sigma**2
    xx, xy, yy = smoothed(products, sigma).reshape(len(planes), 3, *planes.shape[2:]).unbind(1)
    texture = _eigenvalues(xx, xy, yy)
    return [middle, (dx**2 + dy**2).sqrt() * sigma, *ridge, *texture]


def _eigenvalues(xx: Tensor, xy: Tensor, yy: Tensor) -> tuple[Tensor, Tensor]:
    """Return the larger and the smaller eigenvalue of symmetric 2 x 2 matrices."""
    mean, spread = (xx + yy) / 2, (((xx - yy) / 2) ** 2 + xy**2).sqrt()
    return mean + spread, mean - spread


def smoothed(planes: Tensor, sigma: float) -> Tensor:
    """Return planes (n, 1, y, x) smoothed with a Gaussian, the outermost pixels repeated beyond the border.

    Examples
    --------
    >>> smoothed(torch.ones(1, 1, 5, 5), 2.0).allclose(torch.ones(1, 1, 5, 5))
    True
    """
    radius = ceil(_TRUNCATE * sigma)
    places = torch.arange(radius + 1, dtype=torch.float64)
    half = torch.exp(-(places**2) / (2 * sigma**2))
    shares = (half / (2 * half.sum() - half[0])).tolist()
    result = torch.empty_like(planes)
    # One plane stays in a CPU's cache through all sums; a GPU wants all at once.
    at_once = 1 if planes.device.type == "cpu" else len(planes)
    for first in range(0, len(planes), at_once):
        part = slice(first, first + at_once)
        rows = functional.pad(planes[part], (radius, radius, 0, 0), mode="replicate")
        padded = functional.pad(_summed(rows, 3, shares), (0, 0, radius, radius), mode="replicate")
        result[part] = _summed(padded, 2, shares)
    return result


def _summed(padded: Tensor, axis: int, shares: Sequence[float]) -> Tensor:
    """Return the weighted sums of neighbours along an axis that is padded by them on both sides.

    A convolution with a single channel, but CPU libraries need 10 to 60 times as long for that.
    """
    radius = len(shares) - 1
    length = padded.shape[axis] - 2 * radius
    sums = padded.narrow(axis, radius, length) * shares[0]
    for away, share in enumerate(shares[1:], 1):
        left, right = (padded.narrow(axis, radius + side * away, length) for side in (-1, 1))
        sums.add_(left + right, alpha=share)
    return sums

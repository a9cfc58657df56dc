"""The colours of classes, as Fiji shows them: colour-blind people tell the first eight apart."""

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cristae.volumes import LabelClass

# The plugin's ClassColors has the same table.
_FIRST = (0xE69F00, 0x56B4E9, 0x009E73, 0xF0E442, 0x0072B2, 0xD55E00, 0xCC79A7, 0x999999)
_GOLDEN = 0.618033988749895
_SATURATIONS = (0.9, 0.55, 0.75)
_BRIGHTNESSES = (1.0, 0.75, 0.9, 0.6)


def colours(classes: Sequence[LabelClass]) -> NDArray[np.uint8]:
    """Return red, green and blue of background and classes, (1 + n, 3); background is black.

    Classes with a colour of their own keep it; the first eight others are those of Okabe and Ito, "Color
    Universal Design" (2008).

    Examples
    --------
    >>> colours([LabelClass(1, "mitochondria"), LabelClass(2, "er", 0x0000FF)]).tolist()
    [[0, 0, 0], [230, 159, 0], [0, 0, 255]]
    """
    numbers = [0, *(entry.rgb or _chosen(entry.value) for entry in classes)]
    return np.array([[rgb >> 16, rgb >> 8 & 255, rgb & 255] for rgb in numbers], np.uint8)


def _chosen(value: int) -> int:
    if value <= len(_FIRST):
        return _FIRST[value - 1]
    saturation = _SATURATIONS[value % len(_SATURATIONS)]
    brightness = _BRIGHTNESSES[value % len(_BRIGHTNESSES)]
    red, green, blue = (
        int(part * 255 + 0.5) for part in colorsys.hsv_to_rgb(value * _GOLDEN % 1, saturation, brightness)
    )
    return red << 16 | green << 8 | blue

"""Whether an image and its labels were given the wrong way round: what their values look like tells.

In labels nearly all neighbours are equal (above 0.95 in those of neurons, nuclei and membranes), in a
micrograph nearly none (below 0.05). The plugin in Fiji asks the same before it sends them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.thickness import central_part, spread
from cristae.volumes import Image

_FEW_VALUES = 16
"""Whole numbers that are so few are labels, however they lie."""

_LARGEST_NUMBER = 12
"""Of a class that is taken for one where probabilities were expected: less than 5 % of 255."""

_EQUAL_IN_LABELS = 0.7
_EQUAL_SURELY = 0.9
_EQUAL_IN_GREY_VALUES = 0.3
_ROWS = 128

_LABELS = (
    "The image has patches of one value, as labels have and micrographs have not: is it the image itself?"
)


def check_not_swapped(image: Image, labels: Image) -> None:
    """Refuse an image that looks like labels with labels that are grey values; a few rows tell.

    Parameters
    ----------
    image, labels
        With the same sections, rows and columns; any number of channels.

    Raises
    ------
    InvalidInput
        They look swapped.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> grey = np.random.default_rng(0).integers(0, 256, (2, 32, 32), np.uint8)
    >>> drawn = np.repeat(np.arange(4, dtype=np.uint8), 512).reshape(2, 32, 32)
    >>> check_not_swapped(ArrayImage(grey), ArrayImage(drawn))
    """
    if looks_grey(labels) and _looks_like_labels(_rows_of(image)):
        raise InvalidInput(
            "Image and labels look the wrong way round: the labels are grey values, and the image has "
            "patches of one value, as labels have. Exchange the two."
        )


def looks_grey(image: Image) -> bool:
    """Tell whether an image can hold no labels: many values, and neighbours that are seldom equal.

    A few rows tell.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> looks_grey(ArrayImage(np.random.default_rng(0).integers(0, 256, (2, 32, 32), np.uint8)))
    True
    >>> looks_grey(ArrayImage(np.repeat(np.arange(64, dtype=np.uint8), 32).reshape(2, 32, 32)))
    False
    """
    seen = _rows_of(image)
    equal, pairs = _neighbours(seen)
    return equal < _EQUAL_IN_GREY_VALUES * pairs and not _has_few_values(seen)


def labels_told(image: Image) -> str | None:
    """Say that an image surely has patches of one value each, and not one value only; None if it has not.

    A few rows tell.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> labels_told(ArrayImage(np.repeat(np.arange(64, dtype=np.uint8), 32).reshape(2, 32, 32)))[:52]
    'The image has patches of one value, as labels have a'
    >>> labels_told(ArrayImage(np.full((2, 32, 32), 7, np.uint8)))
    """
    seen = _rows_of(image)
    values = {value for rows in seen for value in np.unique(rows).tolist()}
    equal, pairs = _neighbours(seen)
    if len(values) > 1 and _are_whole(seen) and pairs > 0 and equal >= _EQUAL_SURELY * pairs:
        return _LABELS
    return None


def looks_numbered(image: Image) -> bool:
    """Tell whether an image of 8 bit holds numbers of classes rather than probabilities, 0 to 255.

    A few rows tell: of probabilities some are large, at least those of the background.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> looks_numbered(ArrayImage(np.repeat(np.arange(3, dtype=np.uint8), 96).reshape(1, 12, 24)))
    True
    >>> looks_numbered(ArrayImage(np.repeat(np.arange(3, dtype=np.uint8) * 100, 96).reshape(1, 12, 24)))
    False
    """
    largest = max(int(rows.max(initial=0)) for rows in _rows_of(image))
    return 0 < largest <= _LARGEST_NUMBER


def _rows_of(image: Image) -> list[npt.NDArray[Any]]:
    """Return rows (n, x) from the middle of some sections."""
    _, depth, height, width = image.shape_czyx
    rows, columns = central_part(height, width)
    step = max(1, (rows.stop - rows.start) // _ROWS)
    boxes = [
        Box((z, rows.start, columns.start), (z + 1, rows.stop, columns.stop))
        for z in spread(tuple(range(depth)))
    ]
    return [
        image.read(box)[:, 0, step // 2 :: step].reshape(-1, columns.stop - columns.start) for box in boxes
    ]


def _looks_like_labels(seen: list[npt.NDArray[Any]]) -> bool:
    """Tell whether these are whole numbers in patches, or few of them."""
    if not _are_whole(seen):
        return False
    equal, pairs = _neighbours(seen)
    return equal >= _EQUAL_IN_LABELS * pairs or _has_few_values(seen)


def _are_whole(seen: list[npt.NDArray[Any]]) -> bool:
    return all((rows == np.rint(rows)).all() for rows in seen)  # NaN is not either


def _neighbours(seen: list[npt.NDArray[Any]]) -> tuple[int, int]:
    """Count the neighbours along x that are equal, and all; 0 counts nowhere: it fills up corners."""
    equal = pairs = 0
    for rows in seen:
        here, there = rows[:, :-1], rows[:, 1:]
        counts = (here != 0) & (there != 0)
        equal += int(np.count_nonzero(counts & (here == there)))
        pairs += int(np.count_nonzero(counts))
    return equal, pairs


def _has_few_values(seen: list[npt.NDArray[Any]]) -> bool:
    return len(np.unique(np.concatenate([np.unique(rows) for rows in seen]))) <= _FEW_VALUES

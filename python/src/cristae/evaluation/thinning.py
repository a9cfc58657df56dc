"""Borders between predicted objects, thinned to one pixel: how wide they were drawn no longer counts.

The challenge ISBI 2012 was scored so in the end: "after thinning the borders of the image segments to 1-pixel
width" says the page of its evaluation, section by section, as its images were sections. Arganda-Carreras et
al., "Crowdsourcing the creation of image segmentation algorithms for connectomics", Frontiers in Neuroanatomy
9, 2015.
"""

import numpy as np
import numpy.typing as npt

REACH = 32
"""So many pixels segments grow at most: borders of up to 64 pixels close. It is bounded so that a band of a
section can be thinned by itself, with :data:`MARGIN` rows around it."""

MARGIN = REACH + 1
"""So many rows around a band decide what is in it."""

_LARGEST = np.iinfo(np.int64).max
_ALL, _FIRST, _SECOND = slice(None), slice(None, -1), slice(1, None)
_BESIDE = (((_FIRST, _ALL), (_SECOND, _ALL)), ((_ALL, _FIRST), (_ALL, _SECOND)))
"""Where pixels and the ones below them lie, and those to the right of them."""


def thinned(ids: npt.NDArray[np.integer], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Grow segments into the 0 around them, section by section, until one pixel of it is left between them.

    All segments grow at once, to their four neighbours in the section, by at most :data:`REACH` pixels. A
    pixel that several reach in the same step stays 0. Where two meet without such a pixel, the upper or left
    one of the two pixels becomes 0 again. So there is one pixel between two segments that had some, none
    where they touched, and which ids they have does not matter.

    Parameters
    ----------
    ids
        Of segments (z, y, x), 0 to 2^63 - 1; 0 is a border.
    known
        False where nothing grows, nor begins to, (z, y, x).

    Returns
    -------
    ndarray of int64
        (z, y, x); 0 where unknown.

    Examples
    --------
    >>> section = np.array([[[7, 0, 0, 0, 0, 8, 9]]])
    >>> thinned(section, np.ones(section.shape, bool))
    array([[[7, 7, 0, 8, 8, 8, 9]]])
    """
    found: npt.NDArray[np.int64] = np.where(known, ids, 0).astype(np.int64)
    border = known & (found == 0)
    for section, open_pixels in zip(found, border, strict=True):  # one by one: small arrays are faster
        if open_pixels.any() and section.any():
            section[:] = _thinned(section, open_pixels)
    return found


def _thinned(section: npt.NDArray[np.int64], border: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    # A frame of pixels where nothing grows: the neighbours of every other one are then found by counting.
    grown, border = np.pad(section, 1), np.pad(border, 1)
    _grow(grown, border)
    between = np.zeros(border.shape, bool)
    for first, second in _BESIDE:
        meet = border[first] & border[second] & (grown[first] != grown[second])
        between[first] |= meet & (grown[first] > 0) & (grown[second] > 0)
    grown[between] = 0
    return grown[1:-1, 1:-1]


def _grow(grown: npt.NDArray[np.int64], border: npt.NDArray[np.bool_]) -> None:
    """Grow segments into a border, in place; only where they grow is looked at, step by step."""
    ids, is_open = grown.reshape(-1), border.reshape(-1).copy()
    steps = (-grown.shape[1], grown.shape[1], -1, 1)
    touched = np.zeros(border.shape, bool)
    for low, high in _BESIDE:
        touched[low] |= grown[high] > 0
        touched[high] |= grown[low] > 0
    reached = np.flatnonzero(touched & border)
    for _ in range(REACH):
        if not reached.size:
            return
        is_open[reached] = False
        largest, smallest = np.zeros(reached.size, np.int64), np.full(reached.size, _LARGEST)
        for step in steps:
            near = ids[reached + step]
            np.maximum(largest, near, out=largest)
            np.minimum(smallest, near, out=smallest, where=near > 0)
        by_one = largest == smallest
        won = reached[by_one]
        ids[won] = largest[by_one]
        beside = np.zeros(ids.size, bool)
        for step in steps:
            beside[won + step] = True
        reached = np.flatnonzero(beside & is_open)

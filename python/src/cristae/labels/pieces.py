"""Whether what carries one number hangs together: a mask of many objects, or one object indeed."""

from collections.abc import Iterator, Sequence

import cc3d
import numpy as np
import numpy.typing as npt

from cristae.geometry import Box
from cristae.labels.scan import as_integers
from cristae.volumes import Image

_SLAB_VOXELS = 2**24
"""Whole sections of about so many voxels are held at a time."""

type Numbers = npt.NDArray[np.int64]


def is_in_pieces(
    labels: Image, value: int, unknown: int | None, sections: Sequence[int], slab_voxels: int = _SLAB_VOXELS
) -> bool:
    """Tell whether the voxels of one value make several pieces that touch nowhere, not even by a corner.

    Sections that are not annotated, and unknown voxels, may hide what joins two pieces: pieces are only
    counted within a run of annotated sections, and what is unknown joins. The labels are read slab by slab,
    and no further than to the second piece.

    Parameters
    ----------
    labels
        One channel.
    value
        Whose voxels are looked at.
    unknown
        The value of unknown voxels, if any.
    sections
        The annotated ones, in rising order.
    slab_voxels
        So many voxels are held at a time, one section at least.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> mask = np.zeros((3, 1, 5), np.uint8)
    >>> mask[:, :, [0, 4]] = 255
    >>> is_in_pieces(ArrayImage(mask), 255, None, range(3))
    True
    >>> mask[2] = 255
    >>> is_in_pieces(ArrayImage(mask), 255, None, range(3))
    False
    """
    return any(
        _has_two_pieces(labels, value, unknown, run, slab_voxels) for run in _runs(np.asarray(sections))
    )


def _runs(sections: npt.NDArray[np.integer]) -> Iterator[range]:
    for run in np.split(sections, np.flatnonzero(np.diff(sections) > 1) + 1):
        yield range(int(run[0]), int(run[-1]) + 1)


def _has_two_pieces(labels: Image, value: int, unknown: int | None, run: range, slab_voxels: int) -> bool:
    height, width = labels.shape_czyx[2:]
    depth = max(2, slab_voxels // (height * width))
    ended = 0
    last: Numbers | None = None  # the pieces of the section that two slabs share
    shown_before = np.zeros(1, bool)
    for z in range(run.start, max(run.stop - 1, run.start + 1), depth - 1):
        box = Box((z, 0, 0), (min(z + depth, run.stop), height, width))
        values = as_integers(labels.read(box)[0])
        mask = values == value if unknown is None else (values == value) | (values == unknown)
        numbers: Numbers = cc3d.connected_components(mask.view(np.uint8), connectivity=26).astype(np.int64)
        shown = np.zeros(int(numbers.max(initial=0)) + 1, bool)
        shown[numbers[values == value]] = True
        if last is not None:
            numbers, shown = _joined(last, shown_before, numbers, shown)
        goes_on = np.zeros(shown.size, bool)
        goes_on[numbers[-1]] = True
        ended += int((shown & ~goes_on)[1:].sum())
        going = int((shown & goes_on)[1:].sum())
        if ended + (going > 0) > 1:
            return True
        last, shown_before = numbers[-1], shown & goes_on
    return ended + int(shown_before[1:].sum()) > 1


def _joined(
    last: Numbers, shown_before: npt.NDArray[np.bool_], numbers: Numbers, shown: npt.NDArray[np.bool_]
) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Give what hangs together over the shared section one number, and pieces that ended none."""
    from scipy.sparse import coo_array  # not above: it takes a second, and few need it
    from scipy.sparse.csgraph import connected_components

    before, now = shown_before.size, shown.size
    there = last > 0
    pairs = np.unique(np.stack([last[there], numbers[0][there] + before]), axis=1)
    graph = coo_array((np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])), shape=(before + now,) * 2)
    group = connected_components(graph, directed=False)[1].astype(np.int64) + 1
    group[[0, before]] = 0  # background belongs to no piece
    joined = np.zeros(int(group.max(initial=0)) + 1, bool)
    joined[group[:before][shown_before]] = True
    joined[group[before:][shown]] = True
    return group[before:][numbers], joined

"""From affinities to objects: the mutex watershed.

Source: S. Wolf et al., The mutex watershed and its objective: efficient, parameter-free graph partitioning,
IEEE TPAMI 43 (2021), first as The mutex watershed, ECCV 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bioimage_cpp.graph
import bioimage_cpp.segmentation
import fastremap
import numpy as np
import numpy.typing as npt

from cristae.labels.affinities import Offset, near_count

# bioimage-cpp has no type hints.
_mutex_watershed: Any = bioimage_cpp.segmentation.mutex_watershed
_mutex_clustering: Any = bioimage_cpp.graph.mutex_watershed.mutex_watershed_clustering
_Graph: Any = bioimage_cpp.graph.UndirectedGraph

type Ids = npt.NDArray[np.int64]


def mutex_objects(
    object_prob: npt.NDArray[np.floating], affinities: npt.NDArray[np.floating], offsets: Sequence[Offset]
) -> Ids:
    """Partition what belongs to objects by attraction and repulsion.

    All pairs of voxels are gone through, the surest first. A pair of direct neighbours that rather belongs to
    one object joins the two bodies that its voxels are in, unless a pair before has forbidden it; any pair
    that rather does not forbids that its two bodies are ever joined, unless they are one already. So a wall
    with a hole holds, if it is sure enough on both sides of the hole, and there is no threshold beyond one
    half. The same input gives the same result: no pair is left out by chance.

    Parameters
    ----------
    object_prob
        Probability that a voxel belongs to an object (z, y, x), 0 to 1; from one half on it does.
    affinities
        Probability that the voxels of a pair belong to the same one (offsets, z, y, x), 0 to 1. Of pairs with
        a voxel beyond the block or in the background nothing is used.
    offsets
        Of the pairs, the direct neighbours first.

    Returns
    -------
    ndarray of int64
        Ids 1...N (z, y, x), 0 background.

    Examples
    --------
    >>> said = np.array([[[[0, 0.9, 0.2, 0.8]]]])
    >>> mutex_objects(np.ones((1, 1, 4)), said, [(0, 0, -1)])
    array([[[1, 1, 2, 2]]])
    """
    mask = np.asarray(object_prob >= 0.5)
    if not mask.any():
        return np.zeros(mask.shape, np.int64)
    near = near_count(offsets)
    # Neighbours repel each other too. A pair that is rather apart (less than one half) comes before, as a
    # repulsion, what it would attract; for one that is rather together it is the other way round.
    weights = np.empty((near + len(offsets), *mask.shape), np.float32)
    weights[:near] = affinities[:near]
    np.subtract(1, affinities, out=weights[near:], casting="same_kind")
    ids = _mutex_watershed(weights, [*offsets[:near], *offsets], near, mask=mask)
    # Its numbers have gaps where there is background.
    return np.asarray(fastremap.renumber(ids, preserve_zero=True)[0], dtype=np.int64)


@dataclass(frozen=True)
class Strongest:
    """Of pairs of objects the highest of the values between them.

    Attributes
    ----------
    pairs
        (n, 2), int64: the lower number first, each pair once, in order.
    values
        (n,), uint8.
    """

    pairs: Ids
    values: npt.NDArray[np.uint8]

    @classmethod
    def of(
        cls, a: npt.NDArray[np.integer[Any]], b: npt.NDArray[np.integer[Any]], values: npt.NDArray[np.uint8]
    ) -> "Strongest":
        """Keep the highest value of each pair of different objects; 0 is none.

        Examples
        --------
        >>> found = Strongest.of(np.array([1, 2, 1]), np.array([2, 1, 0]), np.array([4, 9, 7], np.uint8))
        >>> found.pairs.tolist(), found.values.tolist()
        ([[1, 2]], [9])
        """
        meet = (a != b) & (a > 0) & (b > 0)
        low, high = (pick(a[meet], b[meet]).astype(np.int64) for pick in (np.minimum, np.maximum))
        values = values[meet]
        order = np.lexsort((values, high, low))
        pairs = np.column_stack([low, high])[order]
        last = np.ones(len(pairs), bool)
        last[:-1] = np.any(pairs[1:] != pairs[:-1], axis=1)
        return cls(pairs[last], values[order][last])

    @classmethod
    def together(cls, parts: Sequence["Strongest"], numbers: Ids | None = None) -> "Strongest":
        """Return those of several parts, perhaps under other numbers of their objects."""
        pairs = np.concatenate([np.empty((0, 2), np.int64), *(part.pairs for part in parts)])
        values = np.concatenate([np.empty(0, np.uint8), *(part.values for part in parts)])
        named = pairs if numbers is None else numbers[pairs]
        return cls.of(named[:, 0], named[:, 1], values)


def strongest_between(
    ids: npt.NDArray[np.integer[Any]],
    affinities: npt.NDArray[np.uint8],
    offsets: Sequence[Offset],
    start_zyx: Sequence[int],
    stop_zyx: Sequence[int],
    cut_zyx: Sequence[bool],
) -> tuple[Strongest, Strongest]:
    """Find what attracts and what repels the objects of a block and those around it.

    Parameters
    ----------
    ids
        Of the objects (z, y, x), those of other blocks around the block.
    affinities
        As for :func:`mutex_objects`, but 0 to 255.
    offsets
        Of the pairs, the direct neighbours first.
    start_zyx, stop_zyx
        Where the block lies: a pair counts if its voxel that is not at the offset lies there.
    cut_zyx
        Along which axes another block lies before it.

    Returns
    -------
    attracting, repelling
        Neighbours attract each other over a cut only: what was parted within a block was parted by all its
        pairs. Every pair repels.

    Examples
    --------
    >>> ids, said = np.array([[[1, 2, 3]]]), np.array([[[[0, 200, 200]]]], np.uint8)
    >>> pull, push = strongest_between(ids, said, [(0, 0, -1)], (0, 0, 1), (1, 1, 3), (False, False, True))
    >>> pull.pairs.tolist(), push.pairs.tolist(), push.values.tolist()
    ([[1, 2]], [[1, 2], [2, 3]], [55, 55])
    """
    attracting, repelling = [], []
    for channel, offset in enumerate(offsets):
        first = [max(start, -step) for start, step in zip(start_zyx, offset, strict=True)]
        here = [slice(start, max(start, stop)) for start, stop in zip(first, stop_zyx, strict=True)]
        repelling.append(_strongest(ids, 255 - affinities[channel], offset, here))
        axis = int(np.argmin(offset))
        if channel < near_count(offsets) and cut_zyx[axis]:
            here[axis] = slice(first[axis], first[axis] + 1)
            attracting.append(_strongest(ids, affinities[channel], offset, here))
    return Strongest.together(attracting), Strongest.together(repelling)


def _strongest(
    ids: npt.NDArray[np.integer[Any]], values: npt.NDArray[np.uint8], offset: Offset, here: Sequence[slice]
) -> Strongest:
    there = [slice(part.start + step, part.stop + step) for part, step in zip(here, offset, strict=True)]
    return Strongest.of(ids[*here].ravel(), ids[*there].ravel(), values[*here].ravel())


def joined_by_mutex(attracting: Strongest, repelling: Strongest, count: int) -> Ids:
    """Return the number of the body of each object below `count`, by the same rule as between voxels.

    Examples
    --------
    >>> pull = Strongest(np.array([[1, 3], [2, 3]]), np.array([250, 200], np.uint8))
    >>> joined_by_mutex(pull, Strongest(np.array([[1, 2]]), np.array([230], np.uint8)), 4).tolist()
    [0, 1, 2, 1]
    """
    graph = _Graph.from_edges(count, attracting.pairs.astype(np.uint64))
    found = _mutex_clustering(
        graph,
        attracting.values.astype(np.float64),
        repelling.pairs.astype(np.uint64),
        repelling.values.astype(np.float64),
    )
    return np.asarray(fastremap.renumber(np.asarray(found) + 1, preserve_zero=False)[0], np.int64) - 1

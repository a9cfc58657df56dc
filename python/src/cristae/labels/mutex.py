"""From affinities to objects: the mutex watershed.

Source: S. Wolf et al., The mutex watershed and its objective: efficient, parameter-free graph partitioning,
IEEE TPAMI 43 (2021), first as The mutex watershed, ECCV 2018.
"""

from collections.abc import Sequence
from typing import Any

import bioimage_cpp.segmentation
import fastremap
import numpy as np
import numpy.typing as npt

from cristae.labels.affinities import Offset, near_count, pair_slices
from cristae.labels.agglomeration import Links

# bioimage-cpp has no type hints.
_mutex_watershed: Any = bioimage_cpp.segmentation.mutex_watershed

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


def links_across(
    ids: npt.NDArray[np.integer[Any]],
    affinities: npt.NDArray[np.floating],
    offsets: Sequence[Offset],
    margin_zyx: Sequence[int],
) -> Links:
    """Count the links between the objects of a block and those of blocks before it, by their affinity.

    Parameters
    ----------
    ids
        Of the objects (z, y, x), those of other blocks in the margin.
    affinities
        As for :func:`mutex_objects`.
    offsets
        Of the pairs, the direct neighbours first.
    margin_zyx
        How many voxels at the lower end of each axis belong to blocks that were counted before, 0 or 1.

    Returns
    -------
    Links
        With 1 - the affinity in the place of a boundary. None between objects within the block: what the
        mutex watershed has parted there stays apart.

    Examples
    --------
    >>> ids, said = np.array([[[1, 2, 3]]]), np.array([[[[0, 0.75, 0.75]]]])
    >>> links_across(ids, said, [(0, 0, -1)], (0, 0, 1)).levels
    array([16], dtype=uint8)
    """
    parts = []
    for channel in range(near_count(offsets)):
        axis = int(np.argmin(offsets[channel]))
        if not margin_zyx[axis]:
            continue
        within = tuple(
            slice(0, 2) if number == axis else slice(margin, None) for number, margin in enumerate(margin_zyx)
        )
        here, there = pair_slices(offsets[channel])
        touching = ids[within]
        apart = 1 - affinities[channel][within][here]
        parts.append(Links.of_faces(touching[there], touching[here], apart))
    return Links.together(parts)

"""Joining the fragments of a watershed by what lies between them."""

import heapq

import numpy as np
import numpy.typing as npt

LEVELS = 64
"""Boundary probabilities are counted in so many steps: the strength of a link is exact to one of them."""

SHARE = 0.3
"""A link is as strong as this share of its faces, the weakest ones, at most. Less than one half, because
parts of a thin neurite touch along its walls too; more than nothing, because a hole in a wall is small."""

type Ids = npt.NDArray[np.int64]
type Counts = npt.NDArray[np.int64]


def agglomerated(fragments: Ids, boundary: npt.NDArray[np.floating], below: float) -> Ids:
    """Join touching fragments, those with the weakest boundary between them first.

    The faces of two bodies are the pairs of face neighbours of which one lies in either; a face counts with
    the higher boundary probability of its two voxels. The strength of their link is the probability that
    :data:`SHARE` of the faces do not exceed. The weakest link is joined first, and the links of the joined
    body are counted anew, until none is weaker than ``below``.

    Parameters
    ----------
    fragments
        Ids (z, y, x), 0 background, which is never joined.
    boundary
        Probability of a boundary (z, y, x), 0 to 1.
    below
        The strength at which joining ends.

    Returns
    -------
    ndarray of int64
        For each voxel the id of one of the fragments of its body. The same input gives the same ids.

    Examples
    --------
    >>> fragments = np.array([[[1, 1, 2, 2, 3, 3]]])
    >>> boundary = np.array([[[0, 0, 0.1, 0.9, 0.9, 0]]])
    >>> agglomerated(fragments, boundary, below=0.5)
    array([[[2, 2, 2, 2, 3, 3]]])
    """
    count = int(fragments.max()) + 1
    body = list(range(count))
    links: list[dict[int, Counts]] = [{} for _ in body]
    waiting = []
    for one, other, counts in _links(fragments, boundary, count):
        links[one][other] = links[other][one] = counts
        waiting.append((_strength(counts), one, other, int(counts.sum())))
    heapq.heapify(waiting)
    while waiting and waiting[0][0] < below:
        _, one, other, faces = heapq.heappop(waiting)
        # Each joining changes the number of faces of a link: an entry with another one is out of date.
        if other not in links[one] or links[one][other].sum() != faces:
            continue
        if len(links[one]) < len(links[other]):
            one, other = other, one
        body[other] = one
        del links[one][other]
        for third, counts in links[other].items():
            if third == one:
                continue
            del links[third][other]
            both = counts + links[one][third] if third in links[one] else counts
            links[one][third] = links[third][one] = both
            heapq.heappush(waiting, (_strength(both), min(one, third), max(one, third), int(both.sum())))
        links[other] = {}
    for fragment in range(count):
        while body[fragment] != body[body[fragment]]:
            body[fragment] = body[body[fragment]]
    return np.array(body, np.int64)[fragments]


def _links(fragments: Ids, boundary: npt.NDArray[np.floating], count: int) -> list[tuple[int, int, Counts]]:
    """Return the pairs of fragments that touch, and how many of their faces are boundary to which degree."""
    pairs, levels = [], []
    for axis in range(3):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        a, b = fragments[low], fragments[high]
        touch = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.minimum(a[touch], b[touch]) * count + np.maximum(a[touch], b[touch]))
        height = np.maximum(boundary[low][touch], boundary[high][touch])
        levels.append(np.minimum(height * LEVELS, LEVELS - 1).astype(np.int64))
    unique, place = np.unique(np.concatenate(pairs), return_inverse=True)
    counts = np.bincount(place * LEVELS + np.concatenate(levels), minlength=unique.size * LEVELS)
    first, second = (unique // count).tolist(), (unique % count).tolist()
    return list(zip(first, second, counts.reshape(-1, LEVELS), strict=True))


def _strength(counts: Counts) -> float:
    """Return the boundary probability that a share of the faces do not exceed.

    Examples
    --------
    >>> counts = np.zeros(LEVELS, np.int64)
    >>> counts[[0, 16]] = 1, 4
    >>> _strength(counts)  # an eighth into the step from 0.25
    0.251953125
    """
    below = np.cumsum(counts)
    wanted = below[-1] * SHARE
    level = int(np.searchsorted(below, wanted))
    before = below[level - 1] if level else 0
    return float((level + (wanted - before) / counts[level]) / LEVELS)

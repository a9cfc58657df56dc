"""Joining the fragments of a watershed by what lies between them."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEVELS = 64
"""Boundary probabilities are counted in so many steps: the strength of a link is exact to one of them."""

SHARE = 0.4
"""A link is as strong as this share of its faces, the weakest ones, at most. Less than one half, because
parts of a thin neurite touch along its walls too; more than nothing, because a hole in a wall is small."""

_STEPS_AT_A_TIME = 4096
_BITS = 32
_LOW = (1 << _BITS) - 1

type Ids = npt.NDArray[np.integer[Any]]
type Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Links:
    """The links between touching fragments, counted: memory grows with them, not with voxels.

    The faces of two fragments are the pairs of face neighbours of which one lies in either; a face counts
    with the higher boundary probability of its two voxels.

    Attributes
    ----------
    pairs
        Two fragments each, the smaller number in the higher 32 bits; rising, each once for every level.
    levels
        The boundary probability in steps of 1 / :data:`LEVELS`.
    faces
        How many faces of the pair have it.
    """

    pairs: npt.NDArray[np.uint64]
    levels: npt.NDArray[np.uint8]
    faces: npt.NDArray[np.int64]

    @classmethod
    def between(
        cls, fragments: Ids, boundary: npt.NDArray[np.floating], margin_zyx: Sequence[int] = (0, 0, 0)
    ) -> "Links":
        """Count the links within a block.

        Parameters
        ----------
        fragments
            Ids (z, y, x) below 2^32; 0 is background, which is linked to nothing.
        boundary
            Probability of a boundary (z, y, x), 0 to 1; infinity where it says nothing: such faces do not
            count.
        margin_zyx
            So many voxels at the lower end of each axis are those of blocks that were counted before: only
            faces with a voxel behind them count.

        Examples
        --------
        >>> links = Links.between(np.array([[[1, 1, 2, 0, 3]]]), np.array([[[0, 0.1, 0.5, 0, 0]]]))
        >>> links.faces, links.levels
        (array([1]), array([32], dtype=uint8))
        """
        pairs, levels = [], []
        for axis in range(3):
            low, high = [slice(margin, None) for margin in margin_zyx], [slice(m, None) for m in margin_zyx]
            high[axis] = slice(max(1, margin_zyx[axis]), None)
            low[axis] = slice(high[axis].start - 1, -1)
            a, b = fragments[*low], fragments[*high]
            height = np.maximum(boundary[*low], boundary[*high])
            touch = (a != b) & (a > 0) & (b > 0) & (height < np.inf)
            first, second, height = a[touch], b[touch], height[touch]
            pairs.append(_pair(np.minimum(first, second), np.maximum(first, second)))
            levels.append(np.minimum(height * LEVELS, LEVELS - 1).astype(np.uint8))
        every = np.concatenate(pairs)
        return _counted(every, np.concatenate(levels), np.ones(every.size, np.int64))

    @classmethod
    def together(cls, parts: Sequence["Links"]) -> "Links":
        """Return the links of several blocks that share no face."""
        if not parts:
            return _counted(np.empty(0, np.uint64), np.empty(0, np.uint8), np.empty(0, np.int64))
        return _counted(
            np.concatenate([part.pairs for part in parts]),
            np.concatenate([part.levels for part in parts]),
            np.concatenate([part.faces for part in parts]),
        )

    @property
    def count(self) -> int:
        """How many pairs are linked."""
        return int(np.count_nonzero(np.diff(self.pairs))) + (self.pairs.size > 0)

    def renamed(self, numbers: Ids) -> "Links":
        """Return the links of the fragments under other numbers; what gets the same one has none."""
        first, second = numbers[self.pairs >> _BITS], numbers[self.pairs & _LOW]
        stay = first != second
        pairs = _pair(np.minimum(first, second)[stay], np.maximum(first, second)[stay])
        return _counted(pairs, self.levels[stay], self.faces[stay])


def bodies(links: Links, count: int, below: float, on_step: Callable[[], None] = lambda: None) -> Ids:
    """Join fragments, those with the weakest boundary between them first.

    The strength of a link is the probability that :data:`SHARE` of its faces do not exceed. The weakest link
    is joined first, and the links of the joined body are counted anew, until none is weaker than ``below``.

    Parameters
    ----------
    links
        Between fragments.
    count
        One more than the largest number of a fragment.
    below
        The strength at which joining ends.
    on_step
        Called now and then; what it raises ends the work.

    Returns
    -------
    ndarray of int64
        For each number of a fragment, the number of one of the fragments of its body. The same input gives
        the same numbers.

    Examples
    --------
    >>> fragments, wall = np.array([[[1, 1, 2, 2, 3, 3]]]), np.array([[[0, 0, 0.1, 0.9, 0.9, 0]]])
    >>> bodies(Links.between(fragments, wall), 4, below=0.5)
    array([0, 2, 2, 3])
    """
    return next(bodies_at(links, count, (below,), on_step))


def bodies_at(
    links: Links, count: int, limits: Sequence[float], on_step: Callable[[], None] = lambda: None
) -> Iterator[Ids]:
    """Yield the bodies of each of several limits, rising: what a lower one joins, a higher one joins first.

    Parameters
    ----------
    links, count, on_step
        As for :func:`bodies`.
    limits
        As ``below`` there.

    Examples
    --------
    >>> fragments, wall = np.array([[[1, 1, 2, 2, 3, 3]]]), np.array([[[0, 0, 0.1, 0.9, 0.9, 0]]])
    >>> [found.tolist() for found in bodies_at(Links.between(fragments, wall), 4, (0.05, 0.5))]
    [[0, 1, 2, 3], [0, 2, 2, 3]]
    """
    body = np.arange(count)
    linked: dict[int, dict[int, Counts]] = {}
    waiting = []
    for one, other, counts in _by_pair(links):
        linked.setdefault(one, {})[other] = linked.setdefault(other, {})[one] = counts
        waiting.append((_strength(counts), one, other, int(counts.sum())))
    heapq.heapify(waiting)
    steps = 0
    for below in limits:
        while waiting and waiting[0][0] < below:
            steps += 1
            if steps % _STEPS_AT_A_TIME == 0:
                on_step()
            _, one, other, faces = heapq.heappop(waiting)
            # Each joining changes the number of faces of a link: an entry with another one is out of date.
            if other not in linked[one] or linked[one][other].sum() != faces:
                continue
            if len(linked[one]) < len(linked[other]):
                one, other = other, one
            body[other] = one
            del linked[one][other]
            for third, counts in linked[other].items():
                if third == one:
                    continue
                del linked[third][other]
                both = counts + linked[one][third] if third in linked[one] else counts
                linked[one][third] = linked[third][one] = both
                heapq.heappush(waiting, (_strength(both), min(one, third), max(one, third), int(both.sum())))
            linked[other] = {}
        found = body
        while not np.array_equal(found, found[found]):
            found = found[found]
        yield found.copy()


def agglomerated(fragments: Ids, boundary: npt.NDArray[np.floating], below: float) -> Ids:
    """Return for each voxel of a block the number of its body; see :func:`bodies`.

    Examples
    --------
    >>> agglomerated(np.array([[[1, 1, 2, 3]]]), np.array([[[0, 0.1, 0.1, 0.9]]]), below=0.5)
    array([[[2, 2, 2, 3]]])
    """
    return bodies(Links.between(fragments, boundary), int(fragments.max()) + 1, below)[fragments]


def _pair(low: Ids, high: Ids) -> npt.NDArray[np.uint64]:
    return low.astype(np.uint64) << np.uint64(_BITS) | high.astype(np.uint64)


def _counted(
    pairs: npt.NDArray[np.uint64], levels: npt.NDArray[np.uint8], faces: npt.NDArray[np.int64]
) -> Links:
    """Add up the faces of each pair and level."""
    unique, place = np.unique(pairs, return_inverse=True)
    sums = np.bincount(place * LEVELS + levels, weights=faces, minlength=0)  # exact below 2^53
    there = np.flatnonzero(sums)
    return Links(unique[there // LEVELS], (there % LEVELS).astype(np.uint8), sums[there].astype(np.int64))


def _by_pair(links: Links) -> list[tuple[int, int, Counts]]:
    """Return each pair with its faces at every level."""
    unique, place = np.unique(links.pairs, return_inverse=True)
    counts = np.zeros((unique.size, LEVELS), np.int32)
    counts[place, links.levels] = links.faces
    first, second = (unique >> _BITS).tolist(), (unique & _LOW).tolist()
    return list(zip(first, second, counts, strict=True))


def _strength(counts: Counts) -> float:
    """Return the boundary probability that a share of the faces do not exceed.

    Examples
    --------
    >>> counts = np.zeros(LEVELS, np.int32)
    >>> counts[[0, 16]] = 1, 4
    >>> _strength(counts)  # a quarter into the step from 0.25
    0.25390625
    """
    below = np.cumsum(counts)
    wanted = below[-1] * SHARE
    level = int(np.searchsorted(below, wanted))
    before = below[level - 1] if level else 0
    return float((level + (wanted - before) / counts[level]) / LEVELS)

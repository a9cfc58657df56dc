"""Up to which boundary bodies are joined: searched where the true objects are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cc3d
import fastremap
import numpy as np
import numpy.typing as npt

from cristae.labels.agglomeration import Links, bodies_at
from cristae.labels.objects import MERGE_BELOW, fragments_from, parting
from cristae.volumes import VoxelSize

LIMITS = (0.05, 0.1, 0.15, MERGE_BELOW, 0.3, 0.4, 0.5, 0.6, 0.7)
"""What is tried."""

FEWEST_OBJECTS = 20
"""In truth: fewer say nothing about a limit, because one wrong merge decides."""

_LEAST_VOXELS = 50
"""Of an object that counts as one of them: a sliver at the edge of the known part does not."""

type Sums = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MergeLimit:
    """What a search found.

    Attributes
    ----------
    below
        Bodies are joined while the boundary between them is less likely.
    objects
        So many true objects were seen.
    error, usual_error
        The adapted Rand error with it, and with the usual limit; None where nothing could be compared.
    reason
        For people: why it is this one.
    """

    below: float
    objects: int
    error: float | None
    usual_error: float | None
    reason: str

    @property
    def sentence(self) -> str:
        """What a person is told."""
        return f"Objects are joined across boundaries of less than {self.below:g}, {self.reason}."


def limit_by_hand(below: float) -> MergeLimit:
    """Return a limit that a person chose.

    Examples
    --------
    >>> limit_by_hand(0.3).sentence
    'Objects are joined across boundaries of less than 0.3, as you chose.'
    """
    return MergeLimit(below, 0, None, None, "as you chose")


def tried_limits(
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    truth: npt.NDArray[np.integer],
    voxel_size: VoxelSize | None,
) -> tuple[Sums, int]:
    """Decode a block with every limit, and compare what comes out with the true objects.

    Parameters
    ----------
    foreground_prob, boundary_prob, voxel_size
        As for :func:`~cristae.labels.objects_from`.
    truth
        True ids (z, y, x), 0 where there is no object or nobody knows. What is cut by the edge of the block
        into several pieces is several objects.

    Returns
    -------
    sums, objects
        For each of two by two parts of the block in its plane and each limit, the sums that
        :func:`merge_score` takes; and how many true objects there are.
    """
    pieces = np.asarray(fastremap.renumber(truth, preserve_zero=True)[0])
    pieces = cc3d.connected_components(np.ascontiguousarray(pieces), connectivity=6)
    fragments, _ = fragments_from(foreground_prob, boundary_prob, voxel_size)
    walls = parting(fragments, foreground_prob, boundary_prob, voxel_size)
    links = Links.between(fragments, walls)
    count = int(fragments.max()) + 1
    numbers = list(bodies_at(links, count, LIMITS))
    halves = [(slice(None, -(-side // 2)), slice(-(-side // 2), None)) for side in truth.shape[1:]]
    sums = np.array(
        [
            [_sums(pieces[:, *part].ravel(), fragments[:, *part].ravel(), number) for number in numbers]
            for part in product(*halves)
        ]
    )
    objects = int(np.count_nonzero(np.bincount(pieces.ravel())[1:] >= _LEAST_VOXELS))
    return sums, objects


def merge_score(sums: Sums) -> tuple[float, float]:
    """Return how far bodies are from the truth, 0 being perfect, and the adapted Rand error.

    The score is the geometric mean of the adapted Rand error and the variation of information, as in the
    challenge CREMI (https://cremi.org/metrics), but what was merged counts twice in the latter: a person
    mends a split faster than a merge.

    Parameters
    ----------
    sums
        Over pairs of object and body, over objects and over bodies, the squares of their voxels and the
        voxels times their binary logarithms; and the voxels.

    Examples
    --------
    >>> merged = _sums(np.array([1, 1, 1, 1, 2, 2, 2, 2]), np.ones(8, int), np.arange(3))
    >>> [round(value, 3) for value in merge_score(merged)]
    [0.816, 0.333]
    """
    both, true, found, log_both, log_true, log_found, voxels = sums.tolist()
    if not voxels:
        return 0.0, 0.0
    error = max(0.0, 1 - 2 * both / (true + found))
    split, merged = (max(0.0, (whole - log_both) / voxels) for whole in (log_true, log_found))
    return float(np.sqrt(error * (split + 2 * merged))), error


def best_limit(blocks: Sequence[tuple[Sums, int]]) -> MergeLimit:
    """Choose the limit next to the usual one whose score is within one standard error of the best.

    The usual one itself, if possible. The error is that of the best score, by leaving out one part after the
    other (the jackknife; Efron and Stein 1981). The rule is that of Breiman et al., "Classification and
    regression trees", 1984: what is better by less than its error is better by chance.

    Parameters
    ----------
    blocks
        Of :func:`tried_limits`.
    """
    objects = sum(count for _, count in blocks)
    if objects < FEWEST_OBJECTS:
        seen = f"{objects} object{'' if objects == 1 else 's'}" if objects else "no object"
        reason = f"as usual: the part held out shows {seen}, too few to choose by"
        return MergeLimit(MERGE_BELOW, objects, None, None, reason)
    parts = np.concatenate([sums for sums, _ in blocks])
    parts = parts[parts[:, 0, -1] > 0]  # with an object
    total = parts.sum(axis=0)
    scores, errors = zip(*map(merge_score, total), strict=True)
    best, usual = int(np.argmin(scores)), LIMITS.index(MERGE_BELOW)
    without = np.array([merge_score(sums)[0] for sums in total[best] - parts[:, best]])
    deviation = np.sqrt(max(0, without.size - 1) * without.var())
    as_good = [number for number, score in enumerate(scores) if score <= scores[best] + deviation]
    chosen = min(as_good, key=lambda number: (abs(number - usual), number))
    if chosen == usual or without.size < 2:
        reason = (
            f"as usual: no other limit was better, beyond chance, on the {objects} objects of the part held "
            "out"
        )
        return MergeLimit(MERGE_BELOW, objects, errors[usual], errors[usual], reason)
    reason = (
        f"because on the {objects} objects of the part held out the adapted Rand error is then "
        f"{errors[chosen]:.3f} instead of {errors[usual]:.3f} with the usual {MERGE_BELOW:g}"
    )
    return MergeLimit(LIMITS[chosen], objects, errors[chosen], errors[usual], reason)


def _sums(
    true: npt.NDArray[np.integer], fragments: npt.NDArray[np.integer], number: npt.NDArray[np.integer]
) -> Sums:
    """Return what :func:`merge_score` takes, for the voxels of true objects; body 0 is a body too."""
    there = true > 0
    pairs = fastremap.unique(
        true[there].astype(np.uint64) << np.uint64(32) | number[fragments[there]].astype(np.uint64),
        return_counts=True,
    )
    of, voxels = pairs[0], pairs[1].astype(np.float64)
    groups = [
        np.unique(side, return_inverse=True)[1] for side in (of >> np.uint64(32), of & np.uint64(0xFFFFFFFF))
    ]
    sizes = [voxels, *(np.bincount(group, voxels) for group in groups)]
    squares = [float(size @ size) for size in sizes]
    logs = [float(size @ np.log2(size)) for size in sizes]
    return np.array([*squares, *logs, voxels.sum()])

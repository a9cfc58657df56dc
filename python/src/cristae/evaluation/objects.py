"""Metrics of objects, from a contingency table.

Conventions. Objects are the ids other than 0. They are measured on all known voxels, so that what is
predicted on true background counts against the prediction. A true and a predicted object match if their IoU
is at least the threshold; those without a partner are counted on both sides.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.evaluation.scores import ratio
from cristae.evaluation.table import Contingency

THRESHOLDS_PERCENT = tuple(range(50, 100, 5))

type Counts = npt.NDArray[np.int64]
type Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Overlaps:
    """The pairs of a true and a predicted object that share voxels.

    Attributes
    ----------
    true_ids, predicted_ids
        The objects of either side, in rising order.
    true_sizes, predicted_sizes
        Their voxels.
    true, predicted
        For each pair the places of its objects in these arrays; in the order of the ids.
    shared, united
        Voxels of the intersection and of the union of each pair.
    """

    true_ids: Counts
    predicted_ids: Counts
    true_sizes: Counts
    predicted_sizes: Counts
    true: Places
    predicted: Places
    shared: Counts
    united: Counts

    @classmethod
    def of(cls, table: Contingency) -> "Overlaps":
        """Measure the objects of a table."""
        true_ids, true, true_sizes = _objects(table.truth, table.voxels)
        predicted_ids, predicted, predicted_sizes = _objects(table.prediction, table.voxels)
        both = np.flatnonzero((true >= 0) & (predicted >= 0))
        both = both[np.lexsort((predicted[both], true[both]))]
        true, predicted, shared = true[both], predicted[both], table.voxels[both]
        united = true_sizes[true] + predicted_sizes[predicted] - shared
        return cls(true_ids, predicted_ids, true_sizes, predicted_sizes, true, predicted, shared, united)


@dataclass(frozen=True)
class Matching:
    """One-to-one pairs of true and predicted objects with an IoU of at least 0.5.

    Attributes
    ----------
    true_ids, predicted_ids
        The ids of each pair.
    shared, united
        Voxels of the intersection and of the union of each pair.
    true_count, predicted_count
        Number of objects on either side.
    """

    true_ids: Counts
    predicted_ids: Counts
    shared: Counts
    united: Counts
    true_count: int
    predicted_count: int

    def matched(self, percent: int) -> int:
        """Return how many pairs have an IoU of at least `percent` / 100."""
        return int(np.count_nonzero(self.shared * 100 >= self.united * percent))


def match(overlaps: Overlaps) -> Matching:
    """Pair the objects.

    Above an IoU of 0.5 an object has one partner at most. At exactly 0.5 it may have two, each of them half
    of it, which overlap nothing else: the one with the smaller id is taken.
    """
    good = np.flatnonzero(2 * overlaps.shared >= overlaps.united)
    good = good[np.argsort(-overlaps.shared[good] / overlaps.united[good], kind="stable")]
    for side in (overlaps.true, overlaps.predicted):
        good = good[np.sort(np.unique(side[good], return_index=True)[1])]
    return Matching(
        overlaps.true_ids[overlaps.true[good]],
        overlaps.predicted_ids[overlaps.predicted[good]],
        overlaps.shared[good],
        overlaps.united[good],
        overlaps.true_ids.size,
        overlaps.predicted_ids.size,
    )


def matching_metrics(matching: Matching) -> dict[str, Any]:
    """Return what the matching says.

    With tp pairs at a threshold, ``f1`` is 2 tp / (objects of both sides). ``ap_by_threshold`` is tp / (tp +
    fp + fn) at the thresholds 0.50, 0.55, ... 0.95, and ``ap`` the mean of these, as StarDist and Cellpose
    have it. ``rq`` (recognition quality) is the F1 at 0.5, ``sq`` (segmentation quality) the mean IoU of the
    pairs at 0.5, and ``pq`` (panoptic quality) their product: the sum of the IoUs, divided by half the
    objects of both sides (Kirillov et al., "Panoptic segmentation", CVPR 2019, where a pair with an IoU of
    exactly 0.5 is none). ``count_error`` is how many more objects were predicted than there are.

    Examples
    --------
    >>> ids, voxels = np.array([1, 1]), np.array([6, 2])
    >>> metrics = matching_metrics(match(Overlaps.of(Contingency(ids, np.array([4, 5]), voxels))))  # 8 split
    >>> metrics["sq"], metrics["rq"], metrics["pq"], metrics["count_error"]
    (0.75, 0.6666666666666666, 0.5, 1)
    """
    objects = matching.true_count + matching.predicted_count
    at_50, at_75 = matching.matched(50), matching.matched(75)
    ious = matching.shared / matching.united
    accuracies = {
        f"{percent / 100:.2f}": ratio(matching.matched(percent), objects - matching.matched(percent))
        for percent in THRESHOLDS_PERCENT
    }
    defined = [accuracy for accuracy in accuracies.values() if accuracy is not None]
    mean_iou = ratio(float(ious.sum()), at_50)
    return {
        "f1_50": ratio(2 * at_50, objects),
        "f1_75": ratio(2 * at_75, objects),
        "precision_50": ratio(at_50, matching.predicted_count),
        "recall_50": ratio(at_50, matching.true_count),
        "ap": ratio(sum(defined), len(defined)),
        "ap_by_threshold": accuracies,
        "pq": ratio(2 * float(ious.sum()), objects),
        "sq": mean_iou,
        "rq": ratio(2 * at_50, objects),
        "matched_iou": mean_iou,
        "objects_truth": matching.true_count,
        "objects_prediction": matching.predicted_count,
        "objects_matched_50": at_50,
        "count_error": matching.predicted_count - matching.true_count,
    }


def aggregated_jaccard(overlaps: Overlaps) -> float | None:
    """Return the aggregated Jaccard index, or None if there is no object on either side.

    Each true object takes the predicted object with the largest IoU, of equal ones that with the smallest
    id; several may take the same. The index is the sum of the intersections, divided by the sum of the
    unions; a true object that overlaps none adds its voxels below, and so does each predicted object that
    none took (Kumar et al., "A dataset and a technique for generalized nuclear segmentation for computational
    pathology", IEEE Transactions on Medical Imaging 36, 2017, algorithm 1).

    Examples
    --------
    >>> table = Contingency(np.array([1, 1, 2]), np.array([4, 5, 0]), np.array([6, 2, 3]))
    >>> aggregated_jaccard(Overlaps.of(table))  # 6 of the union 8, a missed object of 3, an unused one of 2
    0.46153846153846156
    """
    order = np.lexsort((-overlaps.shared / overlaps.united, overlaps.true))
    found, first = np.unique(overlaps.true[order], return_index=True)
    best = order[first]
    used = np.zeros(overlaps.predicted_ids.size, bool)
    used[overlaps.predicted[best]] = True
    missed = int(overlaps.true_sizes.sum()) - int(overlaps.true_sizes[found].sum())
    return ratio(
        int(overlaps.shared[best].sum()),
        int(overlaps.united[best].sum()) + missed + int(overlaps.predicted_sizes[~used].sum()),
    )


def _objects(ids: Counts, voxels: Counts) -> tuple[Counts, Places, Counts]:
    """Return the objects, for each pair the place of its object or -1 for background, and their sizes."""
    values, place = np.unique(ids, return_inverse=True)
    sizes = np.zeros(values.size, np.int64)
    np.add.at(sizes, place, voxels)
    if values.size and values[0] == 0:
        return values[1:], place - 1, sizes[1:]
    return values, place, sizes

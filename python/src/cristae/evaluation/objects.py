"""Metrics of objects, from a contingency table.

Conventions. The adapted Rand error and the variation of information ignore voxels whose true id is 0, as
scikit-image's ``adapted_rand_error`` does by default and its ``variation_of_information`` with
``ignore_labels=(0,)``; a predicted 0 is a segment like any other there. Objects of the matching metrics are
the ids other than 0; they are measured on all known voxels, so what is predicted on true background counts
against the prediction.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cristae.evaluation.scores import ratio
from cristae.evaluation.table import Contingency

THRESHOLDS_PERCENT = tuple(range(50, 100, 5))


def adapted_rand(table: Contingency) -> dict[str, float | None]:
    """Return the adapted Rand error, 1 - F1 of pairs of voxels, with its precision and recall.

    Precision is the share of the pairs of voxels in one predicted segment that are in one true object (low
    when objects were merged), recall the share of the pairs in one true object that are in one predicted
    segment (low when objects were split). scikit-image 0.26 returns these two the other way round; the error
    is the same.
    """
    there = table.truth != 0
    voxels = table.voxels[there].astype(np.float64)
    both = _pairs(voxels)
    true = _pairs(np.bincount(_dense(table.truth[there]), voxels))
    predicted = _pairs(np.bincount(_dense(table.prediction[there]), voxels))
    f1 = ratio(2 * both, true + predicted)
    return {
        "adapted_rand_error": None if f1 is None else 1 - f1,
        "adapted_rand_precision": ratio(both, predicted),
        "adapted_rand_recall": ratio(both, true),
    }


def variation_of_information(table: Contingency) -> dict[str, float | None]:
    """Return the variation of information in bits.

    ``vi_split`` is the entropy of the prediction given the truth (objects were split), ``vi_merge`` that of
    the truth given the prediction (objects were merged), ``vi`` their sum.
    """
    there = table.truth != 0
    voxels = table.voxels[there].astype(np.float64)
    total = voxels.sum()
    if not total:
        return {"vi_split": None, "vi_merge": None, "vi": None}
    true, predicted = _dense(table.truth[there]), _dense(table.prediction[there])
    share_of_true = voxels / np.bincount(true, voxels)[true]
    share_of_predicted = voxels / np.bincount(predicted, voxels)[predicted]
    # Rounding must not give -0.0 or -1e-17 for a perfect result.
    split = max(0.0, float(-(voxels * np.log2(share_of_true)).sum() / total))
    merge = max(0.0, float(-(voxels * np.log2(share_of_predicted)).sum() / total))
    return {"vi_split": split, "vi_merge": merge, "vi": split + merge}


@dataclass(frozen=True)
class Matching:
    """One-to-one pairs of true and predicted objects with an IoU of at least 0.5.

    Attributes
    ----------
    shared, united
        Voxels of the intersection and of the union of each pair.
    true_count, predicted_count
        Number of objects on either side.
    """

    shared: npt.NDArray[np.int64]
    united: npt.NDArray[np.int64]
    true_count: int
    predicted_count: int

    def matched(self, percent: int) -> int:
        """Return how many pairs have an IoU of at least `percent` / 100."""
        return int(np.count_nonzero(self.shared * 100 >= self.united * percent))


def match(table: Contingency) -> Matching:
    """Pair the objects.

    Above an IoU of 0.5 an object has one partner at most; at exactly 0.5 the first one is taken.
    """
    true_ids, true = np.unique(table.truth, return_inverse=True)
    predicted_ids, predicted = np.unique(table.prediction, return_inverse=True)
    true_size = np.zeros(true_ids.size, np.int64)
    predicted_size = np.zeros(predicted_ids.size, np.int64)
    np.add.at(true_size, true, table.voxels)
    np.add.at(predicted_size, predicted, table.voxels)
    united = true_size[true] + predicted_size[predicted] - table.voxels
    good = (table.truth != 0) & (table.prediction != 0) & (2 * table.voxels >= united)
    order = np.flatnonzero(good)
    order = order[np.argsort(-table.voxels[order] / united[order], kind="stable")]
    chosen: list[int] = []
    taken_true: set[int] = set()
    taken_predicted: set[int] = set()
    for pair in order.tolist():
        if int(true[pair]) not in taken_true and int(predicted[pair]) not in taken_predicted:
            taken_true.add(int(true[pair]))
            taken_predicted.add(int(predicted[pair]))
            chosen.append(pair)
    return Matching(
        table.voxels[chosen],
        united[chosen],
        int(np.count_nonzero(true_ids)),
        int(np.count_nonzero(predicted_ids)),
    )


def matching_metrics(matching: Matching) -> dict[str, float | int | None]:
    """Return what the matching says.

    With tp pairs at a threshold, ``f1`` is 2 tp / (objects of both sides), and ``ap`` the mean over the
    thresholds 0.50, 0.55, ... 0.95 of tp / (tp + fp + fn), as StarDist and Cellpose have it. ``pq`` (panoptic
    quality) is the sum of the IoUs of the pairs at 0.5, divided by half the objects of both sides.
    """
    objects = matching.true_count + matching.predicted_count
    at_50, at_75 = matching.matched(50), matching.matched(75)
    ious = matching.shared / matching.united
    accuracies = [
        ratio(matching.matched(percent), objects - matching.matched(percent))
        for percent in THRESHOLDS_PERCENT
    ]
    defined = [accuracy for accuracy in accuracies if accuracy is not None]
    return {
        "f1_50": ratio(2 * at_50, objects),
        "f1_75": ratio(2 * at_75, objects),
        "precision_50": ratio(at_50, matching.predicted_count),
        "recall_50": ratio(at_50, matching.true_count),
        "ap": ratio(sum(defined), len(defined)),
        "pq": ratio(2 * float(ious.sum()), objects),
        "matched_iou": ratio(float(ious.sum()), at_50),
        "objects_truth": matching.true_count,
        "objects_prediction": matching.predicted_count,
        "objects_matched_50": at_50,
    }


def _pairs(sizes: npt.NDArray[np.float64]) -> float:
    """Return twice the number of pairs of voxels within groups of these sizes; floats hold 2^41 voxels."""
    return float(sizes @ sizes - sizes.sum())


def _dense(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    return np.unique(ids, return_inverse=True)[1]

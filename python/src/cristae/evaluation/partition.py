"""Metrics of partitions, from a contingency table: which pairs of voxels are together on both sides.

Conventions. All of them ignore voxels whose true id is 0 ("foreground-restricted"), as scikit-image's
``adapted_rand_error`` does by default and its ``variation_of_information`` with ``ignore_labels=(0,)``. A
predicted 0 is a segment like any other for the Rand index, the adapted Rand error and the variation of
information. For the V scores each voxel of a predicted 0 is a segment of its own, as in the challenges ISBI
2012 and SNEMI3D, whose segmentations had 0 on the borders between neurons.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cristae.evaluation.scores import ratio
from cristae.evaluation.table import Contingency

type Floats = npt.NDArray[np.float64]


def partition_metrics(table: Contingency) -> dict[str, float | None]:
    """Return the Rand index, the adapted Rand error and the variation of information.

    ``rand_index`` is the share of the pairs of voxels that truth and prediction agree about, together in both
    or apart in both; ``rand_error`` is 1 - that (Rand, "Objective criteria for the evaluation of clustering
    methods", 1971). Most pairs are apart in both, so that it is close to 1 for nearly everything.

    ``adapted_rand_error`` is 1 - F1 of the pairs that are together. ``adapted_rand_precision`` is the share
    of the pairs in one predicted segment that are in one true object (low when objects were merged),
    ``adapted_rand_recall`` the share of the pairs in one true object that are in one predicted segment (low
    when objects were split). scikit-image 0.26 returns these two the other way round; the error is the same.

    ``vi``, in bits, is the sum of ``vi_split``, the entropy of the prediction given the truth (objects were
    split), and ``vi_merge``, that of the truth given the prediction (objects were merged) (Meila, "Comparing
    clusterings", 2007).

    Parameters
    ----------
    table
        Of all known voxels.

    Examples
    --------
    >>> one = np.ones(2, np.int64)
    >>> merged = partition_metrics(Contingency(np.array([1, 2]), one, 4 * one))  # 4 + 4 voxels in one segment
    >>> merged["vi_merge"], merged["adapted_rand_recall"], round(merged["rand_index"], 3)
    (1.0, 1.0, 0.429)
    """
    there = _Foreground.of(table)
    both, true, predicted = (_pairs(voxels) for voxels in (there.shared, there.true, there.predicted))
    total = float(there.shared.sum())
    f1 = ratio(2 * both, true + predicted)
    different = ratio(true + predicted - 2 * both, total * (total - 1))
    metrics = {
        "rand_index": None if different is None else 1 - different,
        "rand_error": different,
        "adapted_rand_error": None if f1 is None else 1 - f1,
        "adapted_rand_precision": ratio(both, predicted),
        "adapted_rand_recall": ratio(both, true),
    }
    if not total:
        return {**metrics, "vi_split": None, "vi_merge": None, "vi": None}
    share_of_true = there.shared / there.true[there.true_of]
    share_of_predicted = there.shared / there.predicted[there.predicted_of]
    # Rounding must not give -0.0 or -1e-17 for a perfect result.
    split = max(0.0, float(-(there.shared * np.log2(share_of_true)).sum() / total))
    merge = max(0.0, float(-(there.shared * np.log2(share_of_predicted)).sum() / total))
    return {**metrics, "vi_split": split, "vi_merge": merge, "vi": split + merge}


def v_scores(table: Contingency) -> dict[str, float | None]:
    """Return the foreground-restricted Rand and information scores of the challenge ISBI 2012; 1 is perfect.

    With the true objects T and the predicted segments S, n_ij voxels in both i of S and j of T, and the sizes
    s_i and t_j, where each voxel of a predicted 0 is a segment of size 1:

    - ``v_rand_split`` = sum n_ij^2 / sum t_j^2 (low when objects were split), ``v_rand_merge`` = sum n_ij^2 /
      sum s_i^2 (low when they were merged), and ``v_rand`` = 2 sum n_ij^2 / (sum s_i^2 + sum t_j^2), their
      harmonic mean. Unlike in the adapted Rand error, each voxel makes a pair with itself.
    - ``v_info_split`` = I(S; T) / H(S), ``v_info_merge`` = I(S; T) / H(T) and ``v_info`` = 2 I(S; T) / (H(S)
      + H(T)), with the mutual information I and the entropies H. They are None where there is only one
      segment or object, which has no entropy.

    Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics",
    Frontiers in Neuroanatomy 9, 2015.

    Parameters
    ----------
    table
        Of all known voxels, of those that are not on a border, or of a prediction with thinned borders.

    Examples
    --------
    >>> ids, voxels = np.array([1, 2]), np.array([4, 4])
    >>> right, empty = Contingency(ids, ids, voxels), Contingency(ids, 0 * ids, voxels)
    >>> v_scores(right)["v_info"], v_scores(empty)["v_rand"]
    (1.0, 0.4)
    """
    there = _Foreground.of(table)
    alone = float(there.shared[there.is_empty].sum())
    shared = there.shared[~there.is_empty]
    predicted = there.predicted[~there.is_empty_segment]
    both = float(shared @ shared) + alone
    of_truth, of_prediction = float(there.true @ there.true), float(predicted @ predicted) + alone
    total = float(there.true.sum())
    scores = {
        "v_rand": ratio(2 * both, of_truth + of_prediction),
        "v_rand_split": ratio(both, of_truth),
        "v_rand_merge": ratio(both, of_prediction),
    }
    if not total:
        return {**scores, "v_info": None, "v_info_split": None, "v_info_merge": None}
    entropy_of_the_alone = alone / total * float(np.log2(total))
    in_truth = _entropy(there.true, total)
    in_prediction = _entropy(predicted, total) + entropy_of_the_alone
    mutual = max(0.0, in_truth + in_prediction - _entropy(shared, total) - entropy_of_the_alone)
    return {
        **scores,
        "v_info": _share(2 * mutual, in_truth + in_prediction),
        "v_info_split": _share(mutual, in_prediction),
        "v_info_merge": _share(mutual, in_truth),
    }


@dataclass(frozen=True)
class _Foreground:
    """The pairs of a table whose true id is not 0.

    Attributes
    ----------
    shared, true, predicted
        Voxels of each pair, of each true object and of each predicted segment.
    true_of, predicted_of
        For each pair the places of its object and its segment.
    is_empty, is_empty_segment
        Which pair, and which segment, has the predicted id 0.
    """

    shared: Floats
    true: Floats
    predicted: Floats
    true_of: npt.NDArray[np.intp]
    predicted_of: npt.NDArray[np.intp]
    is_empty: npt.NDArray[np.bool_]
    is_empty_segment: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, table: Contingency) -> "_Foreground":
        there = table.truth != 0
        shared = table.voxels[there].astype(np.float64)
        _, true_of = np.unique(table.truth[there], return_inverse=True)
        segments, predicted_of = np.unique(table.prediction[there], return_inverse=True)
        return cls(
            shared,
            np.bincount(true_of, shared),
            np.bincount(predicted_of, shared),
            true_of,
            predicted_of,
            table.prediction[there] == 0,
            segments == 0,
        )


def _pairs(sizes: Floats) -> float:
    """Return twice the number of pairs of voxels within groups of these sizes; floats hold 2^41 voxels."""
    return float(sizes @ sizes - sizes.sum())


def _entropy(sizes: Floats, total: float) -> float:
    shares = sizes / total
    return max(0.0, -float(shares @ np.log2(shares)))


def _share(part: float, whole: float) -> float | None:
    """Return part / whole; a whole of nothing but rounding has no share."""
    return min(1.0, part / whole) if whole > 1e-12 else None

"""What an evaluation returns."""

from collections.abc import Mapping, Sequence
from typing import Any


class Scores(dict[str, Any]):
    """Metrics by name, ready for JSON: numbers, or None where a metric is not defined; never NaN.

    Attributes
    ----------
    sentences
        What was read and counted, for people.
    class_names
        Names of the classes by their key in ``scores["classes"]``.

    Examples
    --------
    >>> Scores({"f1_50": 1.0}, ["All 3 sections carry labels."])["f1_50"]
    1.0
    """

    def __init__(
        self,
        metrics: Mapping[str, Any],
        sentences: Sequence[str] = (),
        class_names: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(metrics)
        self.sentences = tuple(sentences)
        self.class_names = dict(class_names or {})


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, or None if there is nothing to be a part of.

    Examples
    --------
    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return float(part / whole) if whole else None


RATIOS = ("iou", "dice", "precision", "recall", "specificity", "accuracy")


def voxel_scores(tp: int, fp: int, fn: int, tn: int) -> dict[str, float | int | None]:
    """Return the voxel metrics of one class or mask; None where a metric is not defined.

    Parameters
    ----------
    tp, fp, fn, tn
        Voxels in both, only in the prediction, only in the truth, in neither.

    Examples
    --------
    >>> voxel_scores(1, 1, 0, 2)["precision"], voxel_scores(0, 0, 0, 4)["iou"]
    (0.5, None)
    """
    return {
        "iou": ratio(tp, tp + fp + fn),
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "voxels_truth": tp + fn,
        "voxels_prediction": tp + fp,
    }


def mean_scores(per_class: Mapping[str, Mapping[str, float | int | None]]) -> dict[str, float | None]:
    """Return the mean of each metric over the classes that have it."""
    mean: dict[str, float | None] = {}
    for name in RATIOS:
        defined = [value for scores in per_class.values() if (value := scores[name]) is not None]
        mean[name] = ratio(sum(defined), len(defined))
    return mean

"""What an evaluation returns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cristae.errors import CristaeError

if TYPE_CHECKING:
    from cristae.evaluation.comparing import Comparison


class Scores(dict[str, Any]):
    """Metrics by name, ready for JSON: numbers, or None where a metric is not defined; never NaN.

    Attributes
    ----------
    sentences
        What was read and counted, for people.
    class_names
        Names of the classes by their key in ``scores["classes"]``.
    comparison
        What was compared, as long as its files are there; None if nobody can look at it any more.

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
        self.comparison: Comparison | None = None


class ReportNotWritten(CristaeError):
    """Reports could not be written; what was computed is here all the same.

    Parameters
    ----------
    sentence
        Which reports, and why.
    scores
        What :func:`cristae.evaluate` would have returned.
    """

    def __init__(self, sentence: str, scores: Scores) -> None:
        super().__init__(sentence)
        self.scores = scores


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, or None if there is nothing to be a part of.

    Examples
    --------
    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return float(part / whole) if whole else None


RATIOS = ("iou", "dice", "precision", "recall", "specificity", "accuracy", "conformity")
"""The voxel metrics of a class that have a mean over the classes."""


def voxel_scores(tp: int, fp: int, fn: int, tn: int) -> dict[str, float | int | None]:
    """Return the voxel metrics of one class or mask; None where a metric is not defined.

    ``conformity`` is 1 - (fp + fn) / tp: 1 is perfect, 0 means as many wrong voxels as right ones, and there
    is no lower end. It spreads out what Dice and IoU press together near 1 (Chang et al., "Performance
    measure characterization for evaluating neuroimage segmentation algorithms", NeuroImage 47, 2009).

    Parameters
    ----------
    tp, fp, fn, tn
        Voxels in both, only in the prediction, only in the truth, in neither.

    Examples
    --------
    >>> voxel_scores(1, 1, 0, 2)["precision"], voxel_scores(0, 0, 0, 4)["iou"]
    (0.5, None)
    >>> voxel_scores(4, 1, 1, 0)["conformity"]
    0.5
    """
    return {
        "iou": ratio(tp, tp + fp + fn),
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "conformity": 1 - (fp + fn) / tp if tp else None,
        "voxels_truth": tp + fn,
        "voxels_prediction": tp + fp,
    }


def mean_scores(
    per_class: Mapping[str, Mapping[str, float | int | None]], names: Sequence[str] = RATIOS
) -> dict[str, float | None]:
    """Return the mean of each metric over the classes that have it.

    Examples
    --------
    >>> mean_scores({"1": {"iou": 0.5}, "2": {"iou": None}, "3": {"iou": 1.0}}, ["iou"])
    {'iou': 0.75}
    """
    mean: dict[str, float | None] = {}
    for name in names:
        defined = [value for scores in per_class.values() if (value := scores[name]) is not None]
        mean[name] = ratio(sum(defined), len(defined))
    return mean

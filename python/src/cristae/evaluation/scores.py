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

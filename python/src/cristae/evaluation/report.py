"""Scores in lines for people."""

from collections.abc import Mapping
from typing import Any

from cristae.evaluation.scores import Scores

_LINES = (
    ("Adapted Rand error", "adapted_rand_error", "0 is perfect"),
    ("Variation of information", "vi", "bits, 0 is perfect"),
    ("  by split objects", "vi_split", "bits"),
    ("  by merged objects", "vi_merge", "bits"),
    ("Objects found, F1 at IoU 0.5", "f1_50", "1 is perfect"),
    ("Objects found, F1 at IoU 0.75", "f1_75", "1 is perfect"),
    ("Average precision, IoU 0.5-0.95", "ap", "1 is perfect"),
    ("Panoptic quality", "pq", "1 is perfect"),
    ("Boundary Dice", "boundary_dice", "1 is perfect"),
)


def report(scores: Mapping[str, Any]) -> list[str]:
    """Return what was counted and the scores, line by line.

    Examples
    --------
    >>> from cristae.evaluation import evaluate_classes
    >>> import numpy as np
    >>> report(evaluate_classes(np.array([[1, 1, 0]]), np.array([[1, 0, 0]])))[-1]
    '3 voxels compared, 0 unknown ones left out.'
    """
    lines = list(scores.sentences) if isinstance(scores, Scores) else []
    lines += _classes(scores) if "classes" in scores else _objects(scores)
    lines.append(f"{scores['voxels']:,} voxels compared, {scores['unknown_voxels']:,} unknown ones left out.")
    return lines


def _classes(scores: Mapping[str, Any]) -> list[str]:
    names = scores.class_names if isinstance(scores, Scores) else {}
    titles = {key: f"{key} {names.get(key, '')}".strip() for key in scores["classes"]}
    width = max(map(len, [*titles.values(), "class", "mean"]))
    lines = [f"{'class':<{width}}     IoU    Dice  precision  recall"]
    for title, values in [
        *((titles[key], scores["classes"][key]) for key in titles),
        ("mean", scores["mean"]),
    ]:
        iou, dice, precision, recall = (
            _number(values[name]) for name in ("iou", "dice", "precision", "recall")
        )
        lines.append(f"{title:<{width}}  {iou:>6}  {dice:>6}  {precision:>9}  {recall:>6}")
    return lines


def _objects(scores: Mapping[str, Any]) -> list[str]:
    lines = [f"{title:<32} {_number(scores[name]):>6}  ({meaning})" for title, name, meaning in _LINES]
    lines.append(
        f"{scores['objects_truth']:,} true objects, {scores['objects_prediction']:,} predicted ones, "
        f"{scores['objects_matched_50']:,} of them match at IoU 0.5."
    )
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

"""Scores in lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from cristae.evaluation.distances import DISTANCES
from cristae.evaluation.scores import Scores

_LINES = (
    ("Adapted Rand error", "adapted_rand_error", "0 is perfect"),
    ("Variation of information", "vi", "bits, 0 is perfect"),
    ("  by split objects", "vi_split", "bits"),
    ("  by merged objects", "vi_merge", "bits"),
    ("Pairs of voxels kept together", "v_rand", "1 is perfect"),
    ("  with thinned borders", "v_rand_thinned", "as in ISBI 2012"),
    ("Objects found, F1 at IoU 0.5", "f1_50", "1 is perfect"),
    ("Objects found, F1 at IoU 0.75", "f1_75", "1 is perfect"),
    ("Average precision, IoU 0.5-0.95", "ap", "1 is perfect"),
    ("Panoptic quality", "pq", "1 is perfect"),
    ("  by segmentation", "sq", "mean IoU of the matches"),
    ("  by recognition", "rq", "F1 at IoU 0.5"),
    ("Aggregated Jaccard index", "aji", "1 is perfect"),
    ("Boundary Dice", "boundary_dice", "1 is perfect"),
)
_OF_SEVERAL = ("adapted_rand_error", "vi", "f1_50", "ap", "pq", "aji")
_OF_CLASSES = ("iou", "dice", "precision", "recall")


def report(scores: Mapping[str, Any]) -> list[str]:
    """Return what was counted and the scores, line by line.

    Parameters
    ----------
    scores
        Of one prediction, of several, or of pairs.

    Examples
    --------
    >>> from cristae.evaluation import evaluate_classes
    >>> import numpy as np
    >>> report(evaluate_classes(np.array([[1, 1, 0]]), np.array([[1, 0, 0]])))[-1]
    '3 voxels compared, 0 unknown ones left out.'
    """
    lines = list(scores.sentences) if isinstance(scores, Scores) else []
    if "pairs" in scores:
        return lines + _pairs(scores)
    if "predictions" in scores:
        return lines + _several(scores["predictions"])
    lines += _classes(scores) if "classes" in scores else _objects(scores)
    lines += _distances(scores) + _thresholds(scores)
    voxels, unknown = scores["voxels"], scores["unknown_voxels"]
    compared = f"{voxels:,} voxel{'' if voxels == 1 else 's'} compared"
    lines.append(f"{compared}, {unknown:,} unknown one{'' if unknown == 1 else 's'} left out.")
    return lines


def _pairs(scores: Mapping[str, Any]) -> list[str]:
    names, lines = scores["names"], []
    for metric, matrix in scores["pairs"].items():
        lines.append(f"{metric} (each row is scored as if the column were right)")
        lines += _aligned(["", *names], [[name, *row] for name, row in zip(names, matrix, strict=True)])
    return lines


def _several(predictions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows: list[list[Any]] = []
    for name, scores in predictions.items():
        if "classes" not in scores:
            rows.append([name, *(scores[metric] for metric in _OF_SEVERAL)])
            continue
        names = scores.class_names if isinstance(scores, Scores) else {}
        for key, metrics in [*scores["classes"].items(), ("mean", scores["mean"])]:
            title = f"{key} {names.get(key, '')}".strip()
            rows.append([name, title, *(metrics[metric] for metric in _OF_CLASSES)])
    objects = all("classes" not in scores for scores in predictions.values())
    header = ["prediction", *_OF_SEVERAL] if objects else ["prediction", "class", *_OF_CLASSES]
    return _aligned(header, rows)


def _aligned(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return lines with aligned columns: words to the left, numbers to the right."""
    cells = [[value if isinstance(value, str) else _number(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    are_words = [isinstance(value, str) for value in (rows[0] if rows else header)]
    return [
        "  ".join(
            text.ljust(width) if words else text.rjust(width)
            for text, width, words in zip(row, widths, are_words, strict=True)
        ).rstrip()
        for row in [header, *cells]
    ]


def _distances(scores: Mapping[str, Any]) -> list[str]:
    if "boundary_tolerance_nm" not in scores:
        return []
    names = scores.class_names if isinstance(scores, Scores) else {}
    rows = [
        [f"{key} {names.get(key, '')}".strip(), *(metrics[name] for name in DISTANCES)]
        for key, metrics in [*scores["classes"].items(), ("mean", scores["mean"])]
    ]
    return _aligned(["class", "Hausdorff nm", "95 % nm", "mean nm", "boundary F1"], rows)


def _thresholds(scores: Mapping[str, Any]) -> list[str]:
    names = scores.class_names if isinstance(scores, Scores) else {}
    return [
        f"{f'{key} {names.get(key, "")}'.strip()}: best at the threshold {curve['best_threshold']:.2f}, with "
        f"IoU {_number(curve['best_iou'])} and Dice {_number(curve['best_dice'])}; the others are at 0.5."
        for key, curve in scores.get("curves", {}).items()
        if curve["best_threshold"] is not None
    ]


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
    true = scores["objects_truth"]
    lines.append(
        f"{true:,} true object{'' if true == 1 else 's'}, {scores['objects_prediction']:,} predicted, "
        f"{scores['objects_matched_50']:,} of them match at IoU 0.5."
    )
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

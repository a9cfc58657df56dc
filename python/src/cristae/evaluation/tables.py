"""Scores as the rows of a table: what CSV files and pages are made of."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from cristae.evaluation.objects import THRESHOLDS_PERCENT
from cristae.evaluation.scores import Scores

type Row = dict[str, str | float | int | None]

PERFECT_AT_ONE = frozenset(
    (
        *("iou", "dice", "precision", "recall", "specificity", "accuracy", "boundary_f1"),
        *("best_iou", "best_dice"),
        *("f1_50", "f1_75", "precision_50", "recall_50", "ap", "pq", "sq", "rq", "aji", "matched_iou"),
        *("rand_index", "adapted_rand_precision", "adapted_rand_recall", "adapted_rand_f1", "boundary_dice"),
        *("v_rand", "v_rand_split", "v_rand_merge", "v_rand_without_borders", "v_rand_thinned"),
        *("v_info", "v_info_split", "v_info_merge", "v_info_without_borders", "v_info_thinned"),
        *(f"ap_{percent / 100:.2f}" for percent in THRESHOLDS_PERCENT),
    )
)
"""The metrics between 0 and 1 of which 1 is the best."""


def score_rows(predictions: Mapping[str, Scores]) -> list[Row]:
    """Return a row for each class of each prediction and its mean, or for each prediction of objects.

    Examples
    --------
    >>> scores = Scores({"f1_50": 1.0, "ap_by_threshold": {"0.50": 0.5}})
    >>> score_rows({"found.tif": scores})
    [{'prediction': 'found.tif', 'f1_50': 1.0, 'ap_0.50': 0.5}]
    """
    rows: list[Row] = []
    for name, scores in predictions.items():
        if "classes" not in scores:
            rows.append({"prediction": name, **_flat(scores)})
            continue
        for key, metrics in scores["classes"].items():
            row: Row = {"prediction": name, "class": key, "name": scores.class_names.get(key, "")}
            curve = scores.get("curves", {}).get(key, {})
            rows.append(row | metrics | {best: curve[best] for best in curve if best.startswith("best_")})
        rows.append({"prediction": name, "class": "mean", "name": "", **scores["mean"]})
    return rows


def pair_rows(result: Mapping[str, Any]) -> list[Row]:
    """Return a row for each pair of images.

    Examples
    --------
    >>> pair_rows({"names": ["a", "b"], "pairs": {"iou": [[1.0, 0.5], [0.5, 1.0]]}})[1]
    {'prediction': 'a', 'truth': 'b', 'iou': 0.5}
    """
    return [
        {"prediction": one, "truth": other}
        | {metric: matrix[row][column] for metric, matrix in result["pairs"].items()}
        for row, one in enumerate(result["names"])
        for column, other in enumerate(result["names"])
    ]


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return the names of all columns in the order in which they come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as comma-separated values; what is not defined is empty.

    Examples
    --------
    >>> print(as_csv([{"prediction": "a", "iou": 0.5}, {"prediction": "b", "iou": None}]), end="")
    prediction,iou
    a,0.5
    b,
    """
    text = io.StringIO()
    lines = csv.DictWriter(text, columns_of(rows), lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return text.getvalue()


def _flat(scores: Mapping[str, Any]) -> Row:
    row: Row = {}
    for name, value in scores.items():
        if isinstance(value, Mapping):
            row |= {f"{name.removesuffix('_by_threshold')}_{key}": one for key, one in value.items()}
        else:
            row[name] = value
    return row

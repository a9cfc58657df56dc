"""Several predictions against one truth, and several images against each other."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.evaluation.inputs import PREDICTION, TRUTH
from cristae.evaluation.scores import Scores
from cristae.geometry import Box
from cristae.labels import about_image, as_integers, check_same_shape, signed
from cristae.volumes import Image

type Compare = Callable[[Image, Image], Scores]
"""Scores a prediction against a truth."""


def evaluate_several(predictions: Mapping[str, Image], truth: Image, compare: Compare) -> Scores:
    """Compare several predictions with one truth.

    Parameters
    ----------
    predictions
        By name.
    truth
        Of the same shape.
    compare
        Scores one of them, such as :func:`cristae.evaluation.evaluate_classes`.

    Returns
    -------
    Scores
        ``{"predictions": {name: scores}}``.

    Examples
    --------
    >>> from cristae.evaluation import evaluate_classes
    >>> from cristae.volumes import ArrayImage
    >>> images = [ArrayImage(np.array([row], np.uint8)) for row in ([0, 1, 1], [0, 0, 1], [0, 1, 1])]
    >>> scores = evaluate_several({"one": images[0], "two": images[1]}, images[2], evaluate_classes)
    >>> [scores["predictions"][name]["mean"]["iou"] for name in ("one", "two")]
    [1.0, 0.5]
    """
    _check_shapes(predictions, truth)
    scores = {}
    for number, (name, prediction) in enumerate(predictions.items(), 1):
        with about_image(number, len(predictions), name):
            scores[name] = compare(prediction, truth)
    sentences = dict.fromkeys(sentence for one in scores.values() for sentence in one.sentences)
    return Scores({"predictions": scores}, list(sentences))


def evaluate_pairs(images: Mapping[str, Image], compare: Compare, *, unknown: int | None = None) -> Scores:
    """Compare every image with every other one and with itself, such as the labels of several annotators.

    Parameters
    ----------
    images
        By name, of the same shape.
    compare
        Scores one as prediction against another one as truth.
    unknown
        The value of unknown voxels: what is unknown in one of two images does not count for the two.

    Returns
    -------
    Scores
        ``{"names": [...], "pairs": {metric: [[...]]}}``, where ``pairs[metric][i][j]`` has the image i as the
        prediction and j as the truth. The metrics of classes and masks are the means "iou" and "dice"; those
        of objects are "adapted_rand_f1", which is 1 - the adapted Rand error, and "f1_50".

    Examples
    --------
    >>> from cristae.evaluation import evaluate_classes
    >>> from cristae.volumes import ArrayImage
    >>> images = {str(row): ArrayImage(np.array([row], np.uint8)) for row in ([0, 1], [1, 1])}
    >>> evaluate_pairs(images, evaluate_classes)["pairs"]["iou"]
    [[1.0, 0.5], [0.5, 1.0]]
    """
    names = list(images)
    _check_shapes(images, images[names[0]])
    pairs: dict[str, list[list[float | None]]] = {}
    for one, prediction in images.items():
        rows: dict[str, list[float | None]] = {}
        for truth in images.values():
            found, right = prediction, truth
            if unknown is not None:
                found, right = UnknownAsZero(prediction, unknown), KnownInBoth(truth, prediction, unknown)
            with about_image(names.index(one) + 1, len(names), one):
                scores = compare(found, right)
            for metric, value in agreement(scores).items():
                rows.setdefault(metric, []).append(value)
        for metric, row in rows.items():
            pairs.setdefault(metric, []).append(row)
    return Scores({"names": names, "pairs": pairs})


def _check_shapes(images: Mapping[str, Image], truth: Image) -> None:
    """Refuse another size before the first of many is compared."""
    size = (1, *truth.shape_czyx[1:])
    for number, (name, image) in enumerate(images.items(), 1):
        with about_image(number, len(images), name):
            check_same_shape((1, *image.shape_czyx[1:]), size, labels=PREDICTION, image="truth")


def agreement(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the few metrics that say how far two images agree; 1 is perfect.

    Examples
    --------
    >>> agreement({"adapted_rand_error": 0.25, "f1_50": None})
    {'adapted_rand_f1': 0.75, 'f1_50': None}
    """
    if "mean" in scores:
        return {name: scores["mean"][name] for name in ("iou", "dice")}
    error = scores["adapted_rand_error"]
    return {"adapted_rand_f1": None if error is None else 1 - error, "f1_50": scores["f1_50"]}


def short_names(paths: Sequence[str]) -> list[str]:
    """Return the names of files without their folders, but for those whose names are the same.

    These are told by as many of the folders as tell them apart.

    Examples
    --------
    >>> short_names(["one/mito.tif", "two/mito.tif", "two/truth.tif"])
    ['one/mito.tif', 'two/mito.tif', 'truth.tif']
    """
    parts = [PurePath(path).parts for path in paths]

    def name(number: int, length: int) -> str:
        return "/".join(part.strip("/\\") for part in parts[number][-length:])

    lengths = [1] * len(parts)
    for _ in range(max(map(len, parts), default=0)):
        found = Counter(name(number, length) for number, length in enumerate(lengths))
        lengths = [
            length + (found[name(number, length)] > 1 and length < len(parts[number]))
            for number, length in enumerate(lengths)
        ]
    return [name(number, length) for number, length in enumerate(lengths)]


def distinct(names: Sequence[str]) -> list[str]:
    """Return names of which no two are the same, by numbers behind those that come again.

    Examples
    --------
    >>> distinct(["a.tif", "b.tif", "a.tif"])
    ['a.tif', 'b.tif', 'a.tif (2)']
    """
    chosen: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in chosen:
            number += 1
            candidate = f"{name} ({number})"
        chosen.append(candidate)
    return chosen


class KnownInBoth:
    """Labels that are unknown wherever other labels are, too.

    Parameters
    ----------
    labels, other
        Of the same shape.
    unknown
        The value of unknown voxels in both.
    """

    def __init__(self, labels: Image, other: Image, unknown: int) -> None:
        self._labels, self._other, self._unknown = labels, other, unknown
        self.shape_czyx = labels.shape_czyx
        promoted = np.promote_types(labels.dtype, other.dtype)
        # A floating-point type, such as uint64 and int64 have in common, would melt large ids together.
        self.dtype: np.dtype[Any] = np.dtype(np.int64) if promoted.kind == "f" else promoted
        self.voxel_size = labels.voxel_size
        self.name = labels.name
        self.notes = labels.notes

    def read(self, box_zyx: Box) -> npt.NDArray[Any]:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        voxels = self._labels.read(box_zyx)
        if self.dtype == np.int64:
            voxels = signed(as_integers(voxels, TRUTH, may_be_unknown=True), TRUTH)
        voxels = voxels.astype(self.dtype, copy=False)
        elsewhere = self._other.read(box_zyx) == self._unknown
        if elsewhere.any():  # else the type may have no room for the value
            voxels[elsewhere] = self._unknown
        return voxels


class UnknownAsZero:
    """Labels as a prediction, which says nothing of what is unknown: 0 there.

    Parameters
    ----------
    labels
        With unknown voxels.
    unknown
        Their value.
    """

    def __init__(self, labels: Image, unknown: int) -> None:
        self._labels, self._unknown = labels, unknown
        self.shape_czyx = labels.shape_czyx
        self.dtype = labels.dtype
        self.voxel_size = labels.voxel_size
        self.name = labels.name
        self.notes = labels.notes

    def read(self, box_zyx: Box) -> npt.NDArray[Any]:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        voxels = self._labels.read(box_zyx)
        voxels[voxels == self._unknown] = 0
        return voxels

"""Probabilities against the truth: IoU and Dice of each class over the thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.evaluation.comparing import Compared, Comparison
from cristae.evaluation.inputs import TRUTH, as_image, check_pair
from cristae.evaluation.masks import check_masks, counted_sections
from cristae.evaluation.per_class import class_scores
from cristae.evaluation.scores import Scores, ratio, voxel_scores
from cristae.geometry import Box
from cristae.labels import (
    UNKNOWN,
    as_integers,
    check_mask_values,
    check_same_shape,
    mask_classes,
    read_labels,
    slabs,
)
from cristae.labels.reading import EmptySections
from cristae.labels.scan import SLAB_VOXELS
from cristae.volumes import Image, LabelClass, VoxelSize

PROBABILITIES = "predicted probabilities"
THRESHOLDS_PERCENT = tuple(range(5, 100, 5))
HALF = 128
"""The smallest byte that is at least half of 255."""


def evaluate_probabilities(
    prediction: Image | npt.NDArray[Any],
    truth: Image | npt.NDArray[Any],
    *,
    masks: bool = False,
    classes: Sequence[LabelClass] = (),
    unknown: int | None = None,
    empty_sections: EmptySections = "background",
    z: tuple[int, int] | None = None,
    distances: bool = False,
    voxel_size: VoxelSize | None = None,
) -> Scores:
    """Compare predicted probabilities with true classes or masks.

    At the threshold t a voxel belongs to a class if its probability is at least t, whatever those of other
    classes are. The curve of a class has its IoU (Jaccard index) and Dice at t = 0.05, 0.10, ... 0.95,
    counted exactly in one pass; the best threshold is the one with the largest IoU, of equal ones the
    smallest. The other metrics are those at 0.5, as :func:`~cristae.evaluation.evaluate_masks` has them.

    Parameters
    ----------
    prediction
        An image or array of 8 bit, 0 to 255, as a prediction of probabilities writes it. For classes the
        channel 0 is the background and the channel k the class k, (c, z, y, x); a single channel is the
        class 1. For masks the channel k is the mask k + 1.
    truth
        For classes a label image, for masks a channel for each.
    masks
        Whether the truth holds masks.
    classes, unknown, empty_sections, z
        As for :func:`~cristae.evaluation.evaluate_classes`.
    distances, voxel_size
        As there, at the threshold 0.5.

    Returns
    -------
    Scores
        ``{"classes": {"1": {...}}, "mean": {...}, "voxels", "unknown_voxels", "curves": {"1": {"threshold":
        [...], "iou": [...], "dice": [...], "best_threshold", "best_iou", "best_dice"}}}``.

    Raises
    ------
    InvalidInput
        The probabilities are not of 8 bit, or the two do not fit each other.

    Examples
    --------
    >>> guess, truth = np.array([[0, 100, 150, 250]], np.uint8), np.array([[0, 0, 0, 1]])
    >>> scores = evaluate_probabilities(guess, truth)
    >>> curve = scores["curves"]["1"]
    >>> scores["classes"]["1"]["iou"], curve["best_threshold"], curve["best_iou"]
    (0.5, 0.6, 1.0)
    """
    prediction, truth = as_image(prediction), as_image(truth)
    z = check_probabilities(prediction, truth, z, masks=masks)
    choices = (classes, unknown, empty_sections, z)
    known_truth = (
        _true_masks(prediction, truth, *choices) if masks else _true_classes(prediction, truth, *choices)
    )
    count = len(known_truth.channels)
    _, depth, height, width = truth.shape_czyx
    size = (depth, height, width)
    histograms, voxels = np.zeros((count, 2, 256), np.int64), 0
    for box in slabs(size, known_truth.z, SLAB_VOXELS // count):
        inside, known = known_truth.read(box)
        voxels += known.size
        for histogram, probabilities, truly in zip(
            histograms, prediction.read(box)[known_truth.channels], inside, strict=True
        ):
            values = probabilities[known] | truly[known].astype(np.uint16) << 8
            histogram += np.bincount(values, minlength=512).reshape(2, 256)

    numbers = np.array([entry.value for entry in known_truth.classes], np.uint16).reshape(-1, 1, 1, 1)

    def read(box: Box) -> Compared:
        inside, known = known_truth.read(box)
        likely = prediction.read(box)[known_truth.channels] >= HALF
        return Compared(inside * numbers, likely * numbers, known)

    total = int(histograms[0].sum())
    scores = class_scores(
        {
            str(entry.value): voxel_scores(*_counts(histogram, HALF))
            for entry, histogram in zip(known_truth.classes, histograms, strict=True)
        },
        {"voxels": total, "unknown_voxels": voxels - total},
        Comparison(size, known_truth.z, count, known_truth.classes, read),
        known_truth.sentences,
        distances=distances,
        voxel_size=voxel_size or truth.voxel_size or prediction.voxel_size,
    )
    scores["curves"] = {
        str(entry.value): jaccard_curve(histogram)
        for entry, histogram in zip(known_truth.classes, histograms, strict=True)
    }
    return scores


def jaccard_curve(histogram: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return IoU and Dice over the thresholds, and the best one.

    Parameters
    ----------
    histogram
        How often each probability 0...255 occurs outside and inside of the true class, (2, 256).

    Examples
    --------
    >>> histogram = np.zeros((2, 256), np.int64)
    >>> histogram[1, 255], histogram[0, 51] = 3, 1
    >>> curve = jaccard_curve(histogram)
    >>> curve["iou"][:5], curve["best_threshold"]
    ([0.75, 0.75, 0.75, 0.75, 1.0], 0.25)
    """
    ious, dices = [], []
    for percent in THRESHOLDS_PERCENT:
        tp, fp, fn, _ = _counts(histogram, -(-255 * percent // 100))
        ious.append(ratio(tp, tp + fp + fn))
        dices.append(ratio(2 * tp, 2 * tp + fp + fn))
    thresholds = [percent / 100 for percent in THRESHOLDS_PERCENT]
    # Where the class is nowhere, a high threshold has no IoU: nothing was predicted either.
    best = max(range(len(ious)), key=lambda place: -1.0 if (iou := ious[place]) is None else iou)
    there = ious[best] is not None
    return {
        "threshold": thresholds,
        "iou": ious,
        "dice": dices,
        "best_threshold": thresholds[best] if there else None,
        "best_iou": ious[best],
        "best_dice": dices[best],
    }


def _counts(histogram: npt.NDArray[np.int64], least: int) -> tuple[int, int, int, int]:
    """Return tp, fp, fn and tn if the probabilities from `least` on are inside."""
    (tn, fn), (fp, tp) = histogram[:, :least].sum(axis=1).tolist(), histogram[:, least:].sum(axis=1).tolist()
    return tp, fp, fn, tn


@dataclass(frozen=True)
class _Truth:
    """Where the true classes or masks are.

    Attributes
    ----------
    classes
        Their table.
    channels
        The channels of the prediction that they are in, in this order.
    z
        The sections, half-open.
    sentences
        What was read.
    read
        Returns for a box where each of them is, (n, z, y, x), and which voxels are known, (z, y, x).
    """

    classes: Sequence[LabelClass]
    channels: list[int]
    z: tuple[int, int]
    sentences: Sequence[str]
    read: Callable[[Box], tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]


def check_probabilities(
    prediction: Image, truth: Image, z: tuple[int, int] | None, *, masks: bool
) -> tuple[int, int]:
    """Return the sections to compare, refusing images that do not fit each other, without reading a voxel."""
    if prediction.dtype != np.uint8:
        raise InvalidInput(
            f"The {PROBABILITIES} are of type {prediction.dtype}; give an 8-bit image, 0 to 255, as a "
            "prediction of probabilities writes it."
        )
    if masks:
        return check_masks(prediction, truth, z, PROBABILITIES)
    size = prediction.shape_czyx[1:]
    check_same_shape((1, *size), (1, *truth.shape_czyx[1:]), labels=PROBABILITIES, image="truth")
    return check_pair(truth, truth, z)


def _true_classes(
    prediction: Image,
    truth: Image,
    classes: Sequence[LabelClass],
    unknown: int | None,
    empty_sections: EmptySections,
    z: tuple[int, int],
) -> _Truth:
    channels = prediction.shape_czyx[0]
    reading = read_labels(
        truth,
        truth.shape_czyx,
        unknown=unknown,
        empty_sections=empty_sections,
        classes=classes,
        purpose="evaluation",
        z=z,
        what=TRUTH,
    )
    most = max(channels - 1, 1)
    missing = [n for n, voxels in reading.voxel_counts.items() if n > most and voxels]
    if missing:
        has = "one channel, for the class 1" if channels == 1 else f"channels for the classes 1 to {most}"
        raise InvalidInput(
            f"The {TRUTH} have the class {missing[0]}, but the {PROBABILITIES} have {has}. Give "
            "probabilities with a channel for the background and one for each class."
        )
    table = {entry.value: entry for entry in reading.classes}
    named = [table.get(number) or LabelClass(number, f"class {number}") for number in range(1, most + 1)]
    numbers = np.arange(1, most + 1, dtype=np.uint8).reshape(-1, 1, 1, 1)

    def read(box: Box) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        targets = reading.to_classes(as_integers(truth.read(box)[0], TRUTH), box.start[0])
        return targets[None] == numbers, targets != UNKNOWN

    return _Truth(
        named,
        [0] if channels == 1 else list(range(1, channels)),
        z,
        [*reading.sentences, *reading.warnings],
        read,
    )


def _true_masks(
    prediction: Image,
    truth: Image,
    classes: Sequence[LabelClass],
    unknown: int | None,
    empty_sections: EmptySections,
    z: tuple[int, int],
) -> _Truth:
    masks, (start, stop) = truth.shape_czyx[0], z
    seen: list[set[int]] = [set() for _ in range(masks)]
    labelled = np.zeros((stop - start, 1), np.int64)
    for box in slabs(truth.shape_czyx[1:], (start, stop), SLAB_VOXELS // masks):
        true = truth.read(box)
        check_mask_values(seen, true, unknown, TRUTH)
        true[:, _unknown(true, unknown)] = 0
        labelled[box.start[0] - start : box.stop[0] - start, 0] += (true != 0).any(axis=0).sum(axis=(1, 2))
    sentences, counted = counted_sections(labelled, empty_sections)

    def read(box: Box) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        true = truth.read(box)
        counts = counted[box.start[0] - start : box.stop[0] - start, None, None]
        return np.asarray(true != 0), counts & ~_unknown(true, unknown)

    return _Truth(mask_classes(classes, masks, TRUTH), list(range(masks)), (start, stop), sentences, read)


def _unknown(masks: npt.NDArray[Any], unknown: int | None) -> npt.NDArray[np.bool_]:
    """Tell which voxels (z, y, x) of masks (c, z, y, x) are unknown: those with the value in any channel."""
    return np.zeros(masks.shape[1:], bool) if unknown is None else np.asarray((masks == unknown).any(axis=0))

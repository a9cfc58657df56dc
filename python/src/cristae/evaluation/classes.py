"""Voxel metrics of classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.evaluation.comparing import Compared, Comparison
from cristae.evaluation.inputs import PREDICTION, TRUTH, as_image, check_pair
from cristae.evaluation.per_class import class_scores
from cristae.evaluation.scores import Scores, ratio, voxel_scores
from cristae.geometry import Box
from cristae.labels import UNKNOWN, LabelReading, as_integers, number_classes, read_labels, scan_values
from cristae.labels.reading import MOST_VALUES, EmptySections
from cristae.volumes import Image, LabelClass, VoxelSize


def evaluate_classes(
    prediction: Image | npt.NDArray[Any],
    truth: Image | npt.NDArray[Any],
    *,
    classes: Sequence[LabelClass] = (),
    unknown: int | None = None,
    empty_sections: EmptySections = "background",
    background: int | None = None,
    z: tuple[int, int] | None = None,
    distances: bool = False,
    voxel_size: VoxelSize | None = None,
) -> Scores:
    """Compare predicted classes with true ones, voxel by voxel.

    With the voxels of a class in both (tp), only in the prediction (fp), only in the truth (fn) and in
    neither (tn), the metrics are

    - iou: tp / (tp + fp + fn), and dice: 2 tp / (2 tp + fp + fn);
    - precision: tp / (tp + fp), and recall: tp / (tp + fn);
    - specificity: tn / (tn + fp), and accuracy: (tp + tn) / all;
    - conformity: 1 - (fp + fn) / tp.

    F1 is another name of Dice, and Jaccard index of IoU. A class that is in neither image has no IoU, Dice,
    precision and recall: they are None. The mean of a metric is over the classes that have it; background is
    not one of them.

    Parameters
    ----------
    prediction, truth
        Label images or arrays (z, y, x) or (y, x), of the same shape; a 0/255 mask is the class 1.
    classes
        The class table of the truth, if values need one.
    unknown
        The value of unknown voxels in the truth; they count nowhere.
    empty_sections
        "background": every section counts. "unknown": sections without any true label do not, if others
        have some.
    background
        The value drawn as background in the truth (strokes).
    z
        Only these sections, half-open.
    distances
        Also compare surfaces, see :func:`cristae.evaluation.distances.surface_distances`; that takes longer.
    voxel_size
        Default: that of the truth, else of the prediction.

    Returns
    -------
    Scores
        ``{"classes": {"1": {"iou", "dice", ...}}, "mean": {"iou", ...}, "accuracy", "voxels",
        "unknown_voxels"}``, with distances also ``"boundary_tolerance_nm"``.

    Raises
    ------
    InvalidInput
        If the two do not fit each other, or their values have no clear meaning.

    Examples
    --------
    >>> scores = evaluate_classes(np.array([[0, 1, 1, 1]]), np.array([[0, 0, 255, 255]]))
    >>> scores["classes"]["1"]["dice"], scores["classes"]["1"]["precision"]
    (0.8, 0.6666666666666666)
    """
    prediction, truth = as_image(prediction), as_image(truth)
    z = check_pair(prediction, truth, z)
    reading = read_labels(
        truth,
        truth.shape_czyx,
        unknown=unknown,
        empty_sections=empty_sections,
        classes=classes,
        background=background,
        purpose="evaluation",
        z=z,
        what=TRUTH,
    )
    class_of_value, warnings = _predicted_classes(prediction, reading, z)
    comparison = _comparison(prediction, truth, z, reading, class_of_value)
    table = _count(comparison)
    ground = int(table[:UNKNOWN, 0].sum())
    if ground and 0 not in reading.class_of_value.values():
        warnings.append(
            f"The {PREDICTION} are 0 (background) in {ground:,} known voxels, but no class of the {TRUTH} is "
            "the background. If one of them was drawn as background, name it as a class: 1=background,2=..."
        )
    total = int(table[:UNKNOWN].sum())
    return class_scores(
        _per_class(table, reading),
        {
            "accuracy": ratio(int(np.trace(table[:UNKNOWN, :UNKNOWN])), total),
            "voxels": total,
            "unknown_voxels": int(table[UNKNOWN].sum()),
        },
        comparison,
        [*reading.sentences, *reading.warnings, *warnings],
        distances=distances,
        voxel_size=voxel_size or truth.voxel_size or prediction.voxel_size,
    )


def _predicted_classes(
    prediction: Image, reading: LabelReading, z: tuple[int, int]
) -> tuple[Mapping[int, int], list[str]]:
    """Return the class of each predicted value: Cristae's numbers, else the truth's, else by the rules."""
    values = scan_values(
        prediction, unknown=None, z=z, most_values=MOST_VALUES, what=PREDICTION, may_be_unknown=False
    ).values.tolist()
    warnings = []
    background = {0: 0}
    unknown = reading.unknown_value
    if unknown is not None and unknown in values and len(values) > 1:
        values.remove(unknown)
        background[unknown] = 0
        warnings.append(
            f"The {PREDICTION} carry the unknown value {unknown} too: counted as background there."
        )
    if all(1 <= value <= len(reading.classes) for value in values):
        return background | {value: value for value in values}, warnings
    if all(value in reading.class_of_value for value in values):
        return background | {value: reading.class_of_value[value] for value in values}, warnings
    numbering = number_classes(values, what=PREDICTION, may_be_unknown=False)
    warnings += [f"{sentence} (In the {PREDICTION}.)" for sentence in numbering.sentences]
    return background | dict(numbering.class_of_value), warnings


def _comparison(
    prediction: Image,
    truth: Image,
    z: tuple[int, int],
    reading: LabelReading,
    class_of_value: Mapping[int, int],
) -> Comparison:
    values = np.array(sorted(class_of_value), np.int64)
    numbers = np.array([class_of_value[value] for value in values.tolist()], np.uint8)

    def read(box: Box) -> Compared:
        predicted = as_integers(prediction.read(box)[0], PREDICTION)
        targets = reading.to_classes(as_integers(truth.read(box)[0], TRUTH), box.start[0])
        known = targets != UNKNOWN
        targets[~known] = 0
        return Compared(targets[None], numbers[np.searchsorted(values, predicted)][None], known)

    _, depth, height, width = truth.shape_czyx
    return Comparison((depth, height, width), z, 1, reading.classes, read)


def _count(comparison: Comparison) -> npt.NDArray[np.int64]:
    """Return voxels by true class (0-255, 255 being unknown) and predicted class."""
    table = np.zeros((256, 256), np.int64)
    for compared, _, _ in comparison.parts():
        targets = np.where(compared.known, compared.truth[0], UNKNOWN).astype(np.uint16)
        pairs = targets << 8 | compared.prediction[0].astype(np.uint16)
        table += np.bincount(pairs.reshape(-1), minlength=1 << 16).reshape(256, 256)
    return table


def _per_class(
    table: npt.NDArray[np.int64], reading: LabelReading
) -> dict[str, dict[str, float | int | None]]:
    known = table[:UNKNOWN]
    total = int(known.sum())
    in_truth, in_prediction = known.sum(axis=1), known.sum(axis=0)
    present = [number for number in range(1, UNKNOWN) if in_truth[number] or in_prediction[number]]
    per_class: dict[str, dict[str, float | int | None]] = {}
    for number in sorted({*present, *(n for n, c in reading.voxel_counts.items() if n and c)}):
        tp = int(known[number, number])
        fp, fn = int(in_prediction[number]) - tp, int(in_truth[number]) - tp
        per_class[str(number)] = voxel_scores(tp, fp, fn, total - tp - fp - fn)
    return per_class

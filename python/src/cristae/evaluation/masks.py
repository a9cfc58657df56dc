"""Voxel metrics of masks, which may overlap: each mask is scored by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.evaluation.comparing import Compared, Comparison
from cristae.evaluation.inputs import PREDICTION, TRUTH, as_image
from cristae.evaluation.per_class import class_scores
from cristae.evaluation.scores import Scores, voxel_scores
from cristae.geometry import Box
from cristae.labels import check_mask_values, check_range, mask_classes, slabs
from cristae.labels.reading import EmptySections
from cristae.labels.scan import SLAB_VOXELS
from cristae.volumes import Image, LabelClass, VoxelSize

type Voxels = npt.NDArray[np.generic]


def evaluate_masks(
    prediction: Image | npt.NDArray[Any],
    truth: Image | npt.NDArray[Any],
    *,
    classes: Sequence[LabelClass] = (),
    unknown: int | None = None,
    empty_sections: EmptySections = "background",
    z: tuple[int, int] | None = None,
    distances: bool = False,
    voxel_size: VoxelSize | None = None,
) -> Scores:
    """Compare predicted masks with true ones, voxel by voxel and mask by mask.

    The metrics are those of :func:`~cristae.evaluation.evaluate_classes`. Memory does not grow with the
    volume.

    Parameters
    ----------
    prediction, truth
        Images or arrays (c, z, y, x) with a channel for each mask: 0 is outside, any other value inside. An
        array of three axes is one mask.
    classes
        The names of the masks, in the order of the channels.
    unknown
        A voxel with this value in any channel of the truth is unknown, and counts nowhere.
    empty_sections
        "background": every section counts. "unknown": sections without any true mask do not, if others
        have some.
    z
        Only these sections, half-open.
    distances, voxel_size
        As for :func:`~cristae.evaluation.evaluate_classes`.

    Returns
    -------
    Scores
        ``{"classes": {"1": {"iou", "dice", ...}}, "mean": {"iou", ...}, "voxels", "unknown_voxels"}``.

    Raises
    ------
    InvalidInput
        If the two do not fit each other.

    Examples
    --------
    >>> truth = np.array([[[[1, 1, 0, 0]]], [[[0, 1, 1, 0]]]], np.uint8)  # two masks, c, z, y, x
    >>> scores = evaluate_masks(np.roll(truth, 1, axis=3), truth)
    >>> scores["classes"]["1"]["dice"], scores["mean"]["dice"]
    (0.5, 0.5)
    """
    prediction, truth = as_image(prediction), as_image(truth)
    start, stop = check_masks(prediction, truth, z)
    masks, depth, *_ = truth.shape_czyx
    named = mask_classes(classes, masks, TRUTH)
    # Per section, so that empty sections can be left out at the end: voxels in truth and prediction, in both.
    counts = np.zeros((depth, masks, 3), np.int64)
    known_voxels, sizes = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    seen: dict[str, list[set[int]]] = {what: [set() for _ in range(masks)] for what in (TRUTH, PREDICTION)}
    for box in slabs(truth.shape_czyx[1:], (start, stop), SLAB_VOXELS // masks):
        true, predicted = truth.read(box), prediction.read(box)
        check_mask_values(seen[TRUTH], true, unknown, TRUTH)
        check_mask_values(seen[PREDICTION], predicted, None, PREDICTION, may_be_unknown=False)
        known = np.ones(box.shape, bool) if unknown is None else (true != unknown).all(axis=0)
        true, predicted = true != 0, predicted != 0
        for index, section in enumerate(range(box.start[0], box.stop[0])):
            sizes[section] += known[index].size
            known_voxels[section] += np.count_nonzero(known[index])
            for mask in range(masks):
                ours, theirs = predicted[mask, index] & known[index], true[mask, index] & known[index]
                counts[section, mask] += [
                    np.count_nonzero(theirs),
                    np.count_nonzero(ours),
                    np.count_nonzero(ours & theirs),
                ]
    sentences, counted = counted_sections(counts[start:stop, :, 0], empty_sections)
    sums, total = counts[start:stop][counted].sum(axis=0), int(known_voxels[start:stop][counted].sum())
    scores: dict[str, dict[str, float | int | None]] = {}
    for mask, (in_truth, in_prediction, both) in enumerate(sums.tolist(), 1):
        fp, fn = in_prediction - both, in_truth - both
        scores[str(mask)] = voxel_scores(both, fp, fn, total - both - fp - fn)
    return class_scores(
        scores,
        {"voxels": total, "unknown_voxels": int(sizes.sum()) - total},
        _comparison(prediction, truth, (start, stop), unknown, counted, named),
        sentences,
        distances=distances,
        voxel_size=voxel_size or truth.voxel_size or prediction.voxel_size,
    )


def _comparison(
    prediction: Image,
    truth: Image,
    z: tuple[int, int],
    unknown: int | None,
    counted: npt.NDArray[np.bool_],
    named: Sequence[LabelClass],
) -> Comparison:
    masks, depth, height, width = truth.shape_czyx
    numbers = np.arange(1, masks + 1, dtype=np.uint16).reshape(masks, 1, 1, 1)

    def read(box: Box) -> Compared:
        true, predicted = truth.read(box), prediction.read(box)
        known = np.ones(box.shape, bool) if unknown is None else (true != unknown).all(axis=0)
        known &= counted[box.start[0] - z[0] : box.stop[0] - z[0], None, None]
        return Compared((true != 0) * numbers, (predicted != 0) * numbers, known)

    return Comparison((depth, height, width), z, masks, named, read)


def counted_sections(
    true_voxels: npt.NDArray[np.int64], empty_sections: EmptySections
) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Return what is said about empty sections, and which sections count."""
    labelled = true_voxels.any(axis=1)
    empty = int(labelled.size - labelled.sum())
    if not labelled.any() or not empty:
        return [], np.ones(labelled.size, bool)
    said = f"{labelled.size - empty} of {labelled.size} sections carry true masks; the others count as"
    if empty_sections == "background":
        return [f"{said} background."], np.ones(labelled.size, bool)
    return [f"{said} not annotated."], labelled


def check_masks(
    prediction: Image, truth: Image, z: tuple[int, int] | None, what: str = PREDICTION
) -> tuple[int, int]:
    """Return the sections to compare, refusing images that do not have the same masks of the same size."""
    if prediction.shape_czyx != truth.shape_czyx:
        raise InvalidInput(
            f"The {what} are {_spell(prediction)} (masks, z, y, x), the {TRUTH} are {_spell(truth)}. "
            "Both need the same masks, one channel each, and the same size."
        )
    return check_range(z, truth.shape_czyx[1], "truth")


def _spell(image: Image) -> str:
    """Return the shape of masks in words."""
    return " x ".join(str(length) for length in image.shape_czyx)

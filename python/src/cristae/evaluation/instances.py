"""Metrics of objects."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.evaluation.inputs import PREDICTION, TRUTH, as_image, check_pair, parts
from cristae.evaluation.objects import adapted_rand, match, matching_metrics, variation_of_information
from cristae.evaluation.scores import Scores, ratio
from cristae.evaluation.table import ContingencyCounter
from cristae.labels import boundary_classes, read_labels
from cristae.labels.reading import EmptySections
from cristae.volumes import Image, VoxelSize


def evaluate_instances(
    prediction: Image | npt.NDArray[Any],
    truth: Image | npt.NDArray[Any],
    *,
    unknown: int | None = None,
    empty_sections: EmptySections = "background",
    z: tuple[int, int] | None = None,
    voxel_size: VoxelSize | None = None,
) -> Scores:
    """Compare predicted objects with true ones.

    The conventions stand in :mod:`cristae.evaluation.objects`. ``boundary_dice`` compares the boundaries of
    both (see :func:`cristae.labels.boundary_classes`) voxel by voxel. Ids need not be dense, nor every object
    be one piece.

    Parameters
    ----------
    prediction, truth
        Images or arrays of ids (z, y, x) or (y, x), of the same shape; 0 is background.
    unknown
        The value of unknown voxels in the truth; they count nowhere.
    empty_sections
        "background": every section counts. "unknown": sections without any true object do not, if others
        have some.
    z
        Only these sections, half-open.
    voxel_size
        Decides whether boundaries are in-plane only; default: that of the truth, else of the prediction.

    Returns
    -------
    Scores
        Numbers by name, or None where a metric is not defined.

    Raises
    ------
    InvalidInput
        If the two do not fit each other, or are no label images.

    Examples
    --------
    >>> scores = evaluate_instances(np.array([[1, 1, 1, 1]]), np.array([[1, 1, 2, 2]]))
    >>> scores["vi_split"], scores["vi_merge"], scores["objects_prediction"]
    (0.0, 1.0, 1)
    """
    prediction, truth = as_image(prediction), as_image(truth)
    z = check_pair(prediction, truth, z)
    voxel_size = voxel_size or truth.voxel_size or prediction.voxel_size
    reading = read_labels(
        truth,
        truth.shape_czyx,
        target="instances",
        unknown=unknown,
        empty_sections=empty_sections,
        purpose="evaluation",
        z=z,
        what=TRUTH,
    )
    counter = ContingencyCounter()
    both = in_truth = in_prediction = voxels = known_voxels = 0
    for predicted, true, read, core in parts(prediction, truth, z, margin=1):
        _refuse_negative(predicted)
        known = reading.known(true, read.start[0])
        # The same voxels are unknown on both sides, so neither has a boundary there.
        boundary_true = boundary_classes(true, voxel_size, known) == 2
        boundary_predicted = boundary_classes(predicted, voxel_size, known) == 2
        inner = core.shifted([-start for start in read.start]).slices
        counts = known[inner]
        both += int(np.count_nonzero((boundary_true & boundary_predicted)[inner]))
        in_truth += int(np.count_nonzero(boundary_true[inner]))
        in_prediction += int(np.count_nonzero(boundary_predicted[inner]))
        voxels += counts.size
        known_voxels += int(np.count_nonzero(counts))
        counter.add(true[inner][counts], predicted[inner][counts])
    table = counter.table()
    return Scores(
        {
            **adapted_rand(table),
            **variation_of_information(table),
            **matching_metrics(match(table)),
            "boundary_dice": ratio(2 * both, in_truth + in_prediction),
            "voxels": known_voxels,
            "unknown_voxels": voxels - known_voxels,
        },
        [*reading.sentences, *reading.warnings],
    )


def _refuse_negative(ids: npt.NDArray[Any]) -> None:
    if ids.size and ids.dtype.kind == "i" and ids.min() < 0:
        raise InvalidInput(
            f"The {PREDICTION} contain the negative id {ids.min()}. Objects count from 1, 0 is background."
        )

"""Metrics of objects."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.evaluation.comparing import Compared, Comparison
from cristae.evaluation.inputs import PREDICTION, TRUTH, as_image, check_pair, parts
from cristae.evaluation.objects import Matching, Overlaps, aggregated_jaccard, match, matching_metrics
from cristae.evaluation.partition import partition_metrics, v_scores
from cristae.evaluation.scores import Scores, ratio
from cristae.evaluation.table import ContingencyCounter
from cristae.evaluation.thinning import MARGIN, thinned
from cristae.geometry import Box
from cristae.labels import LabelReading, as_integers, boundary_classes, checked_ids, read_labels
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

    The metrics and their conventions stand in :mod:`cristae.evaluation.objects` and
    :mod:`cristae.evaluation.partition`. ``v_rand_without_borders`` and ``v_info_without_borders`` are the V
    scores of the voxels that are not on the boundary of a true object, which is two voxels thick, one on each
    side (see :func:`cristae.labels.boundary_classes`): how wide borders are drawn hardly counts.
    ``v_rand_thinned`` and ``v_info_thinned`` are those after the borders of the prediction were thinned, as
    the challenge ISBI 2012 has them (see :mod:`cristae.evaluation.thinning`).
    ``boundary_dice`` compares the boundaries of both voxel by voxel. Ids need not be dense, nor every object
    be one piece. Memory grows with the objects, not with the volume.

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
        Numbers by name, or None where a metric is not defined; ``ap_by_threshold`` holds several.

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
    inside = ContingencyCounter()
    border, closed = ContingencyCounter(inside), ContingencyCounter(inside)
    both = in_truth = in_prediction = voxels = known_voxels = 0
    for predicted, true, read, core in parts(prediction, truth, z, (1, MARGIN, 1)):
        predicted = checked_ids(predicted, PREDICTION)
        known = reading.known(true, read.start[0])
        # The same voxels are unknown on both sides, so neither has a boundary there.
        boundary_true = boundary_classes(true, voxel_size, known) == 2
        boundary_predicted = boundary_classes(predicted, voxel_size, known) == 2
        inner = core.shifted([-start for start in read.start]).slices
        boundary_true, boundary_predicted = boundary_true[inner], boundary_predicted[inner]
        sections = inner[0]
        thin = thinned(predicted[sections], known[sections])[:, *inner[1:]]
        true, predicted, known = true[inner], predicted[inner], known[inner]
        both += int(np.count_nonzero(boundary_true & boundary_predicted))
        in_truth += int(np.count_nonzero(boundary_true))
        in_prediction += int(np.count_nonzero(boundary_predicted))
        voxels += known.size
        known_voxels += int(np.count_nonzero(known))
        for counter, counts in ((border, known & boundary_true), (inside, known & ~boundary_true)):
            counter.add(true[counts], predicted[counts])
        gained = known & (true != 0) & (predicted == 0) & (thin != 0)
        closed.add(true[gained], thin[gained])
        closed.add(true[gained], predicted[gained], times=-1)
    table = inside.table(border)
    overlaps = Overlaps.of(table)
    matching = match(overlaps)
    without_borders, with_thin_ones = v_scores(inside.table()), v_scores(inside.table(border, closed))
    scores = Scores(
        {
            **partition_metrics(table),
            **v_scores(table),
            **{f"{name}_without_borders": without_borders[name] for name in ("v_rand", "v_info")},
            **{f"{name}_thinned": with_thin_ones[name] for name in ("v_rand", "v_info")},
            **matching_metrics(matching),
            "aji": aggregated_jaccard(overlaps),
            "boundary_dice": ratio(2 * both, in_truth + in_prediction),
            "voxels": known_voxels,
            "unknown_voxels": voxels - known_voxels,
        },
        [*reading.sentences, *reading.warnings],
    )
    scores.comparison = _comparison(prediction, truth, z, reading, matching)
    return scores


def _comparison(
    prediction: Image, truth: Image, z: tuple[int, int], reading: LabelReading, matching: Matching
) -> Comparison:
    order = np.argsort(matching.predicted_ids)
    predicted_ids, true_ids = matching.predicted_ids[order], matching.true_ids[order]

    def renamed(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if not predicted_ids.size:
            return -ids
        place = np.minimum(np.searchsorted(predicted_ids, ids), predicted_ids.size - 1)
        return np.where(predicted_ids[place] == ids, true_ids[place], -ids)

    def read(box: Box) -> Compared:
        true = as_integers(truth.read(box)[0], TRUTH)
        predicted = as_integers(prediction.read(box)[0], PREDICTION).astype(np.int64)
        known = reading.known(true, box.start[0])
        return Compared(np.where(known, true, 0).astype(np.int64)[None], renamed(predicted)[None], known)

    _, depth, height, width = truth.shape_czyx
    return Comparison((depth, height, width), z, 1, (), read)

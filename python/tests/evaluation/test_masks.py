"""Scores of masks against numbers worked out by hand, and against each mask scored as a class."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.evaluation import evaluate_classes, evaluate_masks, report
from cristae.volumes import LabelClass


def masks_of(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)[:, None, None, :]


def test_each_mask_is_scored_by_itself() -> None:
    truth = masks_of([1, 1, 0, 0, 0], [0, 1, 1, 1, 1])
    scores = evaluate_masks(masks_of([255, 0, 0, 0, 0], [0, 0, 255, 255, 255]), truth)
    assert scores["classes"]["1"]["iou"] == 1 / 2
    assert scores["classes"]["2"]["dice"] == 6 / 7
    assert scores["classes"]["2"]["specificity"] == 1
    assert scores["mean"]["iou"] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert scores["voxels"] == 5


def test_random_masks_score_as_classes_one_by_one() -> None:
    random = np.random.default_rng(1)
    truth, guess = (random.random((3, 4, 7, 9)) < 0.4 for _ in range(2))
    scores = evaluate_masks(guess, truth)
    for mask in range(3):
        alone = evaluate_classes(guess[mask].astype(np.uint8), truth[mask].astype(np.uint8))
        assert scores["classes"][str(mask + 1)] == alone["classes"]["1"]


def test_unknown_voxels_and_empty_sections_do_not_count() -> None:
    truth = np.zeros((2, 2, 1, 3), np.uint8)
    truth[0, 0] = [1, 9, 0]
    guess = np.ones((2, 2, 1, 3), np.uint8)
    scores = evaluate_masks(guess, truth, unknown=9, empty_sections="unknown")
    assert (scores["voxels"], scores["unknown_voxels"]) == (2, 4)
    assert scores["classes"]["1"]["precision"] == 1 / 2
    assert scores["classes"]["2"]["recall"] is None
    everything = evaluate_masks(guess, truth, unknown=9)
    assert everything["voxels"] == 5
    assert everything.sentences == ("1 of 2 sections carry true masks; the others count as background.",)


def test_the_report_names_the_masks() -> None:
    truth = masks_of([1, 0], [1, 1])
    lines = report(evaluate_masks(truth, truth, classes=[LabelClass(1, "mito"), LabelClass(2, "crista")]))
    assert any(line.startswith("2 crista") and "1.0000" in line for line in lines)


@pytest.mark.parametrize(
    ("guess", "told"),
    [
        (masks_of([1, 0]), r"1 x 1 x 1 x 2 \(masks, z, y, x\), the true labels are 2 x 1 x 1 x 2"),
        (masks_of([3, 77], [0, 1]), "Channel 1 of the predicted labels holds the values 3 and 77"),
    ],
)
def test_what_cannot_be_compared_is_refused(guess: NDArray[np.uint8], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        evaluate_masks(guess, masks_of([1, 0], [1, 1]))

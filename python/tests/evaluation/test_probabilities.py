"""Curves over thresholds, against values worked out by hand and against the labels of each threshold."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cristae.errors import InvalidInput
from cristae.evaluation import evaluate_masks, evaluate_probabilities
from cristae.volumes import LabelClass, VoxelSize

shapes = array_shapes(min_dims=3, max_dims=3, max_side=5)


@st.composite
def pairs(draw):
    truth = draw(arrays(np.uint8, shapes, elements=st.integers(0, 3)))
    return draw(arrays(np.uint8, (3, *truth.shape))), truth


def row(*values):
    return np.array([values], np.uint8)


@given(pairs(), st.sampled_from([None, 3]))
def test_every_point_of_the_curves_is_the_score_of_the_labels_at_this_threshold(pair, unknown):
    probabilities, truth = pair
    if unknown is None:
        truth = np.minimum(truth, 2)
    scores = evaluate_probabilities(probabilities, truth, unknown=unknown)
    for number in (1, 2):
        curve = scores["curves"][str(number)]
        known = truth != 3
        true = (truth == number)[known]
        ious = []
        for threshold, iou, dice in zip(curve["threshold"], curve["iou"], curve["dice"], strict=True):
            inside = (probabilities[number].astype(float) / 255 >= threshold - 1e-9)[known]
            both, either = (true & inside).sum(), (true | inside).sum()
            ious.append(both / either if either else None)
            assert iou == ious[-1]
            assert dice == (2 * both / (true.sum() + inside.sum()) if either else None)
        defined = [iou for iou in ious if iou is not None]
        assert curve["best_iou"] == max(defined, default=None)
        expected = curve["threshold"][ious.index(max(defined))] if defined else None
        assert curve["best_threshold"] == expected
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


@given(pairs())
def test_the_other_metrics_are_those_of_masks_at_one_half(pair):
    probabilities, truth = pair
    truth = np.minimum(truth, 2)
    scores = evaluate_probabilities(probabilities, truth, distances=True, voxel_size=VoxelSize(3, 1, 1))
    masks = np.stack([truth == 1, truth == 2])
    likely = probabilities[1:] >= 127.5
    expected = evaluate_masks(likely, masks, distances=True, voxel_size=VoxelSize(3, 1, 1))
    curves = scores.pop("curves")
    assert scores == expected
    for key, curve in curves.items():
        assert curve["iou"][curve["threshold"].index(0.5)] == expected["classes"][key]["iou"]


def test_a_curve_by_hand():
    # Inside: 0.2, 0.6 and 1.0 of 255; outside: 0 and 0.6.
    scores = evaluate_probabilities(row(51, 153, 255, 0, 153), row(1, 1, 1, 0, 0))
    curve = scores["curves"]["1"]
    assert curve["threshold"] == [percent / 100 for percent in range(5, 100, 5)]
    assert curve["iou"][0] == curve["iou"][3] == 3 / 4
    assert curve["iou"][4] == curve["iou"][11] == 2 / 4
    assert curve["iou"][12] == curve["iou"][18] == 1 / 3
    assert (curve["best_threshold"], curve["best_iou"], curve["best_dice"]) == (0.05, 3 / 4, 6 / 7)


def test_a_single_channel_is_the_first_class_and_the_first_of_several_the_background():
    one = evaluate_probabilities(row(0, 255), row(0, 255))
    several = np.stack([row(255, 0), row(0, 255)])[:, None]
    assert one["curves"] == evaluate_probabilities(several, row(0, 255))["curves"]
    assert list(one["curves"]) == ["1"]


def test_masks_have_a_curve_each():
    random = np.random.default_rng(0)
    probabilities = random.integers(0, 256, (2, 3, 5, 6)).astype(np.uint8)
    truth = (random.random((2, 3, 5, 6)) < 0.5).astype(np.uint8)
    truth[:, 1] = 0
    scores = evaluate_probabilities(
        probabilities, truth, masks=True, classes=[LabelClass(1, "a"), LabelClass(2, "b")]
    )
    assert scores.class_names == {"1": "a", "2": "b"}
    assert scores["classes"] == evaluate_masks(probabilities >= 128, truth)["classes"]
    fewer = evaluate_probabilities(probabilities, truth, masks=True, empty_sections="unknown")
    assert (fewer["voxels"], fewer["unknown_voxels"]) == (2 * 30, 30)
    assert (
        fewer["classes"] == evaluate_masks(probabilities >= 128, truth, empty_sections="unknown")["classes"]
    )


def test_an_unknown_voxel_of_a_mask_counts_nowhere():
    truth = np.array([[[[1, 9, 0]]]], np.uint8)
    probabilities = np.array([[[[255, 255, 0]]]], np.uint8)
    scores = evaluate_probabilities(probabilities, truth, masks=True, unknown=9)
    assert (scores["voxels"], scores["classes"]["1"]["iou"]) == (2, 1)


def test_parts_add_up_to_the_whole(monkeypatch):
    random = np.random.default_rng(4)
    probabilities = random.integers(0, 256, (3, 4, 11, 13)).astype(np.uint8)
    truth = random.integers(0, 3, (4, 11, 13))
    whole = evaluate_probabilities(probabilities, truth, z=(1, 4))
    monkeypatch.setattr("cristae.evaluation.probabilities.SLAB_VOXELS", 100)
    assert evaluate_probabilities(probabilities, truth, z=(1, 4)) == whole


def test_where_nothing_is_known_there_is_no_best_threshold():
    curve = evaluate_probabilities(row(3, 255), row(9, 9), unknown=9)["curves"]["1"]
    assert (curve["best_threshold"], curve["best_iou"], curve["best_dice"]) == (None, None, None)


@pytest.mark.parametrize(
    ("probabilities", "truth", "masks", "told"),
    [
        (np.ones((1, 2), np.float32), row(0, 1), False, "type float32; give an 8-bit image"),
        (row(0, 255), row(1, 2), False, "true labels have the class 2, but .* one channel, for the class 1"),
        (np.zeros((3, 1, 1, 3), np.uint8), row(1, 2, 3), False, "class 3, but .* the classes 1 to 2"),
        (row(0, 255, 3), row(0, 1), False, "predicted probabilities are 1 x 1 x 3 voxels"),
        (np.zeros((2, 1, 1, 2), np.uint8), np.zeros((3, 1, 1, 2), np.uint8), True, "2 x 1 x 1 x 2"),
    ],
)
def test_what_cannot_be_compared_is_refused(probabilities, truth, masks, told):
    with pytest.raises(InvalidInput, match=told):
        evaluate_probabilities(probabilities, truth, masks=masks)

"""The Rand index and the V scores, against values worked out by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.metrics import completeness_score, homogeneity_score, rand_score, v_measure_score

from cristae.evaluation import evaluate_instances
from cristae.labels import boundary_classes

volumes = arrays(np.int32, array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, 4))


@st.composite
def pairs(draw):
    truth = draw(volumes)
    return draw(arrays(np.int32, truth.shape, elements=st.integers(0, 4))), truth


def row(*values):
    return np.array([values], np.uint32)


def foreground(guess, truth):
    """Return the voxels of true objects, each predicted 0 being a segment of its own."""
    there = truth != 0
    true, predicted = truth[there].astype(int), guess[there].astype(int)
    alone = predicted == 0
    predicted[alone] = 1000 + np.arange(alone.sum())
    return true, predicted


def plain_v_rand(true, predicted):
    """Return the share of voxel pairs, each voxel with itself too, by looking at every one of them."""
    same_true = true[:, None] == true[None, :]
    same_predicted = predicted[:, None] == predicted[None, :]
    both = (same_true & same_predicted).sum()
    return both / same_true.sum(), both / same_predicted.sum()


@given(pairs())
def test_the_rand_index_is_that_of_scikit_learn(pair):
    guess, truth = pair
    there = truth != 0
    scores = evaluate_instances(guess, truth)
    if there.sum() < 2:
        assert scores["rand_index"] is None
        return
    assert scores["rand_index"] == pytest.approx(rand_score(truth[there], guess[there]), abs=1e-12)
    assert scores["rand_error"] == pytest.approx(1 - scores["rand_index"], abs=1e-12)


@given(pairs())
def test_the_v_scores_are_those_of_all_pairs_and_of_scikit_learn(pair):
    guess, truth = pair
    true, predicted = foreground(guess, truth)
    assume(true.size)
    scores = evaluate_instances(guess, truth)
    split, merge = plain_v_rand(true, predicted)
    assert scores["v_rand_split"] == pytest.approx(split)
    assert scores["v_rand_merge"] == pytest.approx(merge)
    assert scores["v_rand"] == pytest.approx(2 * split * merge / (split + merge))
    if np.unique(predicted).size > 1:
        assert scores["v_info_split"] == pytest.approx(completeness_score(true, predicted), abs=1e-9)
    else:
        assert scores["v_info_split"] is None
    if np.unique(true).size > 1:
        assert scores["v_info_merge"] == pytest.approx(homogeneity_score(true, predicted), abs=1e-9)
    else:
        assert scores["v_info_merge"] is None
    if np.unique(true).size > 1 or np.unique(predicted).size > 1:
        assert scores["v_info"] == pytest.approx(v_measure_score(true, predicted), abs=1e-9)


@given(pairs())
def test_without_borders_they_are_those_of_the_voxels_inside(pair):
    guess, truth = pair
    inside = truth * (boundary_classes(truth, None) != 2)
    scores, expected = evaluate_instances(guess, truth), evaluate_instances(guess, inside)
    assert scores["v_rand_without_borders"] == pytest.approx(expected["v_rand"])
    assert scores["v_info_without_borders"] == pytest.approx(expected["v_info"])


def test_the_scores_of_a_merge_by_hand():
    # Objects of 3 and 1 voxels in one segment: 3 of 6 pairs are together in both.
    scores = evaluate_instances(row(7, 7, 7, 7), row(1, 1, 1, 2))
    assert scores["rand_index"] == pytest.approx(3 / 6)
    # sum n_ij^2 = 9 + 1, sum t_j^2 = 9 + 1, sum s_i^2 = 16.
    assert (scores["v_rand_split"], scores["v_rand_merge"]) == (1, 10 / 16)
    assert scores["v_rand"] == pytest.approx(2 * 10 / (10 + 16))
    assert (scores["v_info_split"], scores["v_info_merge"], scores["v_info"]) == (None, 0, 0)


def test_a_predicted_border_inside_of_an_object_is_many_segments_of_one_voxel():
    # n_ij: 2 voxels together, 2 alone; t = 4; s = 2, 1, 1.
    scores = evaluate_instances(row(5, 5, 0, 0), row(1, 1, 1, 1))
    assert scores["v_rand_split"] == (4 + 1 + 1) / 16
    assert scores["v_rand_merge"] == 1
    assert scores["adapted_rand_recall"] == (1 + 1) / 6, "there the predicted 0 is one segment"


def test_how_wide_borders_are_does_not_count_without_them():
    truth = row(*[1] * 6, *[2] * 6)
    guess = row(*[1] * 5, 0, 0, *[2] * 5)
    scores = evaluate_instances(guess, truth)
    assert scores["v_rand"] < 1
    assert scores["v_rand_without_borders"] == scores["v_info_without_borders"] == 1

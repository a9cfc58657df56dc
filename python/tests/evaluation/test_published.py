"""Metrics of objects against a published implementation, cellseg-metrics, which follows that of HoVer-Net.

Its threshold is one that an IoU must exceed, and its IoU is a little low (it adds 1e-8 to the union): a limit
a little lower stands for "at least". It returns 0 where we say that nothing is defined.
"""

import cellseg_metrics
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cristae.evaluation import evaluate_instances
from cristae.evaluation.objects import THRESHOLDS_PERCENT

A_LITTLE = 1e-6
SEEDS = range(8)

shapes = array_shapes(min_dims=3, max_dims=3, max_side=6)


@st.composite
def pairs(draw):
    """Draw predicted and true ids; the predicted ones are the true ones, others here and there."""
    truth = draw(arrays(np.int64, draw(shapes), elements=st.integers(0, 4)))
    changes = draw(arrays(np.int64, truth.shape, elements=st.sampled_from([-1, -1, -1, 0, 2, 7, 900])))
    guess = np.where(changes < 0, np.array([0, 7, 2, 900, 40])[truth], changes)
    assume(truth.any() and guess.any())
    return guess, truth


def cells(seed):
    """Return predicted and true ids of some tens of cells, split, merged, moved, missed and invented."""
    random = np.random.default_rng(seed)
    shape = np.array([12, 40, 40])
    places = np.moveaxis(np.indices(shape), 0, -1)

    def grown(centres, ids, radius):
        distance = np.linalg.norm(places[..., None, :] - centres, axis=-1)
        return np.where(distance.min(-1) < radius, ids[distance.argmin(-1)], 0)

    centres, ids = random.uniform(0, shape, (30, 3)), random.permutation(1000)[:30] + 1
    stay = random.random(30) > 0.1
    moved = centres[stay] + random.normal(0, 1.2, (stay.sum(), 3))
    others = random.uniform(0, shape, (4, 3))
    guessed = random.permutation(np.arange(1, stay.sum() + 5))
    guessed[:2] = guessed[0]  # merged
    return grown(np.concatenate([moved, others]), guessed, 6.5), grown(centres, ids, 7.0)


def check_matches(guess, truth):
    scores = evaluate_instances(guess, truth)
    published = cellseg_metrics.panoptic_quality(truth, guess, thresh=0.5 - A_LITTLE)
    assert scores["pq"] == pytest.approx(published["pq"], abs=A_LITTLE)
    assert scores["rq"] == pytest.approx(published["dq"], abs=A_LITTLE)
    assert (scores["sq"] or 0.0) == pytest.approx(published["sq"], abs=A_LITTLE)
    for percent in THRESHOLDS_PERCENT:
        f1 = cellseg_metrics.panoptic_quality(truth, guess, thresh=percent / 100 - A_LITTLE)["dq"]
        # The package has no tp / (tp + fp + fn); with f1 = 2 tp / (2 tp + fp + fn) it is this.
        found = scores["ap_by_threshold"][f"{percent / 100:.2f}"]
        assert found == pytest.approx(f1 / (2 - f1), abs=A_LITTLE), percent
    precision = cellseg_metrics.average_precision(truth, guess, thresh=0.5 - A_LITTLE)
    assert scores["precision_50"] == pytest.approx(precision, abs=A_LITTLE)


def largest(values):
    """Return for each row where its largest value stands: -1 for none, -2 for several."""
    top = values.max(axis=1, keepdims=True)
    several = np.isclose(values, top).sum(axis=1) > 1
    return np.where(top[:, 0] == 0, -1, np.where(several, -2, values.argmax(axis=1)))


def partners_agree(guess, truth):
    """Tell whether the largest intersection is that with the largest IoU, for every true object."""
    shared, extra, missed = cellseg_metrics.pairwise_pixel_stats(truth, guess)
    by_shared, by_iou = largest(shared), largest(shared / np.maximum(shared + extra + missed, 1))
    return bool((by_shared == by_iou).all() and (by_shared > -2).all())


@given(pairs())
def test_panoptic_quality_and_average_precision_are_the_published_ones(pair):
    check_matches(*pair)


@pytest.mark.parametrize("seed", SEEDS)
def test_so_they_are_for_tens_of_cells(seed):
    guess, truth = cells(seed)
    scores = evaluate_instances(guess, truth)
    assert 0.1 < scores["f1_50"] < 0.95, "neither nothing nor everything matches"
    check_matches(guess, truth)


@given(pairs())
def test_the_aggregated_jaccard_index_is_the_published_one_where_both_choose_the_same_partners(pair):
    guess, truth = pair
    assume(partners_agree(guess, truth))
    published = cellseg_metrics.aggregated_jaccard_index(truth, guess)
    assert evaluate_instances(guess, truth)["aji"] == pytest.approx(published, abs=A_LITTLE)


@pytest.mark.parametrize("seed", SEEDS)
def test_so_it_is_for_tens_of_cells(seed):
    guess, truth = cells(seed)
    shared, extra, missed = cellseg_metrics.pairwise_pixel_stats(truth, guess)
    differ = largest(shared) != largest(shared / np.maximum(shared + extra + missed, 1))
    # Cells for which the two would choose differently are left out of the truth.
    truth = np.where(np.isin(truth, np.unique(truth[truth > 0])[differ]), 0, truth)
    assert partners_agree(guess, truth)
    published = cellseg_metrics.aggregated_jaccard_index(truth, guess)
    assert 0.1 < published < 0.95
    assert evaluate_instances(guess, truth)["aji"] == pytest.approx(published, abs=A_LITTLE)


def test_where_the_largest_intersection_is_not_the_largest_iou_kumar_et_al_take_the_iou():
    # Of a true object of 5, one predicted object of 12 holds 3 (3 of 14 united), one of 2 the rest (2 of 5).
    truth, guess = np.zeros((1, 1, 16), int), np.zeros((1, 1, 16), int)
    truth[..., 9:14], guess[..., :12], guess[..., 12:14] = 1, 1, 2
    assert evaluate_instances(guess, truth)["aji"] == pytest.approx(2 / (5 + 12))
    assert cellseg_metrics.aggregated_jaccard_index(truth, guess) == pytest.approx(3 / (14 + 2))

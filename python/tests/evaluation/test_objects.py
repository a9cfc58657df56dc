"""Metrics of objects against plain implementations of the papers' formulas, and values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linear_sum_assignment

from cristae.evaluation import evaluate_instances

volumes = arrays(np.int32, array_shapes(min_dims=3, max_dims=3, max_side=4), elements=st.integers(0, 5))


@st.composite
def pairs(draw):
    """Draw a truth, and a prediction that differs from it in some voxels or in all."""
    truth = draw(volumes)
    other = draw(arrays(np.int32, truth.shape, elements=st.integers(0, 5)))
    changed = draw(arrays(bool, truth.shape))
    return np.where(changed, other, truth), truth


def row(*values):
    return np.array([values], np.uint32)


def objects(ids):
    return [ids == value for value in np.unique(ids) if value]


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def plain_matches(guess, truth, threshold):
    """Return the IoUs of the largest set of one-to-one pairs that reach the threshold."""
    true, predicted = objects(truth), objects(guess)
    if not true or not predicted:
        return []
    ious = np.array([[iou(t, p) for p in predicted] for t in true])
    rows, columns = linear_sum_assignment(-np.where(ious >= threshold, 1 + ious, 0))
    return [value for value in ious[rows, columns] if value >= threshold]


def plain_aji(guess, truth):
    """Follow algorithm 1 of Kumar et al. 2017 line by line."""
    true, predicted = objects(truth), objects(guess)
    above = below = 0
    used = set()
    for one in true:
        ious = [iou(one, other) for other in predicted]
        if not ious or max(ious) == 0:
            below += one.sum()
            continue
        best = int(np.argmax(ious))
        above += (one & predicted[best]).sum()
        below += (one | predicted[best]).sum()
        used.add(best)
    below += sum(other.sum() for place, other in enumerate(predicted) if place not in used)
    return above / below if below else None


@given(pairs())
def test_average_precision_and_panoptic_quality_are_those_of_a_plain_search(pair):
    guess, truth = pair
    scores = evaluate_instances(guess, truth)
    count = len(objects(truth)) + len(objects(guess))
    precisions = []
    for key, found in scores["ap_by_threshold"].items():
        tp = len(plain_matches(guess, truth, float(key)))
        precisions.append(tp / (count - tp) if count else None)
        assert found == (pytest.approx(precisions[-1]) if count else None)
    assert list(scores["ap_by_threshold"]) == [f"{percent / 100:.2f}" for percent in range(50, 100, 5)]
    matched = plain_matches(guess, truth, 0.5)
    if not count:
        assert (scores["ap"], scores["pq"], scores["sq"], scores["rq"]) == (None,) * 4
        return
    assert scores["ap"] == pytest.approx(np.mean(precisions))
    assert scores["rq"] == pytest.approx(2 * len(matched) / count)
    assert scores["sq"] == (pytest.approx(np.mean(matched)) if matched else None)
    assert scores["pq"] == pytest.approx((scores["sq"] or 0) * scores["rq"])


@given(pairs())
def test_the_aggregated_jaccard_index_is_that_of_the_papers_algorithm(pair):
    guess, truth = pair
    expected = plain_aji(guess, truth)
    assert evaluate_instances(guess, truth)["aji"] == (None if expected is None else pytest.approx(expected))


@given(pairs())
def test_the_count_error_is_the_difference_of_the_counts(pair):
    guess, truth = pair
    assert evaluate_instances(guess, truth)["count_error"] == len(objects(guess)) - len(objects(truth))


def test_the_aggregated_jaccard_index_of_a_small_case_by_hand():
    # Object 1 takes the segment 7: 3 of a union of 5. Object 2 overlaps nothing: 2 below. Segment 8: 1 below.
    scores = evaluate_instances(row(7, 7, 7, 7, 0, 0, 0, 8), row(0, 1, 1, 1, 1, 2, 2, 0))
    assert scores["aji"] == pytest.approx(3 / (5 + 2 + 1))


def test_one_segment_may_be_taken_by_two_objects_and_is_then_counted_twice():
    # Both objects take the segment 7 of 8 voxels: 4 of a union of 8, each.
    assert evaluate_instances(row(*[7] * 8), row(*[1] * 4, *[2] * 4))["aji"] == pytest.approx(8 / 16)


def test_a_split_object_counts_as_found_once_with_one_segment_too_many():
    scores = evaluate_instances(row(*[4] * 6, *[5] * 2), row(*[1] * 8))
    assert (scores["sq"], scores["rq"], scores["pq"]) == (0.75, 2 / 3, 0.5)
    assert scores["ap_by_threshold"]["0.75"] == 1 / 2
    assert scores["ap_by_threshold"]["0.80"] == 0
    assert scores["aji"] == 6 / (8 + 2)
    assert scores["count_error"] == 1


@pytest.mark.parametrize(
    ("guess", "truth", "aji", "pq", "count_error"),
    [
        (row(0, 0), row(0, 0), None, None, 0),
        (row(0, 0), row(5, 5), 0, 0, -1),
        (row(5, 6), row(0, 0), 0, 0, 2),
    ],
)
def test_empty_images_have_a_defined_outcome(guess, truth, aji, pq, count_error):
    scores = evaluate_instances(guess, truth)
    assert (scores["aji"], scores["pq"], scores["count_error"]) == (aji, pq, count_error)

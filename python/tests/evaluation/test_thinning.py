"""Thinned borders, and the V scores after it, against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cristae.evaluation import evaluate_instances
from cristae.evaluation.thinning import REACH, thinned

sections = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.integers(0, 3))


def known_all(ids):
    return np.ones(ids.shape, bool)


def thin_row(*ids):
    row = np.array([[ids]])
    return thinned(row, known_all(row))[0, 0].tolist()


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ([1, 0, 2], [1, 0, 2]),
        ([1, 0, 0, 2], [1, 0, 2, 2]),
        ([1, 0, 0, 0, 2], [1, 1, 0, 2, 2]),
        ([1, 0, 0, 0, 0, 2], [1, 1, 0, 2, 2, 2]),
        ([1, 2, 0, 0, 2], [1, 2, 2, 2, 2]),
        ([0, 0, 4, 0, 0], [4, 4, 4, 4, 4]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_one_pixel_is_left_between_two_segments_that_had_some(drawn, expected):
    assert thin_row(*drawn) == expected


def test_a_section_by_hand():
    # First step: (0, 2) and (2, 0) are reached by two segments and stay. Second: so do (2, 2) and (3, 3).
    # (1, 1) of segment 1 then touches segments 2 and 3 within the border, and is given back.
    drawn = np.array([[[1, 1, 0, 2], [1, 0, 0, 2], [0, 0, 0, 0], [3, 3, 0, 0]]])
    assert thinned(drawn, known_all(drawn)).tolist() == [
        [[1, 1, 0, 2], [1, 0, 2, 2], [0, 3, 0, 2], [3, 3, 3, 0]]
    ]


def test_nothing_grows_from_one_section_into_the_next():
    drawn = np.array([[[1, 1, 1]], [[0, 0, 0]], [[2, 0, 0]]])
    assert thinned(drawn, known_all(drawn)).tolist() == [[[1, 1, 1]], [[0, 0, 0]], [[2, 2, 2]]]


def test_unknown_pixels_are_walls_and_begin_nothing():
    drawn, known = np.array([[[1, 0, 9, 0, 2]]]), np.array([[[True, True, False, True, True]]])
    assert thinned(drawn, known).tolist() == [[[1, 1, 0, 2, 2]]]


def test_segments_grow_so_far_and_no_farther():
    drawn = np.zeros((1, 1, 2 * REACH + 4), np.uint16)
    drawn[0, 0, [0, -1]] = 1, 2
    assert thinned(drawn, known_all(drawn))[0, 0].tolist() == [1] * (REACH + 1) + [0, 0] + [2] * (REACH + 1)


@given(sections)
def test_a_border_is_left_exactly_where_one_was(drawn):
    found = thinned(drawn, known_all(drawn))
    was = drawn == 0
    assert (found[~was] == drawn[~was]).all()
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:])):
        apart = (found[one] > 0) & (found[other] > 0) & (found[one] != found[other])
        assert not (apart & (was[one] | was[other])).any()


@given(sections, st.permutations([1, 2, 3]))
def test_which_ids_segments_have_does_not_matter(drawn, order):
    renamed = np.array([0, *(value * 2**40 for value in order)])
    there = thinned(drawn, known_all(drawn))
    assert (renamed[there] == thinned(renamed[drawn], known_all(drawn))).all()


def test_the_scores_after_thinning_by_hand():
    # The border of 4 pixels becomes one pixel in object 1: 1 1 1 1 1 0 2 2 2 2 2 2.
    # sum n_ij^2 = 25 + 1 + 36 = sum s_i^2, sum t_j^2 = 36 + 36.
    truth = np.array([[1] * 6 + [2] * 6])
    scores = evaluate_instances(np.array([[1] * 4 + [0] * 4 + [2] * 4]), truth)
    assert scores["v_rand_thinned"] == pytest.approx(2 * 62 / (62 + 72))
    # As drawn: sum n_ij^2 = 16 + 16 + 4.
    assert scores["v_rand"] == pytest.approx(2 * 36 / (36 + 72))
    # H(T) = 1; H(S) of 5, 1 and 6 in 12; I = H(T), as each segment lies in one object.
    in_prediction = -sum(n / 12 * np.log2(n / 12) for n in (5, 1, 6))
    assert scores["v_info_thinned"] == pytest.approx(2 / (1 + in_prediction))


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8])
def test_how_wide_borders_were_drawn_does_not_count_over_a_true_border(width):
    """As in the challenge, whose truth has borders too: what is left lies on the true 0."""
    truth, guess = np.full((2, 3, 25), 1), np.full((2, 3, 25), 5)
    truth[..., 13:], guess[..., 13:] = 2, 6
    truth[..., 12] = 0
    left = 12 - (width - 1) // 2
    guess[..., left : left + width] = 0
    scores = evaluate_instances(guess, truth)
    assert scores["v_rand_thinned"] == scores["v_info_thinned"] == 1
    assert (scores["v_rand"] < 1) == (width > 1)


def test_a_border_with_a_hole_is_a_merge_and_one_that_ends_in_an_object_is_nothing():
    truth = np.array([[[1, 1, 0, 2, 2]] * 3])[0]
    guess = np.array([[4, 4, 0, 4, 4], [4, 4, 4, 4, 4], [4, 4, 0, 4, 4]])
    scores = evaluate_instances(guess, truth)
    # Two objects of 6 pixels in one segment: 36 + 36 of 144 pairs.
    assert scores["v_rand_thinned"] == pytest.approx(2 * 72 / (72 + 144))
    assert evaluate_instances(guess, np.ones_like(guess))["v_rand_thinned"] == 1


def test_the_other_scores_are_those_of_the_prediction_as_it_is():
    truth, guess = np.array([[1] * 6 + [2] * 6]), np.array([[1] * 4 + [0] * 4 + [2] * 4])
    scores = evaluate_instances(guess, truth)
    assert scores["matched_iou"] == pytest.approx(4 / 6)
    assert scores["adapted_rand_recall"] == pytest.approx((12 + 2 + 12 + 2) / 60)


@pytest.mark.parametrize("band", [40, 12 * 50])
def test_bands_of_a_section_add_up_to_the_whole(band, monkeypatch):
    """Borders are far wider than a band is high, and segments grow over many of them."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 4, (2, 160, 40)).astype(np.uint16)
    guess = np.where(rng.random(truth.shape) < 0.004, rng.integers(1, 9, truth.shape), 0).astype(np.uint16)
    truth[:, 70:75, :30] = 9
    whole = evaluate_instances(guess, truth, unknown=9)
    assert whole["v_rand_thinned"] != pytest.approx(whole["v_rand"])
    monkeypatch.setattr("cristae.labels.scan.slabs.__defaults__", (None, band, 1))
    assert evaluate_instances(guess, truth, unknown=9) == whole

"""Metrics of objects, against values worked out by hand and against scikit-image."""

# ruff: noqa: E501 -- tables read best with one case a line

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.metrics import adapted_rand_error, variation_of_information
from skimage.segmentation import find_boundaries

from cristae.errors import InvalidInput
from cristae.evaluation import evaluate_instances, report
from cristae.evaluation.table import ContingencyCounter
from cristae.volumes import VoxelSize

volumes = arrays(np.int32, array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, 4))


def row(*values, dtype=np.uint32):
    return np.array([values], dtype)


@st.composite
def pairs(draw):
    truth = draw(volumes)
    return draw(arrays(np.int32, truth.shape, elements=st.integers(0, 4))), truth


@given(pairs())
def test_adapted_rand_and_variation_of_information_are_those_of_scikit_image(pair):
    guess, truth = pair
    assume((truth != 0).any())
    scores = evaluate_instances(guess, truth)
    with np.errstate(all="ignore"):
        error, swapped_precision, swapped_recall = adapted_rand_error(truth, guess)
    split, merge = variation_of_information(truth, guess, ignore_labels=(0,))
    assert scores["vi_split"] == pytest.approx(split, abs=1e-9)
    assert scores["vi_merge"] == pytest.approx(merge, abs=1e-9)
    expected = {
        "adapted_rand_error": error,
        "adapted_rand_precision": swapped_recall,
        "adapted_rand_recall": swapped_precision,
    }
    for name, value in expected.items():
        if math.isnan(value):
            assert scores[name] is None
        else:
            assert scores[name] == pytest.approx(value, abs=1e-9)


@given(pairs())
def test_boundary_dice_is_the_dice_of_scikit_images_boundaries(pair):
    guess, truth = pair
    a, b = (find_boundaries(ids, connectivity=1, mode="thick", background=-1) for ids in (guess, truth))
    expected = 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else None
    assert evaluate_instances(guess, truth)["boundary_dice"] == expected


@given(pairs())
def test_matching_agrees_with_a_plain_search(pair):
    guess, truth = pair
    ious = []
    for true in set(np.unique(truth)) - {0}:
        for predicted in set(np.unique(guess)) - {0}:
            a, b = truth == true, guess == predicted
            ious.append((a & b).sum() / (a | b).sum())
    true_count, predicted_count = (len(set(np.unique(ids)) - {0}) for ids in (truth, guess))
    above = sum(iou > 0.75 for iou in ious)
    exactly = sum(iou == 0.75 for iou in ious)
    scores = evaluate_instances(guess, truth)
    assert (scores["objects_truth"], scores["objects_prediction"]) == (true_count, predicted_count)
    if true_count + predicted_count:
        assert scores["f1_75"] == pytest.approx(2 * (above + exactly) / (true_count + predicted_count))
    else:
        assert scores["f1_75"] is None


@given(pairs(), st.permutations(range(1, 5)))
def test_scores_do_not_depend_on_which_ids_objects_have(pair, order):
    guess, truth = pair
    renamed = np.array([0, *(value * 10**9 for value in order)], np.int64)
    ours, theirs = evaluate_instances(guess, truth), evaluate_instances(renamed[guess], renamed[truth])
    assert ours.pop("ap_by_threshold") == pytest.approx(theirs.pop("ap_by_threshold"))
    # Of two predicted objects with the same IoU the aggregated Jaccard index takes the one of the smaller id.
    ours.pop("aji"), theirs.pop("aji")
    assert ours == pytest.approx(theirs)


@given(volumes)
def test_a_perfect_prediction_is_perfect(truth):
    scores = evaluate_instances(truth, truth)
    perfect = {
        "adapted_rand_error": 0, "vi": 0, "vi_split": 0, "vi_merge": 0, "f1_50": 1, "f1_75": 1, "ap": 1, "pq": 1,
        "boundary_dice": 1, "precision_50": 1, "recall_50": 1, "matched_iou": 1, "sq": 1, "rq": 1, "aji": 1,
        "rand_index": 1, "rand_error": 0, "v_rand": 1, "v_info": 1, "v_rand_split": 1, "v_info_merge": 1,
        "v_rand_without_borders": 1, "v_info_without_borders": 1, "v_rand_thinned": 1, "v_info_thinned": 1,
        "count_error": 0,
    }  # fmt: skip
    for name, value in perfect.items():
        assert scores[name] in (None, pytest.approx(value)), name


@given(pairs(), st.sampled_from([None, 0, 2]), st.sampled_from(["background", "unknown"]))
def test_scores_are_valid_json_without_nan(pair, unknown, empty_sections):
    scores = evaluate_instances(*pair, unknown=unknown, empty_sections=empty_sections)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert report(scores)


@given(pairs(), st.integers(0, 4))
def test_unknown_voxels_count_nowhere(pair, other):
    """What is predicted where the truth is unknown changes no score."""
    guess, truth = pair
    changed = np.where(truth == 4, other, guess)
    assert evaluate_instances(guess, truth, unknown=4) == evaluate_instances(changed, truth, unknown=4)


def test_a_merge_by_hand():
    # Two true objects of 4 voxels, one predicted segment of 8. Pairs: truth 12 + 12, prediction 56, both 24.
    scores = evaluate_instances(row(*[7] * 8), row(*[1] * 4, *[2] * 4))
    assert scores["adapted_rand_error"] == pytest.approx(1 - 2 * 24 / (24 + 56))
    assert scores["adapted_rand_precision"] == pytest.approx(24 / 56)
    assert scores["adapted_rand_recall"] == 1
    assert (scores["vi_split"], scores["vi_merge"], scores["vi"]) == (0, 1, 1)
    assert scores["objects_matched_50"] == 1, "at an IoU of exactly 0.5 one of the two is found"
    assert scores["f1_50"] == pytest.approx(2 / 3)
    assert scores["f1_75"] == 0


def test_a_split_by_hand():
    scores = evaluate_instances(row(*[1] * 6, *[2] * 2), row(*[5] * 8))
    assert scores["vi_merge"] == 0
    assert scores["vi_split"] == pytest.approx(-(6 * math.log2(6 / 8) + 2 * math.log2(2 / 8)) / 8)
    assert scores["adapted_rand_precision"] == 1
    # IoU 0.75: found at 0.50, 0.55, ... 0.75, that is at 6 of 10 thresholds with 1 of 2 objects (tp + fp + fn).
    assert scores["ap"] == pytest.approx(6 / 10 * 1 / 2)
    assert scores["pq"] == pytest.approx(0.75 / (1 + 0.5))
    assert scores["precision_50"] == 0.5
    assert scores["recall_50"] == 1
    assert scores["matched_iou"] == 0.75


def test_what_is_predicted_on_true_background_counts_as_found_nothing():
    scores = evaluate_instances(row(1, 1, 2, 2), row(0, 0, 3, 3))
    assert scores["adapted_rand_error"] == 0, "true background is ignored there"
    assert scores["precision_50"] == 0.5
    assert scores["recall_50"] == 1


def test_an_object_that_flows_into_the_background_has_a_smaller_iou():
    assert evaluate_instances(row(1, 1, 1, 1), row(0, 3, 3, 3))["matched_iou"] == 0.75


@pytest.mark.parametrize(
    ("guess", "truth", "expected"),
    [
        (row(0, 0), row(0, 0), {"f1_50": None, "vi": None, "adapted_rand_error": None, "boundary_dice": None}),
        (row(0, 0), row(5, 5), {"f1_50": 0, "precision_50": None, "recall_50": 0, "vi": 0, "pq": 0, "ap": 0}),
        (row(5, 5), row(0, 0), {"f1_50": 0, "precision_50": 0, "recall_50": None, "vi": None, "matched_iou": None}),
    ],
)  # fmt: skip
def test_empty_images_have_a_defined_outcome(guess, truth, expected):
    scores = evaluate_instances(guess, truth)
    assert {name: scores[name] for name in expected} == expected


def test_everything_unknown_has_a_defined_outcome():
    scores = evaluate_instances(row(1, 2), row(9, 9), unknown=9)
    assert set(scores.pop("ap_by_threshold").values()) == {None}
    numbers = {name: value for name, value in scores.items() if value is not None}
    assert numbers == {
        "count_error": 0,
        "objects_truth": 0, "objects_prediction": 0, "objects_matched_50": 0, "voxels": 0, "unknown_voxels": 2,
    }  # fmt: skip


def test_thick_sections_have_boundaries_in_their_plane_only():
    truth = np.array([[[1, 1, 1]], [[2, 2, 2]]], np.uint8)
    assert evaluate_instances(truth, truth)["boundary_dice"] == 1
    flat = evaluate_instances(truth, truth, voxel_size=VoxelSize(50.0, 4.6, 4.6))
    assert flat["boundary_dice"] is None, "there is none in these planes"


@pytest.mark.parametrize("z", [None, (1, 4)])
def test_parts_add_up_to_the_whole(z, monkeypatch):
    rng = np.random.default_rng(1)
    truth, guess = rng.integers(0, 5, (2, 5, 23, 19)).astype(np.uint16)
    truth[:, 5:9] = 9
    whole = evaluate_instances(guess, truth, unknown=9, z=z)
    monkeypatch.setattr("cristae.labels.scan.slabs.__defaults__", (None, 100, 1))
    assert evaluate_instances(guess, truth, unknown=9, z=z) == whole


def test_only_the_chosen_sections_count():
    rng = np.random.default_rng(2)
    truth, guess = rng.integers(0, 5, (2, 6, 9, 9))
    assert evaluate_instances(guess, truth, z=(2, 5)) == evaluate_instances(guess[2:5], truth[2:5])


@pytest.mark.parametrize(
    ("guess", "truth", "words"),
    [
        (np.ones((2, 4, 4), int), np.ones((3, 4, 4), int), "1 section is missing in the predicted labels"),
        (row(0, -3, dtype=np.int32), row(0, 1), r"negative id -3.* 0 is background: change it\.$"),
        (row(0, 1), row(0, -3, dtype=np.int32), "negative value -3.* name it as the unknown value"),
        (row(0, np.nan, dtype=np.float32), row(0, 1), r"NaN .* Set these voxels to 0\.$"),
        (row(0, 1.5, dtype=np.float32), row(0, 1), "fractions such as 1.5"),
        (row(0, 1), row(0, 0.25, dtype=np.float64), "true labels contain fractions such as 0.25"),
        (row(0, 2**63, dtype=np.uint64), row(0, 1), "predicted labels contain ids above 2"),
        (row(0, 1), row(0, 2**63, dtype=np.uint64), "ids above 2"),
    ],
)
def test_images_that_do_not_fit_are_refused(guess, truth, words):
    with pytest.raises(InvalidInput, match=words):
        evaluate_instances(guess, truth)


def test_70_000_objects_are_counted_exactly():
    truth = np.arange(140_000, dtype=np.uint32).reshape(10, 100, 140) // 2
    scores = evaluate_instances(truth, truth)
    assert scores["objects_truth"] == scores["objects_matched_50"] == 69_999
    assert scores["adapted_rand_error"] == 0


def test_the_table_takes_ids_of_any_size_in_any_order():
    counter = ContingencyCounter()
    huge = 2**62
    counter.add(np.array([1, 2, huge, 2**30 - 1]), np.array([0, huge, 5, 5]))
    counter.add(np.array([huge, 2**31, 2]), np.array([5, 2**30, huge]))
    table = counter.table()
    columns = (table.truth.tolist(), table.prediction.tolist(), table.voxels.tolist())
    assert sorted(zip(*columns, strict=True)) == [
        (1, 0, 1), (2, huge, 2), (2**30 - 1, 5, 1), (2**31, 2**30, 1), (huge, 5, 2),
    ]  # fmt: skip


def test_tables_of_two_counters_add_up():
    inside = ContingencyCounter()
    border = ContingencyCounter(inside)
    inside.add(np.array([2**40, 1]), np.array([7, 7]))
    border.add(np.array([2**50, 2**40]), np.array([7, 7]))
    table = inside.table(border)
    counted = dict(zip(table.truth.tolist(), table.voxels.tolist(), strict=True))
    assert counted == {1: 1, 2**40: 2, 2**50: 1}
    assert inside.table().voxels.tolist() == [1, 1]


def test_pairs_that_are_taken_away_are_in_no_table_of_both():
    counted, moved = (one := ContingencyCounter()), ContingencyCounter(one)
    counted.add(np.array([1, 1, 2]), np.array([0, 5, 0]))
    moved.add(np.array([1, 2]), np.array([5, 6]))
    moved.add(np.array([1, 2]), np.array([0, 0]), times=-1)
    table = counted.table(moved)
    columns = (table.truth.tolist(), table.prediction.tolist(), table.voxels.tolist())
    assert sorted(zip(*columns, strict=True)) == [(1, 5, 2), (2, 6, 1)]


def test_ids_above_32_bits_and_floats_that_are_whole_are_taken():
    truth = row(0, 2**40, 2**40, 2**40 + 1, dtype=np.int64)
    scores = evaluate_instances(row(0.0, 3.0, 3.0, 4.0, dtype=np.float32), truth)
    assert (scores["objects_matched_50"], scores["pq"], scores["aji"], scores["vi"]) == (2, 1, 1, 0)


def test_one_object_may_fill_the_volume():
    whole = np.ones((3, 4, 5), np.uint8)
    scores = evaluate_instances(whole, whole)
    assert (scores["adapted_rand_error"], scores["pq"], scores["aji"], scores["v_rand"]) == (0, 1, 1, 1)
    assert scores["v_info"] is None, "one object has no entropy"
    assert scores["boundary_dice"] is None, "the frame makes no boundary"


def test_a_million_objects_of_one_voxel_are_scored():
    truth = np.arange(1_000_000, dtype=np.uint32).reshape(100, 100, 100) + 1
    guess = truth[::-1].copy()
    scores = evaluate_instances(guess, truth)
    assert scores["objects_truth"] == 1_000_000
    assert (scores["objects_matched_50"], scores["aji"], scores["count_error"]) == (1_000_000, 1, 0)
    assert scores["adapted_rand_error"] is None, "no two voxels are together on either side"


def test_the_report_tells_what_the_numbers_mean():
    lines = report(evaluate_instances(row(1, 1, 2, 2), row(3, 3, 4, 4)))
    assert lines[0].startswith("2 objects")
    assert any("Adapted Rand error" in line and "0.0000" in line for line in lines)
    assert any("2 true objects, 2 predicted, 2 of them match" in line for line in lines)

"""Several predictions, and images against each other: the same scores as one by one."""

import json
from functools import partial

import numpy as np
import pytest

from cristae.errors import InvalidInput
from cristae.evaluation import evaluate_classes, evaluate_instances, evaluate_masks, report
from cristae.evaluation.inputs import LabelArray
from cristae.evaluation.several import KnownInBoth, distinct, evaluate_pairs, evaluate_several
from cristae.geometry import Box
from cristae.volumes import ArrayImage


def images(count, most=3, shape=(3, 7, 8)):
    random = np.random.default_rng(5)
    return [ArrayImage(random.integers(0, most, shape).astype(np.uint8)) for _ in range(count)]


@pytest.mark.parametrize("compare", [evaluate_classes, evaluate_instances])
def test_several_predictions_are_scored_as_each_by_itself(compare):
    one, two, truth = images(3)
    scores = evaluate_several({"one": one, "two": two}, truth, compare)
    assert scores == {"predictions": {"one": compare(one, truth), "two": compare(two, truth)}}
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    lines = report(scores)
    assert any(line.startswith("two") for line in lines)
    assert len(set(lines)) == len(lines), "what holds for all of them is said once"


def test_a_matrix_of_classes_is_symmetric_and_holds_the_scores_of_each_pair():
    given = dict(zip("abc", images(3), strict=True))
    result = evaluate_pairs(given, evaluate_classes)
    assert result["names"] == ["a", "b", "c"]
    for metric in ("iou", "dice"):
        matrix = np.array(result["pairs"][metric])
        assert matrix == pytest.approx(matrix.T)
        assert np.diag(matrix) == pytest.approx(1)
        assert matrix[0, 2] == evaluate_classes(given["a"], given["c"])["mean"][metric]
    assert any(line.startswith("c ") for line in report(result))


def test_a_matrix_of_objects_has_the_prediction_in_its_rows():
    given = dict(zip("ab", images(2), strict=True))
    pairs = evaluate_pairs(given, evaluate_instances)["pairs"]
    scores = evaluate_instances(given["a"], given["b"])
    assert pairs["adapted_rand_f1"][0][1] == 1 - scores["adapted_rand_error"]
    assert pairs["f1_50"][0][1] == scores["f1_50"]
    assert pairs["adapted_rand_f1"][1][1] == pairs["f1_50"][0][0] == 1


def test_a_matrix_of_masks_has_their_means():
    given = dict(zip("ab", images(2, most=2, shape=(2, 3, 7, 8)), strict=True))
    pairs = evaluate_pairs(given, evaluate_masks)["pairs"]
    assert pairs["dice"][0][1] == evaluate_masks(given["a"], given["b"])["mean"]["dice"]


def test_what_is_unknown_to_one_of_two_annotators_does_not_count_for_them():
    rows = {"a": [1, 9, 1, 0], "b": [1, 1, 0, 9]}
    given = {name: ArrayImage(np.array([row], np.uint8)) for name, row in rows.items()}
    pairs = evaluate_pairs(given, lambda one, other: evaluate_classes(one, other, unknown=9), unknown=9)
    assert pairs["pairs"]["iou"] == [[1, 1 / 2], [1 / 2, 1]]


def test_unknown_voxels_of_a_narrower_type_are_found_too():
    given = {
        "a": ArrayImage(np.array([[1, 300, 1]], np.uint16)),
        "b": ArrayImage(np.array([[1, 1, 0]], np.uint8)),
    }
    compare = lambda one, other: evaluate_instances(one, other, unknown=300)  # noqa: E731
    pairs = evaluate_pairs(given, compare, unknown=300)["pairs"]
    assert pairs["adapted_rand_f1"][0][1] is None, "one voxel is left of the object of b"
    assert pairs["f1_50"] == [[1, 1], [1, 1]]


@pytest.mark.parametrize("compare", [evaluate_classes, evaluate_instances, evaluate_masks])
def test_what_is_unknown_may_be_a_negative_value(compare):
    rows = {"a": [1, -1, 1, 0], "b": [1, 1, 0, -1]}
    given = {name: LabelArray(np.array([row], np.int16)) for name, row in rows.items()}
    pairs = evaluate_pairs(given, partial(compare, unknown=-1), unknown=-1)["pairs"]
    metric = "f1_50" if compare is evaluate_instances else "iou"
    both = 1 if compare is evaluate_instances else 1 / 2  # objects of 2 voxels and 1 overlap by half
    assert pairs[metric] == [[1, both], [both, 1]]


def test_ids_that_only_integers_hold_stay_apart_in_pairs_with_unknown_voxels():
    large = 2**62
    one = LabelArray(np.array([[large, large, large + 1, 3]], np.uint64))
    two = LabelArray(np.array([[large, large, large + 1, 100]], np.int64))
    pairs = evaluate_pairs({"a": one, "b": two}, partial(evaluate_instances, unknown=100), unknown=100)
    assert pairs["pairs"]["f1_50"] == [[1, 1], [1, 1]]
    assert pairs["pairs"]["adapted_rand_f1"] == [[1, 1], [1, 1]]


def test_ids_that_no_integer_type_holds_in_common_are_refused():
    ids = LabelArray(np.array([[2**63, 1]], np.uint64))
    drawn = LabelArray(np.array([[1, -1]], np.int64))
    with pytest.raises(InvalidInput, match="true labels contain ids above 2"):
        KnownInBoth(ids, drawn, -1).read(Box((0, 0, 0), (1, 1, 2)))


def test_images_of_the_same_name_are_told_apart():
    assert distinct(["a", "a", "a (2)", "b"]) == ["a", "a (2)", "a (2) (2)", "b"]

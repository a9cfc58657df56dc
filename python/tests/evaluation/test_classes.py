"""Voxel metrics, against values worked out by hand and an independent count."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cristae.errors import InvalidInput
from cristae.evaluation import evaluate_classes, report
from cristae.volumes import ArrayImage, LabelClass


def row(*values, dtype=np.uint8):
    return np.array([values], dtype)


def test_the_metrics_are_those_of_a_count_by_hand():
    # Class 1: tp 2, fp 1, fn 1, tn 6. Class 2: tp 1, fp 0, fn 1, tn 8.
    truth = row(1, 1, 1, 2, 2, 0, 0, 0, 0, 0)
    guess = row(1, 1, 0, 2, 1, 0, 0, 0, 0, 0)
    scores = evaluate_classes(guess, truth)
    one, two = scores["classes"]["1"], scores["classes"]["2"]
    assert one == pytest.approx(
        {
            "iou": 2 / 4, "dice": 4 / 6, "precision": 2 / 3, "recall": 2 / 3, "specificity": 6 / 7,
            "accuracy": 8 / 10, "conformity": 1 - 2 / 2, "voxels_truth": 3, "voxels_prediction": 3,
        }
    )  # fmt: skip
    assert two["iou"] == 0.5
    assert two["precision"] == 1
    assert two["recall"] == 0.5
    assert scores["mean"]["iou"] == 0.5
    assert scores["mean"]["precision"] == pytest.approx(5 / 6)
    assert two["conformity"] == 1 - 1 / 1
    assert scores["mean"]["conformity"] == 0
    assert scores["accuracy"] == 0.8
    assert (scores["voxels"], scores["unknown_voxels"]) == (10, 0)


small = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, 3))


@given(small, st.data())
def test_the_metrics_agree_with_a_plain_count(truth, data):
    guess = data.draw(arrays(np.uint8, truth.shape, elements=st.integers(0, 3)))
    scores = evaluate_classes(guess, truth)
    for key, values in scores["classes"].items():
        true, predicted = truth == int(key), guess == int(key)
        both, either = (true & predicted).sum(), (true | predicted).sum()
        assert values["iou"] == (both / either if either else None)
        assert values["dice"] == (2 * both / (true.sum() + predicted.sum()) if either else None)
        assert values["precision"] == (both / predicted.sum() if predicted.any() else None)
        assert values["recall"] == (both / true.sum() if true.any() else None)
        assert values["accuracy"] == pytest.approx((true == predicted).mean())
        # Chang et al. 2009 give conformity as (3 Dice - 2) / Dice, too.
        dice = values["dice"]
        assert values["conformity"] == (pytest.approx((3 * dice - 2) / dice) if both else None)
    there = set(np.unique(truth)) | set(np.unique(guess))
    assert {int(key) for key in scores["classes"]} == {int(value) for value in there if value}


@given(small, st.data())
def test_scores_are_valid_json_without_nan(truth, data):
    guess = data.draw(arrays(np.uint8, truth.shape, elements=st.integers(0, 3)))
    unknown = data.draw(st.sampled_from([None, 0, 1, 3]))
    scores = evaluate_classes(guess, truth, unknown=unknown)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert report(scores)


@given(small, st.data())
def test_unknown_voxels_count_nowhere(truth, data):
    """What is predicted where the truth is unknown changes no score."""
    guess = data.draw(arrays(np.uint8, truth.shape, elements=st.integers(0, 2)))
    other = guess.copy()
    other[truth == 3] = data.draw(st.integers(0, 2))
    ours, theirs = (evaluate_classes(image, truth, unknown=3) for image in (guess, other))
    assert ours == theirs
    assert ours["unknown_voxels"] == (truth == 3).sum()


@pytest.mark.parametrize(
    ("guess", "truth", "dice"),
    [
        (row(0, 1, 1), row(0, 255, 255), 1.0),
        (row(0, 255, 255), row(0, 255, 255), 1.0),
        (row(0, 255, 255), row(0, 1, 1), 1.0),
        (row(0, 200, 0), row(0, 255, 255), 2 / 3),
        (row(0, 1, 1, dtype=bool), row(0, 1, 1, dtype=np.int64), 1.0),
        (row(0.0, 1.0, 1.0, dtype=np.float32), row(0, 1, 1), 1.0),
    ],
)
def test_masks_compare_whatever_the_value_of_their_class(guess, truth, dice):
    assert evaluate_classes(guess, truth)["classes"]["1"]["dice"] == pytest.approx(dice)


def test_a_class_keeps_its_number_when_the_others_are_away():
    scores = evaluate_classes(row(0, 1, 2, 2), row(0, 0, 2, 2))
    assert scores["classes"]["2"]["iou"] == 1
    assert scores["classes"]["1"]["iou"] == 0
    assert scores["classes"]["1"]["recall"] is None


def test_named_values_of_the_truth_compare_with_the_numbers_of_a_result():
    table = [LabelClass(10, "er"), LabelClass(200, "mito")]
    scores = evaluate_classes(row(0, 1, 2), row(0, 10, 200), classes=table)
    assert scores["mean"]["dice"] == 1
    assert scores.class_names == {"1": "er", "2": "mito"}
    assert evaluate_classes(row(0, 10, 200), row(0, 10, 200), classes=table)["mean"]["dice"] == 1


def test_stroke_truth_with_a_background_stroke():
    scores = evaluate_classes(row(0, 1, 1, 1), row(1, 2, 0, 1), unknown=0, background=1)
    assert scores["classes"]["1"]["iou"] == 0.5
    assert scores["unknown_voxels"] == 1


def test_the_unknown_value_in_a_prediction_is_background():
    scores = evaluate_classes(row(0, 255, 1, 255), row(0, 1, 1, 255), unknown=255)
    assert scores["classes"]["1"]["recall"] == 0.5
    assert scores["classes"]["1"]["precision"] == 1
    assert any("counted as background" in sentence for sentence in scores.sentences)


def stack(*fills):
    return np.stack([np.full((2, 2), fill, np.uint8) for fill in fills])


def test_every_section_counts_unless_told_otherwise():
    truth, guess = stack(1, 0), stack(1, 1)
    assert evaluate_classes(guess, truth)["classes"]["1"]["precision"] == 0.5
    scores = evaluate_classes(guess, truth, empty_sections="unknown")
    assert scores["classes"]["1"]["precision"] == 1
    assert scores["unknown_voxels"] == 4
    assert "count" in scores.sentences[0]


def test_only_the_chosen_sections_count():
    scores = evaluate_classes(stack(0, 1, 1), stack(1, 1, 1), z=(1, 3))
    assert scores["classes"]["1"]["dice"] == 1
    assert scores["voxels"] == 8


@pytest.mark.parametrize(
    ("guess", "truth", "expected"),
    [
        (row(0, 0), row(0, 0), {}),
        (row(0, 0), row(0, 1), {"1": (0.0, None, 0.0)}),
        (row(0, 1), row(0, 0), {"1": (0.0, 0.0, None)}),
    ],
)
def test_empty_images_have_a_defined_outcome(guess, truth, expected):
    scores = evaluate_classes(guess, truth)
    found = {key: (v["iou"], v["precision"], v["recall"]) for key, v in scores["classes"].items()}
    assert found == expected
    assert scores["accuracy"] is not None


def test_everything_unknown_has_a_defined_outcome():
    scores = evaluate_classes(row(1, 0), row(9, 9), unknown=9)
    assert scores["voxels"] == 0
    assert scores["accuracy"] is None
    assert scores["mean"]["iou"] is None


@pytest.mark.parametrize(
    ("guess", "truth", "words"),
    [
        (stack(1, 1), stack(1, 1, 1), "1 section is missing in the predicted labels"),
        (stack(1, 1, 1, 1, 1), stack(1, 1, 1), "2 sections too many"),
        (np.ones((3, 4, 5), np.uint8), np.ones((3, 5, 4), np.uint8), "swapped"),
        (row(0, 1, 255), row(0, 1, 1), "predicted labels contain the value 255"),
        (row(0, 1, 1), row(0, 1, 255), "true labels contain the value 255"),
        (row(0, 0.5, dtype=np.float32), row(0, 1), "predicted labels contain fractions"),
        (row(0, -1, dtype=np.int8), row(0, 1), "predicted labels contain the negative value -1"),
        (np.ones((3, 2, 4, 4), np.uint8), np.ones((2, 4, 4), np.uint8), "predicted labels have 3 channels"),
        (np.ones(4, np.uint8), np.ones(4, np.uint8), "2 axes"),
    ],
)  # fmt: skip
def test_images_that_do_not_fit_are_refused_with_both_shapes_or_values(guess, truth, words):
    with pytest.raises(InvalidInput) as refusal:
        evaluate_classes(guess, truth)
    assert words in refusal.value.sentence


@pytest.mark.parametrize("broken", [[0, -1], [0, np.nan], [0, 1, 255]])
def test_only_in_the_truth_a_value_can_be_named_as_unknown(broken):
    odd, fine = row(*broken, dtype=np.float32), row(*[0, 1, 1][: len(broken)])
    with pytest.raises(InvalidInput) as refusal:
        evaluate_classes(odd, fine)
    assert "unknown" not in refusal.value.sentence
    with pytest.raises(InvalidInput, match="unknown"):
        evaluate_classes(fine, odd)


def test_a_range_beyond_the_truth_is_refused():
    with pytest.raises(InvalidInput, match="1:4 are not in the truth"):
        evaluate_classes(stack(1, 1), stack(1, 1), z=(1, 4))


def test_the_report_names_the_classes():
    truth = ArrayImage(np.array([[[0, 255, 255]]], np.uint8))
    lines = report(evaluate_classes(row(0, 1, 0)[None], truth, classes=[LabelClass(1, "mito")]))
    assert any(line.startswith("1 mito") and "0.5000" in line and "0.6667" in line for line in lines)
    assert lines[-1] == "3 voxels compared, 0 unknown ones left out."


def test_parts_add_up_to_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 4, (2, 5, 23, 19)).astype(np.uint8)
    whole = evaluate_classes(guess, truth)
    monkeypatch.setattr("cristae.labels.scan.slabs.__defaults__", (None, 100, 1))
    monkeypatch.setattr("cristae.evaluation.comparing.SLAB_VOXELS", 100)
    assert evaluate_classes(guess, truth) == whole

"""The worst places, against a plain count of windows."""

import numpy as np
import pytest

from cristae.evaluation import evaluate_classes, evaluate_instances, evaluate_masks
from cristae.evaluation.worst import worst_places


def comparison_of(guess, truth):
    return evaluate_classes(guess, truth).comparison


def test_the_worst_window_comes_first_and_the_counts_are_those_of_the_voxels():
    random = np.random.default_rng(2)
    truth = np.zeros((3, 700, 520), np.uint8)
    guess = np.zeros_like(truth)
    guess[1, 320:600, 260:500] = random.random((280, 240)) < 0.5
    guess[1, :30, :30] = 1
    guess[2, 5, 5] = 1
    places = worst_places(comparison_of(guess, truth), count=3)
    for place in places:
        assert place.wrong == (guess[place.box.slices] != 0).sum()
    assert [place.wrong for place in places] == sorted((place.wrong for place in places), reverse=True)
    best = max(
        (guess[1, y : y + 256, x : x + 256] != 0).sum()
        for y in range(0, 700 - 256 + 32, 32)
        for x in range(0, 520 - 256 + 32, 32)
    )
    assert places[0].wrong == best
    assert places[0].box.shape == (1, 256, 256)


def test_no_place_shows_what_another_one_shows():
    guess = np.zeros((20, 300, 300), np.uint8)
    guess[:, 10:20, 10:20] = 1  # through all sections
    places = worst_places(comparison_of(guess, np.zeros_like(guess)))
    sections = sorted(place.box.start[0] for place in places)
    assert len(places) == 3
    assert min(np.diff(sections)) >= 8


def test_without_a_difference_there_is_no_place():
    truth = np.ones((2, 5, 5), np.uint8)
    assert worst_places(comparison_of(truth, truth)) == []


def test_unknown_voxels_are_no_difference():
    truth = np.array([[[0, 9, 9]]], np.uint8)
    comparison = evaluate_classes(np.array([[[0, 1, 1]]], np.uint8), truth, unknown=9).comparison
    assert worst_places(comparison) == []


def test_only_the_scored_sections_are_looked_at():
    guess = np.ones((12, 4, 4), np.uint8)
    comparison = evaluate_classes(guess, np.zeros_like(guess), z=(2, 3)).comparison
    assert [place.box.start for place in worst_places(comparison)] == [(2, 0, 0)]


def test_an_object_that_is_merged_into_another_is_wrong_and_new_ids_are_not():
    truth = np.array([[[1] * 6 + [2] * 2 + [0] * 2]])
    guess = np.array([[[70] * 8 + [0] * 2]])
    (place,) = worst_places(evaluate_instances(guess, truth).comparison)
    assert place.wrong == 2
    assert worst_places(evaluate_instances(truth + (truth > 0) * 40, truth).comparison) == []


def test_a_voxel_that_differs_in_two_masks_is_one_difference():
    truth = np.zeros((2, 1, 3, 3), np.uint8)
    guess = truth.copy()
    guess[:, 0, 1, 1] = 1
    (place,) = worst_places(evaluate_masks(guess, truth).comparison)
    assert place.wrong == 1


@pytest.mark.parametrize("voxels", [100, 3000])
def test_parts_make_no_difference(voxels, monkeypatch):
    random = np.random.default_rng(6)
    guess = (random.random((3, 90, 70)) < 0.1).astype(np.uint8)
    comparison = comparison_of(guess, np.zeros_like(guess))
    whole = worst_places(comparison)
    monkeypatch.setattr("cristae.evaluation.comparing.SLAB_VOXELS", voxels)
    assert worst_places(comparison) == whole

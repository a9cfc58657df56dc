"""Distances of surfaces against scikit-image, scipy and a plain search, and values worked out by hand."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.spatial.distance import cdist, directed_hausdorff
from skimage.metrics import hausdorff_distance

from cristae.evaluation import evaluate_classes, evaluate_masks
from cristae.volumes import ArrayImage, VoxelSize

CUBE = VoxelSize(1, 1, 1)
FLAT = VoxelSize(50, 4.6, 5)
NAMES = ("hausdorff_nm", "hausdorff_95_nm", "mean_surface_distance_nm", "boundary_f1")
volumes = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 2))


@st.composite
def pairs(draw):
    truth = draw(volumes)
    return draw(arrays(np.uint8, truth.shape, elements=st.integers(0, 2))), truth


def plain_surface(labels, value, unknown=None):
    """Return the surface voxels of a class by looking at the six neighbours of each voxel."""
    found = np.zeros(labels.shape, bool)
    for place in zip(*np.nonzero(labels == value), strict=True):
        for axis in range(3):
            for step in (-1, 1):
                other = list(place)
                other[axis] += step
                if 0 <= other[axis] < labels.shape[axis]:
                    neighbour = labels[tuple(other)]
                    found[place] |= neighbour not in (value, unknown)
    return found


def scores_of(guess, truth, voxel_size=CUBE, **more):
    return evaluate_classes(guess, truth, distances=True, voxel_size=voxel_size, **more)


@given(pairs(), st.sampled_from([CUBE, FLAT]))
def test_distances_are_those_of_scipy_and_a_plain_search(pair, voxel_size):
    guess, truth = pair
    scores = scores_of(guess, truth, voxel_size)
    for key, found in scores["classes"].items():
        here, there = (
            np.argwhere(plain_surface(labels, int(key))) * voxel_size.zyx_nm for labels in (truth, guess)
        )
        if not len(here) or not len(there):
            f1 = 0 if len(here) or len(there) else None
            assert [found[name] for name in NAMES] == [None, None, None, f1]
            continue
        matrix = cdist(here, there)
        one, other = matrix.min(axis=1), matrix.min(axis=0)
        hausdorff = max(directed_hausdorff(here, there)[0], directed_hausdorff(there, here)[0])
        assert found["hausdorff_nm"] == pytest.approx(hausdorff)
        assert found["hausdorff_95_nm"] == pytest.approx(
            max(np.percentile(one, 95), np.percentile(other, 95))
        )
        assert found["mean_surface_distance_nm"] == pytest.approx(np.concatenate([one, other]).mean())
        tolerance = 1.5 * max(voxel_size.y_nm, voxel_size.x_nm)
        assert scores["boundary_tolerance_nm"] == pytest.approx(tolerance)
        recall, precision = (one <= tolerance + 1e-6).mean(), (other <= tolerance + 1e-6).mean()
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert found["boundary_f1"] == pytest.approx(f1)


@given(pairs())
def test_the_largest_distance_of_cubes_is_that_of_scikit_image(pair):
    guess, truth = pair
    for key, found in scores_of(guess, truth)["classes"].items():
        here, there = plain_surface(truth, int(key)), plain_surface(guess, int(key))
        if found["hausdorff_nm"] is not None:
            assert found["hausdorff_nm"] == pytest.approx(hausdorff_distance(here, there))


def test_a_shifted_square_by_hand():
    truth, guess = np.zeros((2, 1, 7, 9), np.uint8)
    truth[0, 2:5, 1:4] = 1
    guess[0, 2:5, 3:6] = 1  # two pixels of 4 nm to the right
    found = scores_of(guess, truth, VoxelSize(50, 4, 4))["classes"]["1"]
    assert found["hausdorff_nm"] == 8
    # Of 8 voxels each, to the other surface: three are 2 pixels away, two 1, three 0.
    assert found["mean_surface_distance_nm"] == pytest.approx((3 * 8 + 2 * 4) / 8)
    assert found["boundary_f1"] == pytest.approx(5 / 8)


def test_a_perfect_prediction_has_no_distance():
    truth = np.zeros((4, 6, 6), np.uint8)
    truth[1:3, 2:5, 2:5] = 1
    found = scores_of(truth, truth)["classes"]["1"]
    assert [found[name] for name in NAMES] == [0, 0, 0, 1]


def test_the_frame_makes_no_surface_and_neither_do_unknown_voxels():
    truth = np.ones((2, 4, 4), np.uint8)
    assert scores_of(truth, truth)["classes"]["1"]["hausdorff_nm"] is None
    truth[:, :, 3] = 255
    guess = np.ones((2, 4, 4), np.uint8)
    found = scores_of(guess, truth, unknown=255)["classes"]["1"]
    assert [found[name] for name in NAMES] == [None] * 4


def test_the_end_of_the_scored_sections_makes_no_surface():
    truth = np.zeros((4, 3, 3), np.uint8)
    truth[1:] = 1
    assert scores_of(truth, truth)["classes"]["1"]["hausdorff_nm"] == 0
    assert scores_of(truth, truth, z=(1, 4))["classes"]["1"]["hausdorff_nm"] is None


def test_a_class_that_is_missed_has_no_distance_and_no_boundary():
    truth = np.zeros((1, 5, 5), np.uint8)
    truth[0, 2, 2] = 1
    found = scores_of(np.zeros_like(truth), truth)
    assert [found["classes"]["1"][name] for name in NAMES] == [None, None, None, 0]
    assert found["mean"]["hausdorff_nm"] is None
    assert found["mean"]["boundary_f1"] == 0


def test_the_mean_is_over_the_classes_that_have_a_distance():
    truth, guess = np.zeros((2, 1, 3, 9), np.uint8)
    truth[0, 1, 1] = guess[0, 1, 3] = 1
    truth[0, 1, 5] = guess[0, 1, 8] = 2
    truth[0, 0, 0] = 3
    assert scores_of(guess, truth)["mean"]["hausdorff_nm"] == (2 + 3) / 2


def test_without_a_voxel_size_there_are_no_distances_and_a_sentence_says_why():
    truth = np.array([[0, 1, 1, 0]], np.uint8)
    scores = evaluate_classes(truth, truth, distances=True)
    assert [scores["classes"]["1"][name] for name in NAMES] == [None] * 4
    assert scores["boundary_tolerance_nm"] is None
    assert any("voxel size is not known" in sentence for sentence in scores.sentences)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_the_voxel_size_of_the_truth_is_taken():
    truth = ArrayImage(np.array([[[0, 1, 0, 0]]], np.uint8), VoxelSize(9, 9, 3))
    guess = ArrayImage(np.array([[[0, 0, 1, 0]]], np.uint8))
    assert evaluate_classes(guess, truth, distances=True)["classes"]["1"]["hausdorff_nm"] == 3


def test_distances_cost_nothing_where_nobody_asks():
    truth = np.array([[0, 1, 1, 0]], np.uint8)
    scores = evaluate_classes(truth, truth, voxel_size=CUBE)
    assert "hausdorff_nm" not in scores["classes"]["1"]
    assert "boundary_tolerance_nm" not in scores


def test_masks_have_distances_each_by_itself():
    random = np.random.default_rng(1)
    truth, guess = (random.random((2, 3, 6, 7)) < 0.4 for _ in range(2))
    together = evaluate_masks(guess, truth, distances=True, voxel_size=FLAT)
    for mask in range(2):
        alone = scores_of(guess[mask].astype(np.uint8), truth[mask].astype(np.uint8), FLAT)
        assert together["classes"][str(mask + 1)] == pytest.approx(alone["classes"]["1"])
    assert together["mean"]["hausdorff_nm"] is not None


def test_sections_that_do_not_count_make_no_surface_of_a_mask():
    truth = np.zeros((1, 3, 4, 4), np.uint8)
    truth[0, :2] = 1
    found = [
        evaluate_masks(truth, truth, empty_sections=rule, distances=True, voxel_size=CUBE)["classes"]["1"]
        for rule in ("background", "unknown")
    ]
    assert [scores["hausdorff_nm"] for scores in found] == [0, None]


@pytest.mark.parametrize("z", [None, (1, 5)])
def test_parts_add_up_to_the_whole(z, monkeypatch):
    random = np.random.default_rng(3)
    truth, guess = random.integers(0, 3, (2, 6, 23, 19)).astype(np.uint8)
    whole = scores_of(guess, truth, FLAT, z=z)
    monkeypatch.setattr("cristae.evaluation.comparing.SLAB_VOXELS", 100)
    monkeypatch.setattr("cristae.evaluation.distances._AT_ONCE", 7)
    assert scores_of(guess, truth, FLAT, z=z) == whole


def test_a_surface_that_is_too_large_has_no_distances_and_a_sentence_says_so(monkeypatch):
    truth = np.zeros((1, 9, 9), np.uint8)
    truth[0, 1:8, 1:8] = 1
    truth[0, 4, 4] = 2
    monkeypatch.setattr("cristae.evaluation.distances.MOST_SURFACE_VOXELS", 20)
    scores = scores_of(truth, truth)
    assert scores["classes"]["1"]["hausdorff_nm"] is None
    assert scores["classes"]["1"]["boundary_f1"] is None
    assert scores["classes"]["2"]["hausdorff_nm"] == 0
    assert any("'class 1' has more than 20 voxels" in sentence for sentence in scores.sentences)

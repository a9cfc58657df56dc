"""The length of centre lines that a person can tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cristae.errors import InvalidInput
from cristae.evaluation.inputs import LabelArray
from cristae.measuring import measure, skeletons
from cristae.measuring.skeletons import skeleton_length
from cristae.volumes import VoxelSize

SIDES = (50, 4, 5)


@pytest.mark.parametrize(("axis", "length"), [(0, 9 * 50), (1, 9 * 4), (2, 9 * 5)])
def test_a_straight_line_has_the_steps_between_its_voxels(axis, length):
    shape = [3, 3, 3]
    shape[axis] = 10
    mask = np.zeros(shape, bool)
    mask[tuple(slice(None) if a == axis else 1 for a in range(3))] = True
    assert skeleton_length(mask, SIDES) == length


def test_a_diagonal_has_diagonal_steps():
    mask = np.zeros((6, 6, 6), bool)
    mask[range(6), range(6), range(6)] = True
    assert skeleton_length(mask, (1, 1, 1)) == pytest.approx(5 * np.sqrt(3))


def test_a_corner_counts_no_edge_twice():
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 1, 1:7] = mask[0, 1:7, 1] = True
    assert skeleton_length(mask, (1, 1, 1)) == pytest.approx(10, abs=0.6)


def test_of_a_ring_one_edge_is_missing():
    mask = np.zeros((1, 9, 9), bool)
    mask[0, 1:8, 1:8] = True
    mask[0, 2:7, 2:7] = False
    around = 4 * 6
    assert around - 4 < skeleton_length(mask, (1, 1, 1)) < around


def test_a_thick_rod_is_about_as_long_as_its_axis():
    mask = np.zeros((9, 9, 60), bool)
    mask[2:7, 2:7, 2:58] = True
    assert skeleton_length(mask, (4, 4, 4)) == pytest.approx(4 * 55, rel=0.12)


@given(st.integers(0, 10**6))
def test_the_length_of_a_path_of_voxels_is_the_sum_of_its_edges_at_most_with_its_corners_cut(seed):
    """A random path that never touches itself again is its own skeleton; thinning may take a corner away."""
    generator = np.random.default_rng(seed)
    place, steps = np.zeros(3, int), []
    for _ in range(8):
        step = np.zeros(3, int)
        step[generator.integers(3)] = 1
        steps += [step, step]  # two at a time: neighbours of neighbours do not touch
    places = np.cumsum([place, *steps], axis=0)
    mask = np.zeros(places.max(axis=0) + 3, bool)
    mask[tuple((places + 1).T)] = True
    whole = sum(np.array(SIDES) @ step for step in steps)
    edges = np.array(steps) @ np.array(SIDES)
    saved = sum(
        edges[i] + edges[i + 1] - np.hypot(edges[i], edges[i + 1])
        for i in range(1, len(steps) - 1)
        if (steps[i] != steps[i + 1]).any()
    )
    assert whole - saved - 1e-9 <= skeleton_length(mask, SIDES) <= whole + 1e-9


def test_a_single_voxel_has_no_length():
    assert skeleton_length(np.ones((1, 1, 1), bool), SIDES) == 0


def test_a_mask_of_other_axes_is_refused():
    with pytest.raises(InvalidInput, match="three axes"):
        skeleton_length(np.ones((2, 2), bool), SIDES)


def test_the_table_has_the_lengths_and_tells_of_objects_that_are_too_large(monkeypatch):
    labels = np.zeros((3, 5, 12), int)
    labels[1, 1, 1:11], labels[0:3, 3:5, 1:4] = 6, 9
    size = VoxelSize(*SIDES)
    objects = measure(LabelArray(labels), skeletons=True, voxel_size=size).objects
    assert objects["skeleton_length_nm"][0] == 45
    monkeypatch.setattr(skeletons, "LARGEST_BOX", 12)
    found = measure(LabelArray(labels), skeletons=True, voxel_size=size)
    assert found.objects["skeleton_length_nm"].tolist() == [45, None]
    assert "1 of 2 objects have no skeleton length (id 9)" in found.sentences[0]

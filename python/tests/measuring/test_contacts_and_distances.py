"""Who touches whom, and who is near: against brute force over all voxels."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from cristae.errors import NotFound, OutOfMemory
from cristae.evaluation.inputs import LabelArray
from cristae.measuring import Beside, distances, measure
from cristae.volumes import VoxelSize

SIZE = VoxelSize(50, 4, 5)
FACES = (4 * 5, 50 * 5, 50 * 4)
SHAPE = (3, 5, 6)


def measured(labels, other=None, **given):
    beside = Beside(other=None if other is None else LabelArray(np.asarray(other)))
    return measure(LabelArray(np.asarray(labels)), beside, voxel_size=SIZE, **given)


def pairs_of(labels, other=None):
    """Count the faces one by one."""
    first = labels if other is None else other
    found = {}
    for place in product(*map(range, labels.shape)):
        for axis, sign in product(range(3), (1, -1)):
            there = tuple(p + sign * (a == axis) for a, p in enumerate(place))
            if min(there) < 0 or any(p >= n for p, n in zip(there, labels.shape, strict=True)):
                continue
            one, two = labels[place], first[there]
            if one == 0 or two == 0 or labels[there] == one or first[place] == two:
                continue
            if other is None and one > two:
                continue
            faces, area = found.get((one, two), (0, 0))
            found[one, two] = faces + 1, area + FACES[axis]
    return [(*map(int, pair), *found[pair]) for pair in sorted(found)]


def test_two_boxes_share_the_faces_between_them():
    labels = np.zeros((2, 3, 4), np.int64)
    labels[:, :, :2], labels[:, :, 2:] = 5, 3
    assert list(measured(labels, contacts=True).contacts.rows()) == [(3, 5, 6, 6 * 200)]


def test_in_a_section_edges_are_lengths():
    found = measured(np.array([[1, 2], [0, 2]]), contacts=True)
    assert found.contacts.names[-1] == "contact_nm"
    assert list(found.contacts.rows()) == [(1, 2, 1, 4)]


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 100))
def test_contacts_are_those_that_a_person_counts(seed, slab_voxels):
    generator = np.random.default_rng(seed)
    labels, other = generator.integers(0, 4, (2, *SHAPE))
    within = measured(labels, contacts=True, slab_voxels=slab_voxels).contacts
    assert list(within.rows()) == pairs_of(labels)
    between = measured(labels, other, contacts=True, slab_voxels=slab_voxels).contacts
    assert list(between.rows()) == pairs_of(labels, other)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 100))
def test_the_nearest_object_is_the_one_with_the_least_distance_of_any_two_voxels(seed, slab_voxels):
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random(SHAPE) < 0.1, generator.integers(1, 4, SHAPE), 0)
    other = np.where(generator.random(SHAPE) < 0.1, generator.integers(1, 4, SHAPE), 0)
    objects = measured(labels, other, slab_voxels=slab_voxels).objects
    for row, own in enumerate(objects["id"].tolist()):
        places = np.argwhere(labels == own) * SIZE.zyx_nm
        far = {
            int(one): cdist(places, np.argwhere(other == one) * SIZE.zyx_nm).min()
            for one in np.unique(other[other > 0])
        }
        found = objects["nearest_other_id"].tolist()[row]
        if not far:
            assert objects["nearest_other_nm"].tolist()[row] is None
            assert found is None
            continue
        assert objects["nearest_other_nm"][row] == pytest.approx(min(far.values()))
        assert far[found] == pytest.approx(min(far.values()))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_which_of_equally_near_objects_is_named_does_not_depend_on_the_slabs(seed, slab_voxels):
    generator = np.random.default_rng(seed)
    labels = np.zeros((2, 9, 9), int)
    labels[0, 4, 4] = 1
    other = np.where(generator.random(labels.shape) < 0.5, generator.permutation(162).reshape(2, 9, 9) + 1, 0)
    other[0, 3:6, 3:6] = 0
    whole, cut = (measured(labels, other, slab_voxels=n).objects for n in (10**6, slab_voxels))
    assert list(whole.rows()) == list(cut.rows())


def test_objects_one_step_apart_have_the_distance_of_a_voxel_and_overlapping_ones_none():
    labels, other = np.array([[[1, 1, 0, 2, 0, 3]]]), np.array([[[0, 0, 9, 9, 0, 0]]])
    objects = measured(labels, other).objects
    assert objects["nearest_other_nm"].tolist() == [5, 0, 10]


def test_an_object_in_the_middle_of_a_large_one_overlaps_it():
    labels, other = np.zeros((5, 5, 5), int), np.ones((5, 5, 5), int)
    labels[2, 2, 2] = 4
    objects = measured(labels, other).objects
    assert objects["nearest_other_nm"].tolist() == [0]
    assert objects["nearest_other_id"].tolist() == [1]


def test_the_distance_to_one_object_can_be_asked_for():
    labels = np.array([[[1, 0, 2, 0, 0, 0, 7]]])
    found = measured(labels, where="distance_to_nm(2) <= 10")
    assert found.objects["id"].tolist() == [1, 2]
    found = measured(labels, where="distance_to_nm(7) > 20 and not id == 1", contacts=True)
    assert found.objects["id"].tolist() == []


def test_the_distance_to_an_object_that_is_not_there_is_told():
    with pytest.raises(NotFound, match="no object 5"):
        measured(np.array([[[1, 0, 2]]]), where="distance_to_nm(5) < 10")


def test_contacts_follow_the_condition():
    labels = np.array([[[1, 2, 3, 4, 5]]])
    found = measured(labels, where="id == 2", contacts=True)
    assert [pair[:2] for pair in found.contacts.rows()] == [(1, 2), (2, 3)]


def test_surfaces_that_do_not_fit_into_memory_are_told(monkeypatch):
    monkeypatch.setattr(distances, "available_bytes", lambda: 300)
    with pytest.raises(OutOfMemory, match="surfaces of the other labels have more than 4 voxels"):
        measured(np.ones((1, 2, 2)), np.ones((1, 2, 2)))

"""From objects to boundaries, and back."""

from pathlib import Path

import cc3d
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.metrics import adapted_rand_error
from skimage.segmentation import find_boundaries

from cristae.labels import boundary_classes, objects_from
from cristae.volumes import VoxelSize

volumes = arrays(np.int32, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 3))


@given(volumes)
def test_boundaries_are_those_that_scikit_image_calls_thick(ids):
    expected = find_boundaries(ids, connectivity=1, mode="thick", background=-1)
    classes = boundary_classes(ids, None)
    assert np.array_equal(classes == 2, expected)
    assert np.array_equal(classes == 1, (ids > 0) & ~expected)


@given(volumes)
def test_boundaries_do_not_depend_on_which_ids_objects_have(ids):
    renamed = np.array([0, 70_000, 5, 900], np.int64)[ids]
    assert np.array_equal(boundary_classes(ids, None), boundary_classes(renamed, None))


@given(volumes, st.data())
def test_unknown_voxels_change_nothing_beyond_their_neighbours(ids, data):
    known = data.draw(arrays(bool, ids.shape))
    classes = boundary_classes(ids, None, known)
    assert (classes[~known] == 0).all()
    # A boundary among known voxels is a boundary when everything is known.
    assert (boundary_classes(ids, None)[classes == 2] == 2).all()


def balls(*centres, shape=(24, 40, 40), radius=8, z_step=1.0):
    grid = np.indices(shape)
    ids = np.zeros(shape, np.uint32)
    for number, centre in enumerate(centres, 1):
        distance = sum(
            ((axis - c) * step) ** 2 for axis, c, step in zip(grid, centre, (z_step, 1, 1), strict=True)
        )
        ids[distance < radius**2] = number
    return ids


def probabilities(ids, voxel_size=None):
    classes = boundary_classes(ids, voxel_size)
    return (classes == 1).astype(np.float32), (classes == 2).astype(np.float32)


def test_two_touching_balls_come_back_as_two_objects():
    ids = balls((12, 12, 20), (12, 27, 20))
    assert (ids[12, :, 20] > 0).sum() > 28, "they touch"
    objects = objects_from(*probabilities(ids), None)
    assert objects.dtype == np.uint32
    assert set(np.unique(objects)) == {0, 1, 2}
    for number in (1, 2):
        inside = objects[ids == number]
        assert (inside == np.bincount(inside).argmax()).mean() > 0.98


def test_a_beaded_neurite_stays_one_object():
    ids = balls((12, 10, 20), (12, 22, 20), (12, 34, 20), radius=6, shape=(24, 44, 40)) > 0
    ids[9:16, 8:36, 17:24] = True
    assert objects_from(*probabilities(ids.astype(np.uint8)), None).max() == 1


def test_a_leak_in_a_boundary_does_not_merge_its_neighbours():
    ids = np.ones((12, 30, 30), np.uint8)
    ids[:, 15:] = 2
    foreground, boundary = probabilities(ids)
    foreground[5:7, 14:16, 14:16], boundary[5:7, 14:16, 14:16] = 1, 0
    assert objects_from(foreground, boundary, None).max() == 2


def test_flat_voxels_do_not_split_round_objects():
    size = VoxelSize(40.0, 10.0, 10.0)
    ids = balls((3, 20, 20), shape=(7, 40, 40), radius=12, z_step=4.0)
    assert objects_from(*probabilities(ids, size), size).max() == 1


def test_a_single_row_of_many_objects_comes_back():
    inside = (np.arange(70) % 4 < 2).astype(np.float32)[None, None]
    found = objects_from(inside, 1 - inside, None)
    assert found.max() == 18


def test_a_small_object_keeps_its_id():
    foreground = np.zeros((1, 20, 20), np.float32)
    foreground[0, 2:12, 2:12], foreground[0, 17, 17] = 1, 1
    objects = objects_from(foreground, np.zeros_like(foreground), None)
    assert objects.max() == 2
    assert objects[0, 17, 17] != objects[0, 5, 5]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_empty_and_a_full_block_have_a_defined_outcome(value):
    foreground = np.full((4, 6, 6), value, np.float32)
    objects = objects_from(foreground, np.zeros_like(foreground), None)
    assert np.array_equal(np.unique(objects), [int(value)])


@settings(max_examples=40)
@given(
    arrays(
        np.float32,
        array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=8),
        elements=st.floats(0, 1, width=32),
    ),
    st.sampled_from([None, VoxelSize(10.0, 10.0, 10.0), VoxelSize(50.0, 4.6, 4.6)]),
)
def test_objects_have_dense_ids_cover_the_foreground_and_are_the_same_every_time(foreground, size):
    boundary = 1 - foreground
    objects = objects_from(foreground, boundary, size)
    assert objects.shape == foreground.shape
    assert np.array_equal(np.unique(objects[objects > 0]), np.arange(1, objects.max() + 1))
    assert (objects[(foreground > 0.5) & (foreground > boundary)] > 0).all()
    assert np.array_equal(objects, objects_from(foreground.copy(), boundary.copy(), size))


def test_the_true_boundaries_of_real_neurons_give_the_neurons_back():
    sample = Path(__file__).parents[3] / "examples" / "gala" / "neurons.tif"
    truth = cc3d.connected_components(tifffile.imread(sample)[:24], connectivity=6)
    objects = objects_from(*probabilities(truth), None)
    error, *_ = adapted_rand_error(truth, objects)
    assert error < 0.05


def same_up_to_numbers(one, other):
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(np.unique(side).size == pairs.shape[1] for side in pairs)


def test_an_object_apart_from_others_comes_back_as_large_as_it_was():
    ids = balls((12, 12, 12), (12, 27, 28), radius=7)
    assert same_up_to_numbers(objects_from(*probabilities(ids), None), ids)


def test_an_object_that_ends_at_the_face_of_the_volume_keeps_its_voxels_there():
    ids = np.zeros((6, 10, 12), np.uint8)
    ids[:, :, 4:] = 1
    assert same_up_to_numbers(objects_from(*probabilities(ids), None), ids)


def test_sections_apart_keep_objects_that_begin_or_end_between_them():
    # Coarse sections draw no boundary towards the next one, so that none is taken away there either.
    size = VoxelSize(50.0, 4.6, 4.6)
    ids = np.zeros((5, 16, 16), np.uint8)
    ids[1:4, 4:12, 4:12] = 1
    assert same_up_to_numbers(objects_from(*probabilities(ids, size), size), ids)


def test_a_spurious_hole_costs_no_more_than_itself():
    ids = np.ones((9, 20, 20), np.uint8)
    ids[:, 10:] = 2
    foreground, boundary = probabilities(ids)
    whole = objects_from(foreground, boundary, None)
    for place in ((4, 5, 5), (4, 10, 14)):  # inside of one, and on the boundary
        holed = foreground.copy(), boundary.copy()
        holed[0][place] = holed[1][place] = 0
        lost = (objects_from(*holed, None) == 0) & (whole > 0)
        assert lost.sum() == 1
        assert lost[place]


@given(arrays(np.float32, (4, 6, 6), elements=st.floats(0, 1, width=32)))
def test_without_background_only_boundaries_are_decided_by_joining(interior):
    # Interior and boundary make up everything: every voxel that a fragment reaches stays with it.
    interior[0, 0, 0] = 1
    assert (objects_from(interior, 1 - interior, None) > 0).all()

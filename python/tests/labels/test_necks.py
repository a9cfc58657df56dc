"""Objects of a class that touch are parted where they are narrow, and nowhere else."""

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cristae.labels.necks import Necks, blobs_from
from cristae.volumes import VoxelSize


def parted(classes, voxel_size=None):
    fragments, _, depth = blobs_from(classes, voxel_size)
    return Necks.between(fragments, classes, depth).bodies(int(fragments.max()) + 1)[fragments]


def count(ids):
    return np.unique(ids[ids > 0]).size


def balls(*centres, radius=10, shape=(30, 40, 70), z_step=1.0):
    grid, inside = np.indices(shape), np.zeros(shape, bool)
    for centre in centres:
        offsets = zip(grid, centre, (z_step, 1, 1), strict=True)
        inside |= sum(((axis - c) * step) ** 2 for axis, c, step in offsets) < radius**2
    return inside.astype(np.uint8)


def tube(places, radii, shape=(30, 60, 80)):
    """Return what lies within a radius of a place each."""
    grid, inside = np.indices(shape), np.zeros(shape, bool)
    for place, radius in zip(places, np.broadcast_to(radii, len(places)), strict=True):
        inside |= sum((axis - c) ** 2 for axis, c in zip(grid, place, strict=True)) < radius**2
    return inside.astype(np.uint8)


def test_two_balls_that_touch_become_two():
    classes = balls((15, 20, 20), (15, 20, 38))
    assert cc3d.connected_components(classes, connectivity=6).max() == 1
    found = parted(classes)
    assert count(found) == 2
    for half in (found[:, :, :29], found[:, :, 30:]):  # cut in the middle between them
        ids, voxels = np.unique(half[half > 0], return_counts=True)
        assert voxels.max() >= 0.99 * voxels.sum(), ids


def test_a_small_ball_at_a_large_one_is_parted():
    classes = np.maximum(balls((15, 20, 20), radius=12), balls((15, 20, 36), radius=5))
    assert count(parted(classes)) == 2


def test_balls_of_flat_voxels_become_two_too():
    size = VoxelSize(40, 10, 10)
    classes = balls((4, 20, 20), (4, 20, 38), shape=(9, 40, 60), z_step=4.0)
    assert count(parted(classes, size)) == 2


@pytest.mark.parametrize("radius", [2, 3, 6, 9])
def test_a_bent_tube_stays_one(radius):
    angle = np.linspace(0, np.pi, 100)
    places = np.stack([np.full(100, 15.0), 12 + 35 * np.sin(angle), 40 + 28 * np.cos(angle)], axis=1)
    assert count(parted(tube(places, radius))) == 1


def test_a_tube_with_a_slight_waist_stays_one_and_one_with_a_deep_waist_becomes_two():
    along = np.linspace(12, 68, 113)
    places = np.stack([np.full(113, 15.0), np.full(113, 30.0), along], axis=1)
    waist = np.exp(-(((along - 40) / 6) ** 2))
    assert count(parted(tube(places, 10 * (1 - 0.2 * waist)))) == 1
    assert count(parted(tube(places, 10 * (1 - 0.6 * waist)))) == 2


def test_what_is_deeper_than_distances_are_measured_is_one():
    assert count(parted(np.ones((20, 100, 120), np.uint8))) == 1


def test_two_classes_that_touch_are_two():
    classes = np.ones((3, 8, 12), np.uint8)
    classes[:, :, 6:] = 2
    found = parted(classes)
    assert count(found) == 2
    assert (found[classes == 1] != found[classes == 2].max()).all()


def test_nothing_gives_nothing():
    fragments, seeds, depth = blobs_from(np.zeros((2, 3, 4), np.uint8), None)
    assert not fragments.any()
    assert not seeds.any()
    assert not depth.any()
    assert count(parted(np.zeros((2, 3, 4), np.uint8))) == 0


@settings(max_examples=60)
@given(
    arrays(
        np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9), elements=st.integers(0, 2)
    ),
    st.sampled_from([None, VoxelSize(50.0, 4.6, 4.6)]),
)
def test_every_object_lies_in_one_connected_piece_and_no_voxel_is_lost(classes, size):
    pieces = cc3d.connected_components(np.pad(classes, 1), connectivity=6)[1:-1, 1:-1, 1:-1]
    found = parted(classes, size)
    assert np.array_equal(found > 0, classes > 0)
    pairs = np.unique(np.stack([found.ravel(), pieces.ravel()]), axis=1)
    assert np.unique(pairs[0]).size == pairs.shape[1]


def test_necks_of_parts_are_those_of_the_whole():
    generator = np.random.default_rng(0)
    fragments = generator.integers(0, 5, (4, 5, 6))
    classes = np.minimum(fragments, 1).astype(np.uint8)
    depth = generator.random((4, 5, 6)).astype(np.float32)
    whole = Necks.between(fragments, classes, depth)
    upper = Necks.between(fragments[:2], classes[:2], depth[:2])
    lower = Necks.between(fragments[1:], classes[1:], depth[1:], (1, 0, 0))
    together = Necks.together([upper, lower])
    assert np.array_equal(whole.pairs, together.pairs)
    assert np.array_equal(whole.depths, together.depths)
    assert np.array_equal(whole.numbers, together.numbers)
    assert np.array_equal(whole.tops, together.tops)


def test_what_is_known_of_a_block_is_small_however_high_its_numbers():
    fragments = np.full((4, 5, 6), 2**31)
    fragments[2:] += 1
    necks = Necks.between(fragments, np.ones((4, 5, 6), np.uint8), np.ones((4, 5, 6), np.float32))
    assert (necks.numbers.tolist(), necks.tops.tolist(), necks.depths.tolist()) == (
        [2**31, 2**31 + 1],
        [1, 1],
        [1],
    )


def test_fragments_that_are_one_have_the_deepest_of_their_places_and_no_neck_between():
    necks = Necks(
        np.array([1, 2, 3]),
        np.array([5, 9, 4], np.float32),
        np.array([1 << 32 | 2, 1 << 32 | 3, 2 << 32 | 3], np.uint64),
        np.array([2, 1, 3], np.float32),
    )
    renamed = necks.renamed(np.array([0, 1, 1, 2]))
    assert (renamed.numbers.tolist(), renamed.tops.tolist()) == ([1, 2], [9, 4])
    assert renamed.pairs.tolist() == [1 << 32 | 2]
    assert renamed.depths.tolist() == [3]

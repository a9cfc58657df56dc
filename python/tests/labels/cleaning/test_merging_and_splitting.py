"""Objects joined and cut by hand: exactly those that were named change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cristae.errors import InvalidInput, NotFound, OutOfMemory
from cristae.geometry import Box
from cristae.labels.cleaning import Objects, boxes_of, merge, merge_groups, merge_in, split, split_in
from cristae.labels.cleaning import objects as room
from cristae.labels.cleaning.images import InMemory, Patched
from cristae.volumes import ArrayImage, VoxelSize

SIZE = VoxelSize(8, 4, 4)


def objects_of(labels, slab_voxels=10**6):
    labels = np.asarray(labels)
    whole = ArrayImage(np.zeros(labels.shape, np.uint8), SIZE)
    return Objects.of(InMemory(labels.reshape(whole.shape_czyx[1:]), whole), slab_voxels=slab_voxels)


def voxels_of(objects):
    return objects.in_memory(1, "The result")


def two_balls(shape=(20, 20, 40), id_=6):
    """Two balls of radius 8 that overlap in a neck, at x = 10 and 26."""
    z, y, x = np.ogrid[tuple(map(slice, shape))]
    labels = np.zeros(shape, np.int64)
    for middle in (10, 26):
        labels[(z - 10) ** 2 + (y - 10) ** 2 + (x - middle) ** 2 <= 8.4**2] = id_
    return labels


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_merged_objects_have_the_lowest_number_and_others_theirs(seed, slab_voxels):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 8, (3, 4, 5))
    picked = generator.permutation(np.unique(labels[labels > 0]))[:3].tolist()
    expected = np.where(np.isin(labels, picked), min(picked), labels)
    merged, _ = merge(objects_of(labels, slab_voxels), picked)
    assert np.array_equal(voxels_of(merged), expected)
    assert np.array_equal(merge_in(labels, picked), expected)
    ids, counts = np.unique(expected[expected > 0], return_counts=True)
    assert (merged.ids.tolist(), merged.voxels.tolist()) == (ids.tolist(), counts.tolist())


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_groups_that_share_objects_become_one_with_the_lowest_number(seed, count):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(1, 13)).reshape(1, 3, 4)
    groups = [generator.permutation(12)[: generator.integers(2, 4)] + 1 for _ in range(count)]
    expected = labels.copy()
    for _ in groups:
        for ids in groups:  # again and again, until nothing changes any more
            now = expected[np.isin(labels, ids)]
            expected[np.isin(expected, now)] = now.min()
    merged, sentences = merge_groups(objects_of(labels, 5), [ids.tolist() for ids in groups])
    assert np.array_equal(voxels_of(merged), expected)
    assert merged.ids.tolist() == np.unique(expected).tolist()
    assert merged.voxels.sum() == labels.size
    assert len(sentences) == count


def test_a_number_that_an_object_had_before_is_told_with_what_it_became():
    merged, _ = merge(objects_of([[[1, 3, 7, 9]]]), [3, 7])
    for step in (
        lambda objects: merge(objects, [7, 9]),
        lambda objects: split(objects, 7, [(0, 0, 1), (0, 0, 2)], SIZE),
    ):
        with pytest.raises(NotFound, match="The object 7 became number 3 in an earlier step"):
            step(merged)
    parts, _ = split(merged, 3, [(0, 0, 1), (0, 0, 2)], SIZE)
    later, _ = merge(parts, [1, 3])
    with pytest.raises(NotFound, match="The object 7 became number 1 in an earlier step"):
        merge(later, [7, 9])


def test_splits_lie_beside_each_other_however_many_they_are():
    """As many in each other would be deeper than Python reads."""
    labels = np.repeat(np.arange(1, 601), 2).reshape(1, 1, -1)
    objects, size = objects_of(labels), VoxelSize(50, 4, 4)
    boxes = boxes_of(objects, range(1, 601))
    for one in range(1, 601):
        objects, _ = split(objects, one, [(0, 0, 2 * one - 2), (0, 0, 2 * one - 1)], size, boxes[one])
    expected = np.stack([np.arange(1, 601), np.arange(601, 1201)], axis=-1)
    assert np.array_equal(voxels_of(objects), expected.reshape(labels.shape))


def test_of_patches_that_overlap_the_last_one_counts():
    labels, whole = np.array([[[5, 5, 5, 5]]]), Box((0, 0, 0), (1, 1, 4))
    image = ArrayImage(labels.astype(np.uint8))
    for start, id_ in ((0, 6), (1, 7)):
        image = Patched.over(image, Box((0, 0, start), (1, 1, start + 2)), np.full((1, 1, 2), id_))
    assert image.read(whole).tolist() == [[[[6, 7, 7, 5]]]]


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_the_boxes_of_all_objects_are_found_in_one_pass(seed, slab_voxels):
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random((3, 4, 5)) < 0.1, generator.integers(1, 5, (3, 4, 5)), 0)
    objects, told = objects_of(labels * 2**40, slab_voxels), []
    found = boxes_of(objects, [9 * 2**40, *(one * 2**40 for one in range(1, 5)), 2**70], told.append)
    expected = {}
    for one in np.unique(labels[labels > 0]).tolist():
        places = np.argwhere(labels == one)
        expected[one * 2**40] = Box(tuple(places.min(axis=0)), tuple(places.max(axis=0) + 1))
    assert found == expected
    assert told.count(0.0) == bool(expected)


def test_objects_that_are_not_there_cannot_be_merged_and_one_alone_neither():
    objects = objects_of([[[1, 2, 2**40]]])
    with pytest.raises(NotFound, match="no object 9"):
        merge(objects, [2, 9])
    for ids in ([], [2], [2, 2], [0, 1]):
        with pytest.raises(InvalidInput, match="name two objects at least"):
            merge(objects, ids)
    assert merge(objects, [2**40, 2])[0].ids.tolist() == [1, 2]


@pytest.mark.parametrize("points", [[(10, 10, 10), (10, 10, 26)], [(5, 10, 6), (14, 12, 30)]])
def test_two_balls_are_cut_at_their_neck_and_nothing_else_changes(points):
    labels = two_balls()
    labels[0, 0, :3] = 9
    parts, sentence = split(objects_of(labels, 1000), 6, points, VoxelSize(4, 4, 4))
    found = voxels_of(parts)
    x = np.arange(labels.shape[2])
    assert sentence == "The object 6 became 2 parts, numbers 6, 10."
    assert np.array_equal(found != labels, (found == 10))
    assert (found[(labels == 6) & (x < 17)] == 6).all()
    assert (found[(labels == 6) & (x > 19)] == 10).all()
    ids, counts = np.unique(found[found > 0], return_counts=True)
    assert (parts.ids.tolist(), parts.voxels.tolist()) == (ids.tolist(), counts.tolist())


def test_a_body_without_a_neck_is_cut_half_way():
    labels = np.full((1, 4, 20), 3)
    for points in ([(0, 1, 2), (0, 1, 17)], [(0, 0, 2), (0, 3, 17)]):
        found = split_in(labels, 3, points, VoxelSize(50, 4, 4), 4)
        assert (found[0, :, :8] == 3).all()
        assert (found[0, :, 12:] == 4).all()


def test_blocks_joined_by_a_bridge_are_cut_on_it_whatever_the_voxel_size():
    labels = np.zeros((9, 9, 30), np.int64)
    labels[:, :, :10] = labels[:, :, 20:] = labels[3:6, 3:6, 10:20] = 1
    for size in (None, VoxelSize(50, 4, 4), VoxelSize(4, 4, 50)):
        found = split_in(labels, 1, [(4, 4, 2), (4, 4, 27)], size, 2)
        assert (found[:, :, :9][labels[:, :, :9] == 1] == 1).all()
        assert (found[:, :, 21:][labels[:, :, 21:] == 1] == 2).all()


def test_a_piece_without_a_point_keeps_its_number():
    labels = np.array([[[5, 5, 5, 5, 0, 5, 5]]])
    assert split_in(labels, 5, [(0, 0, 3), (0, 0, 0)], None, 3_000_000_001).max() == 3_000_000_001
    found = split_in(labels, 5, [(0, 0, 3), (0, 0, 0)], None, 8)
    assert found.tolist() == [[[8, 8, 5, 5, 0, 5, 5]]]


@given(st.integers(0, 10**6), st.integers(2, 5))
def test_every_part_has_its_point_and_the_parts_make_up_the_object(seed, count):
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random((5, 6, 7)) < 0.7, 2, 4)
    places = generator.permutation(np.argwhere(labels == 2))[:count]
    points = [tuple(place) for place in places.tolist()]
    parts, _ = split(objects_of(labels, 60), 2, points, SIZE)
    found = voxels_of(parts)
    assert [found[point] for point in points] == [2, *range(5, 4 + count)]
    assert np.array_equal(found == 4, labels == 4)
    assert set(np.unique(found[labels == 2]).tolist()) == {2, *range(5, 4 + count)}


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([(10, 10, 10)], "two at least"),
        ([(10, 10, 10), (10, 10, 10)], "are the same"),
        ([(10, 10, 10), (0, 0, 0)], "point 0, 0, 0 .* does not lie in the object 6 but in background"),
        ([(10, 10, 10), (10, 10, 99)], "point 10, 10, 99 .* does not lie"),
        ([(10, 10, 10), (-1, 10, 26)], "point -1, 10, 26 .* does not lie"),
    ],
)
def test_points_that_cut_nothing_are_refused(points, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        split(objects_of(two_balls()), 6, points, SIZE)


def test_an_object_that_is_not_there_or_too_large_cannot_be_split(monkeypatch):
    objects, points = objects_of(two_balls()), [(10, 10, 10), (10, 10, 26)]
    with pytest.raises(NotFound, match="no object 7"):
        split(objects, 7, points, SIZE)
    monkeypatch.setattr(room, "available_bytes", lambda: 1000)
    with pytest.raises(OutOfMemory, match="Splitting the object 6"):
        split(objects, 6, points, SIZE)


def test_there_must_be_numbers_left():
    labels = np.full((1, 1, 4), 2**63 - 1)
    with pytest.raises(InvalidInput, match="no number left"):
        split(objects_of(labels), 2**63 - 1, [(0, 0, 0), (0, 0, 3)], None)

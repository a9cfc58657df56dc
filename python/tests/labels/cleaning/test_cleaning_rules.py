"""What is removed, filled and smoothed, against plain brute force."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.labels.cleaning import (
    Objects,
    fill_holes,
    remove_at_border,
    remove_small,
    smooth,
)
from cristae.labels.cleaning import objects as room
from cristae.labels.cleaning.images import InMemory
from cristae.volumes import ArrayImage, VoxelSize

SIZE = VoxelSize(8, 4, 4)


def objects_of(labels, slab_voxels=10**6):
    labels = np.asarray(labels)
    whole = ArrayImage(np.zeros(labels.shape, np.uint8), SIZE)
    return Objects.of(InMemory(labels.reshape(whole.shape_czyx[1:]), whole), slab_voxels=slab_voxels)


def voxels_of(objects):
    return objects.in_memory(1, "The result")


def random_labels(seed, shape=(4, 6, 7), share=0.6):
    generator = np.random.default_rng(seed)
    return np.where(generator.random(shape) < share, generator.integers(1, 5, shape), 0)


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 50))
def test_small_objects_are_removed_and_nothing_else_changes(seed, least, slab_voxels):
    labels = random_labels(seed)
    counts = Counter(labels[labels > 0].tolist())
    small = [one for one, count in counts.items() if count < least]
    rest, sentence = remove_small(objects_of(labels, slab_voxels), None, minimum_voxels=least)
    assert np.array_equal(voxels_of(rest), np.where(np.isin(labels, small), 0, labels))
    assert rest.ids.tolist() == sorted(set(counts) - set(small))
    assert sentence.startswith(f"{len(small)} of {len(counts)} objects")


def test_a_volume_of_just_the_minimum_stays():
    labels = [[[1, 1, 2], [0, 0, 0]], [[0, 0, 0]] * 2]
    rest, sentence = remove_small(objects_of(labels), SIZE, minimum_nm3=256)
    assert rest.ids.tolist() == [1]
    assert sentence == "1 of 2 objects was smaller than 256 nm^3 and was removed."


@pytest.mark.parametrize(
    ("given", "size", "sentence"),
    [
        ({"minimum_nm3": 5}, None, "do not say how large a voxel is"),
        ({"minimum_nm3": 0}, SIZE, "above 0"),
        ({"minimum_nm3": float("nan")}, SIZE, "above 0"),
        ({"minimum_voxels": -1}, SIZE, "above 0"),
        ({}, SIZE, "either in cubic nanometres or in voxels"),
        ({"minimum_nm3": 5, "minimum_voxels": 5}, SIZE, "either in cubic nanometres or in voxels"),
    ],
)
def test_a_size_that_means_nothing_is_refused(given, size, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        remove_small(objects_of(np.ones((2, 2, 2), int)), size, **given)


def test_a_section_has_no_volumes():
    with pytest.raises(InvalidInput, match="single section has no volumes"):
        remove_small(objects_of(np.ones((1, 2, 2), int)), SIZE, minimum_nm3=5)


@given(st.integers(0, 10**6), st.integers(1, 50), st.booleans())
def test_objects_at_the_border_are_removed(seed, slab_voxels, is_flat):
    labels = random_labels(seed, (1, 6, 7) if is_flat else (4, 6, 7), 0.3)
    inner = labels[:, 1:-1, 1:-1] if is_flat else labels[1:-1, 1:-1, 1:-1]
    frame = Counter(labels.ravel().tolist()) - Counter(inner.ravel().tolist())
    rest, _ = remove_at_border(objects_of(labels, slab_voxels))
    assert np.array_equal(voxels_of(rest), np.where(np.isin(labels, list(frame)), 0, labels))


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_holes_are_background_that_touches_one_object_and_no_border(seed, is_flat):
    labels = random_labels(seed, (1, 7, 8) if is_flat else (5, 6, 7), 0.85)
    expected, holes, filled = labels.copy(), 0, 0
    pieces, count = ndimage.label(labels == 0)
    for piece in range(1, count + 1):
        mask = pieces == piece
        places = np.argwhere(mask)
        at_border = any(
            place[axis] in (0, labels.shape[axis] - 1) for place in places for axis in range(is_flat, 3)
        )
        around = set(labels[ndimage.binary_dilation(mask) & ~mask].tolist())
        if not at_border and len(around) == 1:
            expected[mask] = around.pop()
            holes, filled = holes + 1, filled + len(places)
    found, sentence = fill_holes(objects_of(labels, 20))
    assert np.array_equal(voxels_of(found), expected)
    assert sentence.startswith(f"{holes} hole")
    assert f"({filled} voxel" in sentence


def test_a_hole_between_two_objects_stays():
    labels = np.array([[[1, 1, 2], [1, 0, 2], [1, 1, 2]]])
    found, sentence = fill_holes(objects_of(labels))
    assert np.array_equal(voxels_of(found), labels)
    assert sentence == "0 holes (0 voxels) in 0 objects were filled."


def smoothed_by_hand(labels, radius_nm, sides):
    reach = [int(radius_nm / side) for side in sides]
    steps = [
        s
        for s in product(*(range(-n, n + 1) for n in reach))
        if np.linalg.norm(np.multiply(s, sides)) <= radius_nm
    ]
    found = labels.copy()
    ends = np.array(labels.shape) - 1
    for place in product(*map(range, labels.shape)):
        votes = Counter(int(labels[tuple(np.clip(np.add(place, s), 0, ends))]) for s in steps)
        most = max(votes.values())
        best = sorted(one for one, count in votes.items() if count == most)
        found[place] = labels[place] if labels[place] in best else best[0]
    return found


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([4.0, 6.0, 8.5]), st.integers(1, 80), st.booleans())
def test_each_voxel_gets_the_id_of_most_voxels_around_it(seed, radius_nm, slab_voxels, is_flat):
    labels = random_labels(seed, (1, 5, 6) if is_flat else (4, 5, 6)) * 1000
    expected = smoothed_by_hand(labels, radius_nm, (1e9, 4, 4) if is_flat else SIZE.zyx_nm)
    found, sentence = smooth(objects_of(labels, slab_voxels), radius_nm, SIZE)
    assert np.array_equal(voxels_of(found), expected)
    lost = len(set(labels[labels > 0].tolist()) - set(expected.ravel().tolist()))
    assert f"{lost} of {len(set(labels[labels > 0].tolist()))} objects" in sentence
    assert sentence.startswith(f"{np.count_nonzero(expected != labels)} voxel")


@pytest.mark.parametrize(
    ("radius_nm", "size", "sentence"),
    [
        (3.9, SIZE, "reaches no neighbour of a voxel of 8 x 4 x 4 nm"),
        (1000.0, SIZE, "reaches too many voxels"),
        (0, SIZE, "above 0"),
        (float("inf"), SIZE, "above 0"),
        (5.0, None, "do not say how large a voxel is"),
    ],
)
def test_a_radius_that_means_nothing_is_refused(radius_nm, size, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        smooth(objects_of(np.ones((2, 2, 2), int)), radius_nm, size)


def test_an_empty_image_and_one_that_an_object_fills_go_through_every_step():
    for labels in (np.zeros((3, 4, 5), np.int64), np.full((3, 4, 5), 2**40)):
        objects = objects_of(labels)
        for step in (
            fill_holes,
            lambda objects: smooth(objects, 8, SIZE),
            lambda objects: remove_small(objects, SIZE, minimum_nm3=1),
        ):
            objects, _ = step(objects)
        assert np.array_equal(voxels_of(objects), labels)
        assert remove_at_border(objects)[0].ids.tolist() == []


def test_what_does_not_fit_into_memory_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(room, "available_bytes", lambda: 10)
    objects = objects_of(np.ones((2, 3, 4), int))
    for step in (fill_holes, lambda objects: smooth(objects, 8, SIZE)):
        with pytest.raises(OutOfMemory, match="in 2 x 3 x 4 voxels takes about"):
            step(objects)
    assert remove_small(objects, None, minimum_voxels=9)[0].ids.tolist() == [1]


def test_smoothing_counts_the_memory_of_a_slab_too(monkeypatch):
    """A byte for each voxel of the result would fit; what the votes take besides does not."""
    monkeypatch.setattr(room, "available_bytes", lambda: 1000)
    with pytest.raises(OutOfMemory, match="Smoothing objects"):
        smooth(objects_of(random_labels(3)), 8, SIZE)


@pytest.mark.parametrize(
    "step",
    [
        fill_holes,
        lambda objects, tell: smooth(objects, 8, SIZE, tell),
        remove_at_border,
        lambda objects, tell: (Objects.of(objects.image, on_progress=tell), ""),
    ],
)
def test_steps_tell_their_progress_and_can_be_ended_at_each_of_it(step):
    told = []
    step(objects_of(random_labels(3), 42), told.append)
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)
    for count in range(1, len(told)):
        rest = iter(range(count))

        def tell(fraction, rest=rest):
            if next(rest, None) is None:
                raise Cancelled("Enough.")

        with pytest.raises(Cancelled):
            step(objects_of(random_labels(3), 42), tell)


@pytest.mark.parametrize(("slab_voxels", "depths"), [(42 * 5, [4, 4, 1]), (42 * 2, [4, 4, 1]), (42, [1] * 9)])
def test_slabs_are_written_that_end_with_blocks_where_memory_allows(slab_voxels, depths):
    labels, boxes = random_labels(3, (9, 6, 7)), []
    found = np.zeros_like(labels)

    def put(box, ids):
        boxes.append(box.shape[0])
        found[box.slices] = ids

    objects_of(labels, slab_voxels).write(put, lambda done: None, 4 if depths[0] == 4 else 5)
    assert boxes == depths
    assert np.array_equal(found, labels)


def test_several_channels_are_no_label_image():
    with pytest.raises(InvalidInput, match="3 channels"):
        Objects.of(ArrayImage(np.ones((3, 1, 2, 2), np.uint8)))


def test_what_befell_none_of_a_single_object_is_told_in_the_singular():
    one = Objects.of(ArrayImage(np.pad(np.ones((1, 3, 3), np.uint8), ((0, 0), (1, 1), (1, 1)))))
    assert remove_small(one, None, minimum_voxels=2)[1] == (
        "0 of 1 object was smaller than 2 voxels and was removed."
    )

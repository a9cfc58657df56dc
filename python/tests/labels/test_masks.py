"""Masks that overlap: which combinations there are, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import MasksAsOne, find_masks, read_labels
from cristae.volumes import ArrayImage, LabelClass

NAMES = [LabelClass(1, "mito", 0xFF0000), LabelClass(2, "crista")]


def masks_of(*rows: list[int]) -> NDArray[np.uint8]:
    """One section with one row for each mask (c, z, y, x)."""
    return np.array(rows, np.uint8)[:, None, None, :]


def test_each_combination_of_masks_is_one_value() -> None:
    voxels = masks_of([0, 1, 1, 0], [0, 0, 255, 255])
    masks = find_masks([ArrayImage(voxels)], classes=NAMES)
    one = MasksAsOne(ArrayImage(voxels), masks)
    values = one.read(Box.of_shape((1, 1, 4)))[0, 0, 0]
    assert [sorted(np.flatnonzero(masks.members[value])) for value in values] == [[], [0], [0, 1], [1]]


def test_random_masks_are_found_again_from_their_combinations() -> None:
    random = np.random.default_rng(0)
    voxels = (random.random((5, 3, 9, 11)) < 0.3).astype(np.uint8) * np.array([1, 2, 3, 9, 255])[
        :, None, None, None
    ].astype(np.uint8)
    masks = find_masks([ArrayImage(voxels)])
    values = MasksAsOne(ArrayImage(voxels), masks).read(Box.of_shape((3, 9, 11)))[0]
    assert (np.moveaxis(masks.members[values], -1, 0) == (voxels != 0)).all()
    for mask, group in enumerate(masks.groups):
        assert (np.isin(values, group) == (voxels[mask] != 0)).all()


def test_a_voxel_that_is_unknown_in_one_mask_is_unknown() -> None:
    voxels = masks_of([0, 1, 7], [0, 7, 0])
    masks = find_masks([ArrayImage(voxels)], unknown=7)
    values = MasksAsOne(ArrayImage(voxels), masks, 7).read(Box.of_shape((1, 1, 3)))
    assert values.ravel().tolist() == [0, 255, 255]
    assert masks.combinations == ()


def test_what_was_understood_is_told_by_mask() -> None:
    voxels = np.zeros((2, 3, 4, 5), np.uint8)
    voxels[0, :2, :2] = 1
    voxels[1, :2, 1:3] = 1
    masks = find_masks([ArrayImage(voxels)], classes=NAMES)
    reading = read_labels(MasksAsOne(ArrayImage(voxels), masks), (1, 3, 4, 5), target="masks", masks=masks)
    assert reading.sentences == (
        "2 of 3 sections carry labels; the 1 other counts as not annotated.",
        "2 masks: 1 'mito', 50.0 %; 2 'crista', 50.0 % of the annotated voxels.",
    )
    assert reading.answers == tuple(NAMES)


def test_a_mask_without_a_voxel_is_told_and_keeps_its_place() -> None:
    voxels = masks_of([0, 1], [0, 0])
    masks = find_masks([ArrayImage(voxels)], classes=NAMES)
    reading = read_labels(MasksAsOne(ArrayImage(voxels), masks), (1, 1, 1, 2), target="masks", masks=masks)
    assert reading.warnings == ("No voxel of the labels belongs to the mask 'crista'.",)
    assert len(reading.answers) == 2


def test_a_mask_may_be_called_background() -> None:
    voxels = masks_of([0, 1])
    masks = find_masks([ArrayImage(voxels)], classes=[LabelClass(1, "background")])
    reading = read_labels(MasksAsOne(ArrayImage(voxels), masks), (1, 1, 1, 2), target="masks", masks=masks)
    assert reading.voxel_counts == {0: 1, 1: 1}


def test_several_images_share_their_combinations() -> None:
    one, two = masks_of([0, 1, 1], [0, 0, 1]), masks_of([0, 0], [0, 1])
    assert find_masks([ArrayImage(one), ArrayImage(two)]).combinations == ((0,), (1,), (0, 1))


@pytest.mark.parametrize(
    ("images", "classes", "told"),
    [
        ([masks_of([0, 1, 2])], [], "Channel 1 of the labels holds the values 1 and 2, but a mask has 0 and"),
        ([masks_of([0, 1]), masks_of([0, 1], [1, 0])], [], "have 1 and 2 channels"),
        ([masks_of([0, 1])], NAMES, "2 masks are named, but the labels have 1 channel,"),
        ([masks_of([0, 1], [0, 1])], [NAMES[0], LabelClass(2, "mito")], "same name"),
        ([masks_of(*[[0, 1]] * 33)], [], "at most 32"),
    ],
)
def test_what_are_no_masks_is_refused(
    images: list[NDArray[np.uint8]], classes: list[LabelClass], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        find_masks([ArrayImage(voxels) for voxels in images], classes=classes)


def test_zero_is_outside_of_a_mask_and_cannot_be_unknown() -> None:
    with pytest.raises(InvalidInput, match="0 is outside of a mask"):
        find_masks([ArrayImage(masks_of([0, 1, 1], [0, 0, 1]))], unknown=0)


def test_masks_that_overlap_in_too_many_ways_are_refused() -> None:
    every = np.arange(512)
    voxels = masks_of(*[(every >> bit & 1).tolist() for bit in range(9)])
    with pytest.raises(InvalidInput, match="more than 254 ways"):
        find_masks([ArrayImage(voxels)])

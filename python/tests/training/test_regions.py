"""The annotated part of an image: targets box by box, and voxels of classes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.labels import UNKNOWN, read_labels
from cristae.training.regions import Region, class_profiles
from cristae.volumes import ArrayImage


def region_of(labels: NDArray[np.generic], **choices: object) -> Region:
    image = ArrayImage(np.random.default_rng(0).integers(1, 255, labels.shape, dtype=np.uint8))
    given = ArrayImage(labels)
    reading = read_labels(given, image.shape_czyx, **choices)  # type: ignore[arg-type]
    return Region(image, given, reading)


def striped(depth: int = 6, side: int = 8) -> NDArray[np.uint8]:
    labels = np.zeros((depth, side, side), np.uint8)
    labels[:, :, side // 2 :] = 1
    return labels


@pytest.mark.parametrize("held", [False, True])
def test_targets_beyond_the_image_and_of_empty_sections_are_unknown(held: bool) -> None:
    labels = striped()
    labels[0] = labels[5] = 0  # not annotated
    region = region_of(labels)
    if held:
        region.hold_in_memory()
    targets = region.targets(Box((-1, -1, 3), (7, 2, 5)))
    assert targets.shape == (8, 3, 2)
    assert (targets[:, 0] == UNKNOWN).all()
    assert (targets[[0, 1, 6, 7]] == UNKNOWN).all()
    assert targets[2:6, 1:].tolist() == [[[0, 1]] * 2] * 4


def test_what_is_held_out_is_trained_on_nowhere_and_validated_on_only_there() -> None:
    region = region_of(striped())
    region.held_out = Box((4, 0, 0), (6, 8, 8))
    region.gap_zyx = (1, 0, 0)
    everything = Box.of_shape((6, 8, 8))
    trained = (region.targets(everything) != UNKNOWN).any(axis=(1, 2))
    validated = (region.targets(everything, validation=True) != UNKNOWN).any(axis=(1, 2))
    assert trained.tolist() == [True, True, True, False, False, False]
    assert validated.tolist() == [False, False, False, False, True, True]


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_held_out_section_without_labels_is_unknown(in_memory: bool) -> None:
    labels = striped()
    labels[5] = 0  # not annotated
    region = region_of(labels)
    region.held_out = Box((5, 0, 0), (6, 8, 8))
    if in_memory:
        region.hold_in_memory()
    assert (region.targets(Box((4, 0, 0), (6, 8, 8)), validation=True) == UNKNOWN).all()


def test_sections_that_were_not_chosen_are_not_trained_on() -> None:
    region = region_of(striped())
    region.training_z = (1, 3)
    trained = (region.targets(Box((0, 0, 0), (6, 8, 8))) != UNKNOWN).any(axis=(1, 2))
    assert trained.tolist() == [False, True, True, False, False, False]
    part = (region.targets(Box((2, 0, 0), (6, 8, 8))) != UNKNOWN).any(axis=(1, 2))
    assert part.tolist() == [True, False, False, False]


@pytest.mark.parametrize("held", [False, True])
def test_boundaries_do_not_depend_on_the_box_that_is_read(held: bool) -> None:
    objects = np.random.default_rng(1).integers(1, 5, (3, 3, 3)).repeat(4, 0).repeat(4, 1).repeat(4, 2)
    region = region_of(objects.astype(np.uint16), target="instances")
    if held:
        region.hold_in_memory()
    whole = region.targets(Box.of_shape((12, 12, 12)))
    assert set(np.unique(whole)) == {1, 2}
    for box in (Box((0, 0, 0), (4, 4, 4)), Box((3, 5, 7), (9, 6, 12))):
        assert np.array_equal(region.targets(box), whole[box.slices])


def test_profiles_count_every_voxel_of_every_class_along_each_axis() -> None:
    labels = striped(4, 6)
    labels[2:, :2] = 2
    profiles = class_profiles(region_of(labels))
    for axis, profile in enumerate(profiles):
        others = tuple(a for a in range(3) if a != axis)
        assert np.array_equal(profile, [(labels == c).sum(axis=others) for c in range(3)])

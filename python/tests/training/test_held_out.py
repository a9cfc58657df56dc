"""Which part of an image is held out to validate on, or why none is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.labels import read_labels
from cristae.training.held_out import HeldOut, choose_held_out
from cristae.training.regions import Region, class_profiles
from cristae.volumes import ArrayImage


def region_of(labels: NDArray[np.generic], **choices: object) -> Region:
    image = ArrayImage(np.random.default_rng(0).integers(1, 255, labels.shape, dtype=np.uint8))
    given = ArrayImage(labels)
    return Region(image, given, read_labels(given, image.shape_czyx, **choices))  # type: ignore[arg-type]


def chosen(region: Region, share: float, gap_zyx: tuple[int, int, int]) -> HeldOut:
    names = ["background", *(entry.name for entry in region.reading.answers)]
    return choose_held_out(class_profiles(region), region.annotated_box, share, gap_zyx, names)


def held_out_of(region: Region, share: float, gap_zyx: tuple[int, int, int]) -> Box | None:
    return chosen(region, share, gap_zyx).box


def striped(depth: int = 6, side: int = 8) -> NDArray[np.uint8]:
    labels = np.zeros((depth, side, side), np.uint8)
    labels[:, :, side // 2 :] = 1
    return labels


def test_a_stack_of_many_sections_holds_sections_out() -> None:
    region = region_of(striped(40, 32))
    held = held_out_of(region, 0.1, (1, 8, 8))
    assert held is not None
    assert held.shape == (4, 32, 32)
    assert held.start[0] in (0, 36)


def test_few_sections_hold_a_strip_out_with_every_class_on_both_sides() -> None:
    labels = np.zeros((2, 64, 400), np.uint8)
    labels[:, :, ::7] = 1
    region = region_of(labels)
    held = held_out_of(region, 0.12, (1, 8, 8))
    assert held is not None
    assert held.shape == (2, 64, 48)


def test_a_class_in_one_corner_is_not_taken_from_the_training() -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[:, :8, :8] = 1
    labels[0, 4, 4] = 2  # the only voxel of this class
    region = region_of(labels, empty_sections="background")
    held = held_out_of(region, 0.1, (1, 8, 8))
    assert held is None


@pytest.mark.parametrize(("known", "is_held_out"), [(1023, False), (1024, True)])
def test_what_is_held_out_has_4096_known_voxels(known: int, is_held_out: bool) -> None:
    labels = np.zeros((40, 64, 64), np.uint8)  # strokes: 0 is unknown
    labels.reshape(40, -1)[:, :known] = 1
    labels.reshape(40, -1)[:, :100] = 2
    region = region_of(labels, unknown=0)
    assert (held_out_of(region, 0.1, (1, 8, 8)) is not None) == is_held_out


@pytest.mark.parametrize(("voxels", "is_held_out"), [(12, False), (13, True)])
def test_what_is_held_out_has_50_voxels_of_each_class(voxels: int, is_held_out: bool) -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[:, 20, :voxels] = 1  # in 4 sections 48 or 52
    region = region_of(labels)
    assert (held_out_of(region, 0.1, (1, 20, 20)) is not None) == is_held_out


def test_objects_that_touch_everywhere_need_no_background_on_both_sides() -> None:
    labels = np.arange(1, 17, dtype=np.uint8).reshape(4, 4).repeat(12, axis=0).repeat(12, axis=1)
    volume = np.broadcast_to(labels, (40, 48, 48)).copy()
    volume[20:23, 4:7, 4:7] = 0  # one voxel of it is not at a boundary
    region = region_of(volume, target="instances")
    profiles = class_profiles(region)
    assert profiles[0][0].sum() == 1
    assert held_out_of(region, 0.12, (4, 8, 8)) is not None


def test_an_image_too_small_holds_nothing_out() -> None:
    region = region_of(striped(1, 16))
    assert held_out_of(region, 0.12, (1, 8, 8)) is None


def specked(voxels: int, *, together: bool) -> NDArray[np.uint8]:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[:, :8, :8] = 1
    place = labels[20, 20] if together else labels[::2, 20, 20]
    place.reshape(-1)[:voxels] = 2
    if together:
        labels[18:22, 18:22, 18:22] = 2
    return labels


def test_why_nothing_is_held_out_is_told() -> None:
    small = chosen(region_of(striped(1, 16)), 0.12, (1, 8, 8)).lack
    assert small == "The annotated part, 1 section of 16 x 16 pixels, is too small to hold a part of it out"
    strokes = np.zeros((40, 64, 64), np.uint8)
    strokes[:, 0, :4], strokes[:, 1, :6] = 1, 2
    few = chosen(region_of(strokes, unknown=0), 0.1, (1, 8, 8)).lack
    assert few == "Too little is annotated: a part held out would have 40 known voxels, and figures take 4096"
    rare = chosen(region_of(specked(1, together=False)), 0.1, (1, 8, 8)).lack
    assert rare.startswith("Of 'class 2' only 1 voxel is labelled: 50 are needed in a part held out, and as")
    one_place = chosen(region_of(specked(40, together=True)), 0.1, (1, 8, 8)).lack
    assert one_place.startswith("'class 2' lies in too few places: 50 are needed")


@pytest.mark.parametrize("shape", [(40, 32, 32), (2, 64, 400)])
def test_where_a_part_is_held_out_nothing_lacks(shape: tuple[int, int, int]) -> None:
    labels = np.zeros(shape, np.uint8)
    labels[:, :, ::3] = 1
    assert chosen(region_of(labels), 0.12, (1, 8, 8)).lack == ""

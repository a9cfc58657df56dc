"""Which patches a step sees."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.labels import UNKNOWN, read_labels
from cristae.training import regions as regions_module
from cristae.training import sampling as sampling_module
from cristae.training.regions import Region
from cristae.training.sampling import PatchSampler, validation_boxes
from cristae.volumes import ArrayImage


def region_of(labels: NDArray[np.uint8]) -> Region:
    image = ArrayImage(np.ones_like(labels))
    return Region(image, ArrayImage(labels), read_labels(ArrayImage(labels), image.shape_czyx))


def spotted() -> NDArray[np.uint8]:
    labels = np.zeros((4, 200, 200), np.uint8)
    labels[1, 20:24, 30:34] = 1
    labels[2, 150:160, 150:160] = 2
    return labels


def boxes(sampler: PatchSampler, steps: int, batch: int) -> list[Box]:
    places = [place for step in range(1, steps + 1) for place in sampler.draw(step, batch)]
    return [
        Box(p.start_zyx, tuple(s + w for s, w in zip(p.start_zyx, sampler.patch_zyx, strict=True)))
        for p in places
    ]


def test_half_of_the_patches_show_a_rare_class_and_the_classes_take_turns() -> None:
    region = region_of(spotted())
    sampler = PatchSampler([region], [[1], [2]], (1, 32, 32), rare_share=0.5, seed=0)
    found = [np.unique(region.targets(box)) for box in boxes(sampler, 50, 8)]
    ones, twos = (sum(number in classes for classes in found) / len(found) for number in (1, 2))
    assert 0.15 < ones < 0.35
    assert 0.15 < twos < 0.4


def test_every_patch_lies_inside_the_image_and_shows_something_known() -> None:
    labels = spotted()
    labels[3] = 0
    region = region_of(labels)
    for box in boxes(PatchSampler([region], [[1], [2]], (1, 64, 64), 0.5, seed=1), 20, 8):
        assert Box.of_shape((4, 200, 200)).contains(box)
        assert (region.targets(box) != UNKNOWN).any()


def test_no_patch_is_drawn_around_what_is_held_out() -> None:
    region = region_of(spotted())
    region.held_out = Box((0, 0, 100), (4, 200, 200))
    sampler = PatchSampler([region], [[1], [2]], (1, 32, 32), 0.5, seed=0)
    assert sampler.counts[2] == 0
    for box in boxes(sampler, 20, 8):
        assert box.start[2] < 100


def test_a_patch_larger_than_the_image_is_centred_on_it() -> None:
    labels = np.zeros((2, 10, 40), np.uint8)
    labels[:, 3:5, 3:20] = 1
    sampler = PatchSampler([region_of(labels)], [[1]], (4, 16, 16), 0.5, seed=0)
    for box in boxes(sampler, 5, 4):
        assert box.start[:2] == (-1, -3)
        assert 0 <= box.start[2] <= 24


def test_patches_do_not_pile_up_at_the_edges_of_an_image_hardly_larger() -> None:
    labels = np.zeros((1, 96, 96), np.uint8)
    labels[:, ::3] = 1
    starts = [
        box.start[1] for box in boxes(PatchSampler([region_of(labels)], [[1]], (1, 64, 64), 0.0, 0), 50, 8)
    ]
    assert min(starts) >= 0
    assert max(starts) <= 32
    assert sum(start in (0, 32) for start in starts) < 0.35 * len(starts)


def test_a_step_sees_the_same_patches_after_a_restart() -> None:
    region = region_of(spotted())
    one, two, other = (PatchSampler([region], [[1], [2]], (1, 32, 32), 0.5, seed) for seed in (3, 3, 4))
    assert one.draw(17, 8) == two.draw(17, 8)
    assert one.draw(17, 8) != one.draw(18, 8)
    assert one.draw(17, 8) != other.draw(17, 8)


def test_a_section_with_a_few_voxels_of_a_class_is_seen_as_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions_module, "_SLAB_VOXELS", 1)  # a section at a time, as in large images
    monkeypatch.setattr(sampling_module, "_PLACES", 128)
    labels = np.zeros((2, 120, 120), np.uint8)
    labels[0, :5, :5] = 1
    labels[1, :50, :50] = 1  # 100 times as many
    sampler = PatchSampler([region_of(labels)], ((1,),), (1, 8, 8), 1.0, seed=0)
    sections = [box.start[0] for box in boxes(sampler, 100, 8)]
    assert sections.count(0) < 0.05 * len(sections)


def test_the_targets_of_a_large_image_are_never_all_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions_module, "_SLAB_VOXELS", 1)
    labels = np.zeros((64, 256, 256), np.uint8)
    labels[:, ::2, :8] = 1
    region = region_of(labels)
    tracemalloc.start()
    PatchSampler([region], ((1,),), (1, 8, 8), 0.5, seed=0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < labels.nbytes


def test_images_are_seen_as_often_as_they_have_voxels() -> None:
    small, large = np.zeros((1, 40, 40), np.uint8), np.zeros((9, 40, 40), np.uint8)
    small[:, ::2] = large[:, ::2] = 1
    sampler = PatchSampler([region_of(small), region_of(large)], [[1]], (1, 16, 16), 0.5, seed=0)
    regions = [place.region for step in range(100) for place in sampler.draw(step, 8)]
    assert 0.05 < regions.count(0) / len(regions) < 0.16


def test_validation_patches_cover_the_held_out_box_and_show_every_class() -> None:
    region = region_of(spotted())
    region.held_out = Box((0, 100, 100), (4, 200, 200))
    few = validation_boxes(region, (1, 64, 64), most=1, classes=3)
    assert any(2 in region.targets(box, validation=True) for box in few)
    many = validation_boxes(region, (1, 64, 64), most=100, classes=3)
    seen = np.zeros((4, 200, 200), bool)
    for box in many:
        seen[box.slices] = True
    assert seen[1:3, 100:, 100:].all()


def test_validation_patches_that_are_fewer_than_all_show_the_classes_as_often_as_all_do() -> None:
    labels = np.zeros((4, 320, 320), np.uint8)
    labels[:, :80, :160] = 1  # an eighth
    labels[3, 310:, 310:] = 2
    region = region_of(labels)
    region.held_out = Box((0, 0, 0), (4, 320, 320))
    every = validation_boxes(region, (1, 32, 32), most=400, classes=3)
    assert len(every) == 400
    few = validation_boxes(region, (1, 32, 32), most=80, classes=3)
    shares = [(region.targets(box, validation=True) == 1).mean() for box in few]
    assert len(few) == 80
    assert abs(np.mean(shares) - 1 / 8) < 0.05
    one = validation_boxes(region, (1, 32, 32), most=1, classes=3)
    shown = [set(np.unique(region.targets(box, validation=True)).tolist()) for box in one]
    assert set().union(*shown) == {0, 1, 2}
    assert len(one) <= 3

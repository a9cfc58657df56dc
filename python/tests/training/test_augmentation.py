"""Augmentation: image and labels stay together, and every variant can be made again."""

from typing import Any

import pytest
import torch
from torch import Tensor

from cristae.training.augmentation import Augmentation


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("depth", [False, True])
def test_labels_follow_every_turn_of_a_volume(depth: bool) -> None:
    orientation = Augmentation(3, 1, turn_in_depth=depth, strength=0)
    values = torch.arange(4**3, dtype=torch.float32).view(1, 1, 4, 4, 4)
    targets = values[:, 0].to(torch.uint8)
    seen = set()
    for seed in range(300):
        x, labels = orientation(values, targets, generator(seed))
        assert torch.equal(x[:, 0].to(torch.uint8), labels)
        seen.add(tuple(labels.flatten().tolist()))
    assert len(seen) > (16 if depth else 15)
    if not depth:  # 8 in-plane, times z
        assert len(seen) == 16


def test_labels_on_the_finer_grid_follow_the_coarse_image() -> None:
    orientation = Augmentation(2, 1, strength=0)
    x = torch.arange(16, dtype=torch.float32).view(1, 1, 4, 4)
    targets = x[:, 0].repeat_interleave(2, 1).repeat_interleave(2, 2).to(torch.uint8)
    for seed in range(30):
        image, labels = orientation(x, targets, generator(seed))
        assert torch.equal(
            image[:, 0].repeat_interleave(2, 1).repeat_interleave(2, 2).to(torch.uint8), labels
        )


@pytest.mark.parametrize("shape", [(2, 1, 8, 1, 2), (2, 1, 1, 1, 1), (2, 3, 4, 16, 16)])
def test_volumes_are_blurred_in_plane_however_thin_they_are(shape: tuple[int, ...]) -> None:
    x, labels = torch.ones(shape), torch.zeros(shape[0], *shape[2:], dtype=torch.uint8)
    for seed in range(10):
        assert Augmentation(3, shape[1])(x, labels, generator(seed))[0].shape == shape


def test_a_patch_that_is_not_square_keeps_its_shape() -> None:
    x, labels = Augmentation(2, 1)(
        torch.randn(3, 1, 4, 8), torch.zeros(3, 4, 8, dtype=torch.uint8), generator(1)
    )
    assert x.shape == (3, 1, 4, 8)
    assert labels.shape == (3, 4, 8)


def test_reversing_the_sections_keeps_the_channels_of_each() -> None:
    # Two image channels, three sections: values say section * 10 + channel.
    x = torch.tensor([0.0, 1, 10, 11, 20, 21]).view(1, 6, 1, 1)
    orientation = Augmentation(2, 2, strength=0)
    seen = {
        tuple(orientation(x, torch.zeros(1, 1, 1, dtype=torch.uint8), generator(s))[0].flatten().tolist())
        for s in range(30)
    }
    assert seen == {(0, 1, 10, 11, 20, 21), (20, 21, 10, 11, 0, 1)}


def test_the_same_generator_makes_the_same_variant() -> None:
    augmentation = Augmentation(2, 1)
    x = torch.randn(4, 3, 16, 16)
    targets = torch.randint(0, 2, (4, 16, 16), dtype=torch.uint8)
    one = augmentation(x, targets, generator(5))
    two = augmentation(x, targets, generator(5))
    other = augmentation(x, targets, generator(6))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], other[0])


def test_grey_values_change_but_stay_recognisable_and_finite() -> None:
    x = torch.randn(16, 1, 32, 32)
    targets = torch.zeros(16, 32, 32, dtype=torch.uint8)
    augmentation = Augmentation(2, 1)
    still = Augmentation(2, 1, strength=0)
    for seed in range(5):
        changed, _ = augmentation(x, targets, generator(seed))
        plain, _ = still(x, targets, generator(seed))
        assert changed.isfinite().all()
        for one, two in zip(changed, plain, strict=True):
            together = torch.stack([one.flatten(), two.flatten()])
            assert torch.corrcoef(together)[0, 1] > 0.75


def test_the_batch_given_is_not_changed() -> None:
    x = torch.randn(2, 3, 8, 8)
    before = x.clone()
    Augmentation(2, 1, strength=2)(x, torch.zeros(2, 8, 8, dtype=torch.uint8), generator(0))
    assert torch.equal(x, before)


def everything(dims: int, channels: int = 1, **other: Any) -> Augmentation:
    given = {"geometry": "full", "intensity": "full", "sections": "full", "turn_in_depth": dims == 3}
    return Augmentation(dims, channels, **{**given, **other})


def blocks(*shape: int) -> Tensor:
    """Marks of a few voxels, 1 to 9, that tell where one is; the same as image and as labels."""
    random = torch.Generator().manual_seed(7)
    coarse = torch.randint(1, 10, tuple(-(-n // 8) for n in shape), generator=random)
    for axis, length in enumerate(shape):
        coarse = coarse.repeat_interleave(8, axis).narrow(axis, 0, length)
    return coarse


def agreement(image: Tensor, labels: Tensor) -> float:
    """Share of the known voxels where a linearly interpolated mark is the one that its label says."""
    known = labels != 255
    return float(((image.round() == labels) & known).sum() / known.sum())


@pytest.mark.parametrize("geometry", ["light", "full"])
@pytest.mark.parametrize("isotropic", [False, True])
def test_a_mark_stays_at_its_label_through_every_deformation_of_a_volume(
    geometry: str, isotropic: bool
) -> None:
    marks = blocks(16, 48, 48).expand(6, -1, -1, -1)
    moving = everything(3, geometry=geometry, intensity="off", sections="off", turn_in_depth=isotropic)
    for seed in range(5):
        image, labels = moving(marks[:, None].float(), marks.to(torch.uint8), generator(seed))
        # Between two marks a mean of both is seen, so that some voxels at the edges do not agree.
        assert agreement(image[:, 0], labels) > (0.6 if isotropic else 0.75)
        for sample, known in zip(image[:, 0], labels, strict=True):
            wrong_by_two = agreement(sample.roll(4, -1), known)
            assert agreement(sample, known) > wrong_by_two + 0.15


def test_a_mark_stays_at_its_label_on_the_finer_grid_of_a_section() -> None:
    marks = blocks(64, 64).expand(6, -1, -1)
    fine = marks.repeat_interleave(2, 1).repeat_interleave(2, 2)
    moving = everything(2, intensity="off", sections="off")
    for seed in range(5):
        image, labels = moving(marks[:, None].float(), fine.to(torch.uint8), generator(seed))
        shown = image[:, 0].repeat_interleave(2, 1).repeat_interleave(2, 2)
        assert agreement(shown, labels) > 0.75


def test_the_sections_of_a_patch_are_deformed_alike_where_they_are_far_apart() -> None:
    moving = everything(2, intensity="off", sections="off", flip_z=False)
    image = torch.randn(6, 1, 32, 32, generator=generator(0)).repeat(1, 3, 1, 1)
    found, _ = moving(image, torch.zeros(6, 32, 32, dtype=torch.uint8), generator(1))
    assert torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found[:, 0], found[:, 2])
    volume, _ = everything(3, turn_in_depth=False, intensity="off", sections="off")(
        image[:, None, :2], torch.zeros(6, 2, 32, 32, dtype=torch.uint8), generator(1)
    )
    assert torch.equal(volume[:, 0, 0], volume[:, 0, 1])


def test_about_half_of_the_samples_keep_all_their_labels() -> None:
    labels = torch.ones(400, 16, 16, dtype=torch.uint8)
    moving = everything(2, intensity="off", sections="off")
    _, found = moving(torch.zeros(400, 1, 16, 16), labels, generator(0))
    whole = (found == 1).all(dim=2).all(dim=1).float().mean()
    assert 0.4 < whole < 0.7
    assert set(found.unique().tolist()) == {1, 255}


@pytest.mark.parametrize("dims", [2, 3])
def test_unknown_stays_unknown_and_never_becomes_a_class(dims: int) -> None:
    shape = (4, 16, 32, 32) if dims == 3 else (4, 32, 32)
    nothing = torch.full(shape, 255, dtype=torch.uint8)
    x = torch.randn(4, 1 if dims == 3 else 3, *shape[1:])
    for seed in range(5):
        _, found = everything(dims)(x, nothing, generator(seed))
        assert bool((found == 255).all())
        some = nothing.clone()
        some[..., 8:20, 4:30] = 3
        _, found = everything(dims)(x, some, generator(seed))
        assert set(found.unique().tolist()) <= {3, 255}


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels", [1, 2])
def test_everything_at_once_can_be_made_again_and_keeps_shapes(dims: int, channels: int) -> None:
    shape = (8, 24, 16) if dims == 3 else (24, 16)
    x = torch.randn(3, channels * (1 if dims == 3 else 3), *shape)
    before = x.clone()
    targets = torch.randint(0, 3, (3, *(2 * n for n in shape)), dtype=torch.uint8)
    one = everything(dims, channels)(x, targets, generator(5))
    two = everything(dims, channels)(x, targets, generator(5))
    assert torch.equal(x, before)
    assert one[0].shape == x.shape
    assert one[1].shape == targets.shape
    assert one[1].dtype == torch.uint8
    assert bool(one[0].isfinite().all())
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])


def test_what_is_off_changes_nothing_but_the_orientation() -> None:
    x, targets = blocks(3, 3, 16, 16).float(), blocks(3, 16, 16).to(torch.uint8)
    off = Augmentation(2, 1, geometry="off", intensity="off", sections="off")
    still = everything(2, strength=0, turn_in_depth=False)
    for seed in range(5):
        one, two = off(x, targets, generator(seed)), still(x, targets, generator(seed))
        assert torch.equal(one[0], two[0])
        assert torch.equal(one[1], two[1])
        assert torch.equal(one[0].flatten().sort().values, x.flatten().sort().values)


def test_light_defects_befall_neighbours_only_and_no_volume() -> None:
    light = Augmentation(2, 1, flip_z=False, intensity="off", sections="light")
    still = Augmentation(2, 1, flip_z=False, intensity="off", sections="off")
    x, targets = torch.randn(64, 3, 8, 8), torch.zeros(64, 8, 8, dtype=torch.uint8)
    changed, plain = light(x, targets, generator(0))[0], still(x, targets, generator(0))[0]
    assert torch.equal(changed[:, 1], plain[:, 1])
    differing = (changed != plain).flatten(2).any(dim=2).float().mean(dim=0)
    assert 0.15 < float(differing[0]) < 0.45
    volume, labels = torch.randn(4, 1, 8, 8, 8), torch.zeros(4, 8, 8, 8, dtype=torch.uint8)
    on = Augmentation(3, 1, intensity="off", sections="light")(volume, labels, generator(0))[0]
    off = Augmentation(3, 1, intensity="off", sections="off")(volume, labels, generator(0))[0]
    assert torch.equal(on, off)

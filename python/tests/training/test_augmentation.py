"""Augmentation: image and labels stay together, and every variant can be made again."""

import pytest
import torch

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

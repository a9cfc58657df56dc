"""The preview shows the very patches that a training sees."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.networks.unet import ResidualBlock
from cristae.training import Budget, TrainingRequest, data, inspect_and_plan, patches, train
from cristae.training.patch_preview import preview_patches
from cristae.volumes import ArrayImage, VoxelSize

SECTIONS = {
    "dimensions": "2",
    "context": "1",
    "features": "4",
    "levels": "2",
    "batch": "2",
    "validation": "0",
}
FLAT = SECTIONS | {"patch_zyx": "1,32,32", "downsample_zyx": "1,1,1", "normalisation": "training"}
STILL = {"augmentation": "0"}
FULL = {f"augment_{group}": "full" for group in ("geometry", "intensity", "sections")}


def request_for(
    image: NDArray[np.generic], labels: NDArray[np.generic], settings: dict[str, str], **other: Any
) -> TrainingRequest:
    size = VoxelSize(50, 5, 5)
    pair = (ArrayImage(image, size), ArrayImage(labels, size))
    return TrainingRequest([pair], "look", settings=settings, **other)


def shown(
    image: NDArray[np.generic],
    labels: NDArray[np.generic],
    settings: dict[str, str],
    count: int,
    **other: Any,
) -> NDArray[np.uint8]:
    request = request_for(image, labels, settings, **other)
    return preview_patches(request, inspect_and_plan(request, "cpu"), count, device="cpu")


def marked(depth: int = 6, side: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels of squares of four voxels, and an image that is a line of them: dark 0, bright 1."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, (depth, side // 4, side // 4), np.uint8).repeat(4, 1).repeat(4, 2)
    return 50 + 100 * labels, labels


def test_each_section_of_a_patch_is_shown_and_labels_lie_on_the_one_in_the_middle() -> None:
    image, labels = marked()
    found = shown(image, labels, FLAT | STILL, 3)
    assert found.shape == (2, 9, 32, 32)
    assert bool((found[1, [0, 2, 3, 5, 6, 8]] == 255).all())
    # Bright is above the mean grey of 128, dark below: the label says which.
    middle = found[:, 1::3]
    assert np.array_equal(middle[0] > 128, middle[1] == 1)
    assert set(np.unique(middle[1]).tolist()) == {0, 1}


def test_coarse_pixels_are_shown_on_the_grid_of_the_labels() -> None:
    image, labels = marked()
    found = shown(image, labels, FLAT | STILL | {"downsample_zyx": "1,2,2"}, 3)
    assert found.shape == (2, 9, 32, 32)
    cells = found[:, 1::3].reshape(2, 3, 16, 2, 16, 2)
    assert bool((cells[0] == cells[0, :, :, :1, :, :1]).all())
    alike = (cells[1] == cells[1, :, :, :1, :, :1]).all(axis=(2, 4))
    assert alike.mean() > 0.2
    assert np.array_equal((cells[0] > 128)[:, :, 0, :, 0][alike], (cells[1] == 1)[:, :, 0, :, 0][alike])


def test_the_patches_of_a_volume_are_shown_whole_with_their_labels() -> None:
    image, labels = marked(16, 32)
    settings = {"dimensions": "3", "features": "4", "levels": "2", "batch": "2", "validation": "0"}
    settings |= {"patch_zyx": "8,16,16", "downsample_zyx": "1,1,1", "normalisation": "training"}
    found = shown(image, labels, settings | STILL, 3)
    assert found.shape == (2, 24, 16, 16)
    assert np.array_equal(found[0] > 128, found[1] == 1)


def test_the_same_seed_shows_the_same_patches_and_more_of_them_begin_alike() -> None:
    image, labels = marked()
    one = shown(image, labels, FLAT | FULL, 3, seed=5)
    assert np.array_equal(one, shown(image, labels, FLAT | FULL, 5, seed=5)[:, :9])
    assert not np.array_equal(one, shown(image, labels, FLAT | FULL, 3, seed=6))


def test_all_variants_keep_unknown_unknown() -> None:
    image, labels = marked()
    labels = labels + 1
    labels[:, :, 40:] = 9
    found = shown(image, labels, FLAT | FULL, 12, unknown=9)
    assert set(np.unique(found[1]).tolist()) <= {0, 1, 2, 255}
    assert bool((found[1, 1::3] == 255).any())


def test_masks_have_a_channel_each() -> None:
    image, labels = marked()
    masks = np.stack([labels, np.ones_like(labels)]) * 255
    masks[1, :, :, :8] = 0
    request = request_for(image, masks, FLAT | STILL, target="masks")
    found = preview_patches(request, inspect_and_plan(request, "cpu"), 4, device="cpu")
    assert found.shape == (3, 12, 32, 32)
    middle = found[:, 1::3]
    assert np.array_equal(middle[0] > 128, middle[1] == 1)
    assert set(np.unique(middle[1:]).tolist()) == {0, 1}
    assert bool((found[1:, ::3] == 255).all())


def test_objects_are_shown_as_what_is_learned_of_them() -> None:
    image, _ = marked()
    objects = np.arange(1, 17).reshape(4, 4).repeat(16, 0).repeat(16, 1).astype(np.uint16)
    found = shown(image, np.stack([objects] * 6), FLAT | STILL, 2, target="instances")
    assert set(np.unique(found[1, 1::3]).tolist()) == {1, 2}
    # Two voxels of boundary between two objects of 16: a fourth of all, less what two boundaries share.
    assert 0.15 < float((found[1, 1::3] == 2).mean()) < 0.35


def test_a_forest_has_nothing_to_show() -> None:
    image, labels = marked()
    with pytest.raises(InvalidInput, match="learner=network"):
        shown(image, labels, {"learner": "forest"}, 1)


def test_a_preview_can_be_cancelled() -> None:
    request = request_for(*marked(), FLAT)
    plan = inspect_and_plan(request, "cpu")
    with pytest.raises(Cancelled):
        preview_patches(request, plan, 4, device="cpu", should_stop=lambda: True)


def test_the_preview_is_what_the_network_gets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []
    forward = ResidualBlock.forward

    def watched(self: ResidualBlock, x: torch.Tensor) -> torch.Tensor:
        if self.training and x.shape[1] == 3:  # the first block gets the sections
            seen.append(x.clone())
        return forward(self, x)

    monkeypatch.setattr(ResidualBlock, "forward", watched)
    image, labels = marked()
    settings = FLAT | FULL | {"precision": "float32"}
    request = request_for(image, labels, settings, budget=Budget(steps=2))
    plan = inspect_and_plan(request, "cpu")
    train(request, plan, folder=tmp_path, device="cpu")
    found = preview_patches(request, plan, 4, device="cpu")[0].reshape(4, 3, 32, 32)
    grey = (torch.cat(seen) * 32 + 128).round().clamp(0, 255).to(torch.uint8)
    assert np.array_equal(grey.numpy(), found)


def test_a_preview_that_lacks_memory_or_has_values_that_are_no_numbers_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 64, 64), np.uint8)
    request = request_for(image, (image > 100).astype(np.uint8), FLAT)
    plan = inspect_and_plan(request, "cpu")
    with monkeypatch.context() as patched:
        patched.setattr(data, "available_bytes", lambda: 0)
        with pytest.raises(OutOfMemory, match="does not suffice for 2 patches in a step"):
            preview_patches(request, plan, 2)

    def no_numbers(images: Tensor, labels: Tensor, _: torch.Generator) -> tuple[Tensor, Tensor]:
        return images * float("nan"), labels

    monkeypatch.setattr(patches, "added_variants", lambda name, classes: no_numbers)
    plan = replace(plan, choices=replace(plan.choices, added_augmentation="mine"))
    with pytest.raises(InvalidInput, match="'mine' made grey values that are no numbers"):
        preview_patches(request, plan, 2)

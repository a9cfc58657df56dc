"""A part of a batch is drawn and varied as it would be in the whole."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cristae.training.augmentation import Augmentation
from cristae.training.data import training_batches
from cristae.training.patches import Patches
from cristae.training.sampling import Place
from cristae.training.share import WHOLE, Share


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_variants_of_the_parts_are_those_of_the_batch(dims: int, parts: int) -> None:
    varied = Augmentation(
        dims, 1, turn_in_depth=dims == 3, geometry="full", intensity="full", sections="full"
    )
    random, own = torch.Generator().manual_seed(1), 4
    sizes = (8,) * dims
    x = torch.randn(own * parts, 3 if dims == 2 else 1, *sizes, generator=random)
    targets = torch.randint(0, 3, (own * parts, *sizes), dtype=torch.uint8, generator=random)
    for seed in range(5):
        whole = varied(x, targets, torch.Generator().manual_seed(seed))
        drawn = [Share(number, parts) for number in range(parts)]
        pieces = [
            varied(x[s.own(own)], targets[s.own(own)], torch.Generator().manual_seed(seed), s) for s in drawn
        ]
        for ours, all_at_once in zip(map(torch.cat, zip(*pieces, strict=True)), whole, strict=True):
            torch.testing.assert_close(ours, all_at_once)
        assert not torch.equal(whole[0], x)


class Reader:
    """Instead of patches, where they lie."""

    channels = 1

    def read(
        self, region: int, box: object, *, validation: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        x = np.array([[box.start]], np.float32)  # type: ignore[attr-defined]
        return x, np.array([region], np.uint8)


class Sampler:
    patch_zyx = (1, 1, 1)

    def draw(self, step: int, count: int) -> list[Place]:
        random = np.random.default_rng(step)
        return [Place(0, tuple(int(n) for n in random.integers(0, 100, 3))) for _ in range(count)]  # type: ignore[arg-type]


def test_the_patches_of_the_parts_are_those_of_the_batch_in_the_same_order() -> None:
    def of_steps(batch: int, share: Share) -> list[Tensor]:
        batches = training_batches(Reader(), Sampler(), batch, 5, share)  # type: ignore[arg-type]
        found = [next(batches) for _ in range(2)]
        batches.close()
        assert [step for step, _, _ in found] == [5, 6]
        return [x for _, x, _ in found]

    parts = [of_steps(2, Share(number, 3)) for number in range(3)]
    for step, whole in enumerate(of_steps(6, WHOLE)):
        assert torch.equal(torch.cat([part[step] for part in parts]), whole)


def test_variants_of_the_owners_are_others_in_each_part_and_the_same_each_time() -> None:
    def noisy(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return x + torch.randn(x.shape, generator=generator), targets

    patches = Patches([], None, Sampler(), Augmentation(2, 1, strength=0), noisy)  # type: ignore[arg-type]
    patches.sampler.seed = 3
    x, targets = torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8)
    first, second, again = (patches.varied(1, x, targets, Share(part, 2))[0] for part in (0, 1, 1))
    assert torch.equal(second, again)
    assert not torch.equal(first, second)

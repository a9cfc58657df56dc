"""Deep supervision: what coarser levels are compared with, and that the model knows nothing of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cristae.errors import Cancelled, InvalidInput
from cristae.networks import UNet, UNetConfig
from cristae.training import Budget, TrainingRequest, inspect_and_plan, train
from cristae.training.losses import Compared, compared, dice_ce
from cristae.training.supervision import DeepSupervision, on_coarser_grid, supervised_loss
from cristae.volumes import ArrayImage, VoxelSize

SECTIONS = UNetConfig(2, 1, 2, (2, 4, 8, 8), ((1, 3, 3),) * 4, ((1, 2, 2),) * 3, (1, 2, 2))


def test_coarse_voxels_hold_the_shares_of_the_classes_among_known_voxels() -> None:
    targets = torch.tensor([[[1, 1, 0, 255], [0, 1, 255, 255]], [[2, 255, 255, 255], [255, 255, 255, 255]]])
    whole = compared(torch.zeros(2, 3, 2, 4), targets.to(torch.uint8))
    coarse = on_coarser_grid(whole, torch.zeros(2, 3, 1, 2))
    assert coarse.known.flatten().tolist() == [True, True, True, False]
    assert coarse.truth[0, :, 0].T.tolist() == [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]]
    assert coarse.truth[1, :, 0, 0].tolist() == [0.0, 0.0, 1.0]


def test_coarse_voxels_of_volumes_hold_the_shares_of_masks() -> None:
    members = torch.tensor([[False, False], [True, False], [True, True]])
    targets = torch.tensor([0, 1, 2, 2, 1, 255, 2, 255], dtype=torch.uint8).view(1, 2, 2, 2)
    whole = compared(torch.zeros(1, 2, 2, 2, 2), targets, members)
    coarse = on_coarser_grid(whole, torch.zeros(1, 2, 1, 1, 1))
    assert coarse.truth.flatten().tolist() == pytest.approx([5 / 6, 3 / 6])
    assert not coarse.exclusive


def test_each_coarser_level_weighs_half_as_much() -> None:
    whole = compared(torch.zeros(1, 2, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8))
    coarser = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2)]

    def width(answers: Compared) -> torch.Tensor:
        return torch.tensor(float(answers.logits.shape[-1]))

    assert supervised_loss(width, whole, coarser).item() == pytest.approx((8 + 4 / 2 + 2 / 4) / 1.75)
    assert supervised_loss(width, whole, []).item() == 8


def test_what_is_unknown_teaches_no_level() -> None:
    torch.manual_seed(0)
    learner = DeepSupervision(UNet(SECTIONS), True)
    logits, *coarser = learner(torch.randn(2, 1, 16, 16))
    assert [tuple(each.shape) for each in coarser] == [(2, 2, 8, 8), (2, 2, 4, 4)]
    everything = [logits, *coarser]
    for each in everything:
        each.retain_grad()
    targets = torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8)
    targets[:, :, 16:] = 255
    supervised_loss(dice_ce, compared(logits, targets), coarser).backward()
    for each in everything:
        half = each.shape[-1] // 2
        assert each.grad is not None
        assert (each.grad[..., half:] == 0).all()
        assert (each.grad[..., :half] != 0).any()


def test_the_coarse_levels_learn_from_their_own_answers() -> None:
    learner = DeepSupervision(UNet(SECTIONS), True)
    _, _, coarsest = learner(torch.randn(2, 1, 16, 16))
    coarsest.sum().backward()
    assert learner.network.decoder[2][0].weight.grad is not None
    assert learner.network.decoder[1][0].weight.grad is None


def request_for(**settings: str) -> TrainingRequest:
    random = np.random.default_rng(0)
    mask = random.integers(0, 2, (4, 5, 5), np.uint8).repeat(8, 1).repeat(8, 2)
    image = (100 + 80 * mask + random.integers(0, 20, mask.shape)).astype(np.uint8)
    size = VoxelSize(50, 5, 5)
    small = {"features": "4", "levels": "3", "batch": "2", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}
    return TrainingRequest(
        [(ArrayImage(image, size), ArrayImage(mask, size))],
        "m",
        budget=Budget(steps=6),
        settings={**small, **settings},
    )


def test_a_model_is_the_same_kind_with_and_without_and_goes_on_after_a_break(tmp_path: Path) -> None:
    without, deep = (request_for(deep_supervision=chosen) for chosen in ("off", "on"))
    plain = train(without, inspect_and_plan(without, "cpu"), folder=tmp_path / "plain", device="cpu")
    plan = inspect_and_plan(deep, "cpu")
    unbroken = train(deep, plan, folder=tmp_path / "unbroken", device="cpu")
    assert unbroken.weights.keys() == plain.weights.keys()
    assert unbroken.record["network"] == plain.record["network"]
    assert any("deep supervision" in sentence for sentence in unbroken.record["plan"]["sentences"])
    assert not np.array_equal(plain.weights["up.1.weight"], unbroken.weights["up.1.weight"])
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        train(deep, plan, folder=tmp_path / "broken", device="cpu", should_stop=lambda: next(asked) == 3)
    resumed = train(deep, plan, folder=tmp_path / "broken", device="cpu")
    for name, weights in unbroken.weights.items():
        assert np.array_equal(weights, resumed.weights[name]), name


def test_a_network_without_coarser_levels_is_refused() -> None:
    with pytest.raises(InvalidInput, match="needs a network of 3 levels or more; this one has 2"):
        inspect_and_plan(request_for(deep_supervision="on", levels="2"), "cpu")

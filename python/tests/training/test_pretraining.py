"""Restoring hidden parts: the loss by hand, the budget, that it is learned, and that it can go on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Progress
from cristae.networks import UNet, UNetConfig
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training.pretraining import Restorer, hidden_blocks, restoration_loss, split_plan
from cristae.training.training import behind
from cristae.volumes import ArrayImage, VoxelSize

SMALL = {"features": "4", "levels": "2", "batch": "2", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}
DEEP = {
    "levels": "4",
    "features": "8",
    "batch": "4",
    "learning_rate": "0.01",
}  # looks far enough to guess what lies in a hidden block
SIZE = VoxelSize(50, 5, 5)


def request_for(**choices: Any) -> TrainingRequest:
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(6, 48, 48)), (0, 8, 8))
    image = (128 + 90 * smooth / np.abs(smooth).max()).astype(np.uint8)
    mask = (image > 128).astype(np.uint8)
    mask[1:] = 0
    given: dict[str, Any] = {"model_name": "m", "budget": Budget(steps=8), "settings": SMALL}
    return TrainingRequest([(ArrayImage(image, SIZE), ArrayImage(mask, SIZE))], **{**given, **choices})


def trained(request: TrainingRequest, folder: Path, **choices: Any) -> TrainedModel:
    return train(request, inspect_and_plan(request, "cpu"), folder=folder, device="cpu", **choices)


def test_only_hidden_voxels_cost_and_they_cost_their_squares() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]]])  # n, c, y, x
    restored = torch.tensor([[[[0.0, 9.0], [1.0, 9.0]], [[0.0, 9.0], [3.0, 9.0]]]])
    hidden = torch.tensor([[[[True, False], [True, False]]]])
    # (1 + 4 + 0 + 9) / 4
    assert float(restoration_loss(restored, x, hidden)) == pytest.approx(3.5)
    assert float(restoration_loss(restored, x, torch.zeros_like(hidden))) == 0.0


@pytest.mark.parametrize("shape", [(40, 3, 64, 80), (40, 1, 16, 32, 32)])
def test_about_half_of_the_voxels_is_hidden_in_whole_blocks_and_always_the_same(
    shape: tuple[int, ...],
) -> None:
    hidden = hidden_blocks(torch.Size(shape), torch.Generator().manual_seed(3))
    assert hidden.shape == (shape[0], 1, *shape[2:])
    assert 0.4 < float(hidden.float().mean()) < 0.6
    corner = hidden[(..., *(slice(0, 8),) * (len(shape) - 2))].flatten(1)
    assert (corner == corner[:, :1]).all()
    assert torch.equal(hidden, hidden_blocks(torch.Size(shape), torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(
    ("budget", "share", "first", "rest"),
    [
        (Budget(steps=100), "0.25", 25, 75),
        (Budget(steps=2), "0.9", 1, 1),
        (Budget(minutes=10), "0.2", 120.0, 480.0),
    ],
)
def test_the_budget_is_shared(budget: Budget, share: str, first: float, rest: float) -> None:
    plan = inspect_and_plan(request_for(budget=budget, settings=SMALL | {"pretrain": share}), "cpu")
    assert any("hidden parts" in sentence for sentence in plan.sentences)
    parts = [part.steps if part.steps is not None else part.seconds for part in split_plan(plan)]
    assert parts == pytest.approx([first, rest])


def test_the_restorer_lets_the_network_learn_but_not_its_own_last_layer() -> None:
    network = UNet(UNetConfig(2, 3, 2, (4, 8), ((1, 3, 3), (1, 3, 3)), ((1, 2, 2),)))
    restorer = Restorer(network, seed=0)
    restored = restorer(torch.randn(2, 3, 16, 16))
    assert restored.shape == (2, 3, 16, 16)
    restored.sum().backward()
    assert network.head.weight.grad is None
    assert all(p.grad is not None for p in network.encoder.parameters())


def test_the_error_falls_and_the_training_goes_on_behind_it(tmp_path: Path) -> None:
    told: list[Event] = []
    request = request_for(budget=Budget(steps=160), settings=SMALL | DEEP | {"pretrain": "0.75"})
    model = trained(request, tmp_path, on_event=told.append)
    progress = [event for event in told if isinstance(event, Progress)]
    first = [event for event in progress if event.stage == "Pre-training"]
    errors = [float(event.detail.split("error ")[1]) for event in first]
    assert errors[-1] < 0.8 * errors[0]
    assert first[-1].fraction == pytest.approx(0.75)
    fractions = [event.fraction for event in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.75
    assert model.record["training"]["steps"] == 40
    assert model.record["plan"]["settings"]["pretrain"] == "0.75"


@pytest.mark.parametrize("asked", [3, 9])
def test_one_that_was_interrupted_ends_with_the_same_weights(tmp_path: Path, asked: int) -> None:
    request = request_for(budget=Budget(steps=12), settings=SMALL | {"pretrain": "0.5"})
    whole = trained(request, tmp_path / "whole")
    left = iter(range(100))
    with pytest.raises(Cancelled):
        trained(request, tmp_path / "cut", should_stop=lambda: next(left) >= asked)
    again = trained(request, tmp_path / "cut")
    without = trained(request_for(budget=Budget(steps=6)), tmp_path / "without")
    for name, weights in whole.weights.items():
        assert np.array_equal(weights, again.weights[name]), name
    assert not np.array_equal(whole.weights["head.weight"], without.weights["head.weight"])


def test_one_that_goes_on_keeps_its_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, True, False])  # a trial of its time may end otherwise
    monkeypatch.setattr("cristae.training.pretraining.precision_is_mixed", lambda *_: next(answers))
    request = request_for(budget=Budget(steps=12), settings=SMALL | {"pretrain": "0.5"})
    whole = trained(request, tmp_path / "whole")
    left = iter(range(100))
    with pytest.raises(Cancelled):
        trained(request, tmp_path / "cut", should_stop=lambda: next(left) >= 3)
    again = trained(request, tmp_path / "cut")
    assert next(answers, None) is None
    for name, weights in whole.weights.items():
        assert np.array_equal(weights, again.weights[name]), name


def test_without_it_events_are_told_as_they_are() -> None:
    told: list[Event] = []
    assert behind(0.0, told.append) == told.append
    behind(0.5, told.append)(Progress("Training", 0.5, None, ""))
    assert told == [Progress("Training", 0.75, None, "")]


def test_a_share_beyond_nine_tenths_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"pretrain is a number from 0 to 0\.9"):
        inspect_and_plan(request_for(settings=SMALL | {"pretrain": "1"}), "cpu")

"""The losses against numbers worked out by hand."""

import math

import pytest
import torch

from cristae.training.losses import dice_loss, training_loss


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """Logits (1, classes, 1, x) of the probabilities of each voxel."""
    return torch.tensor(probabilities).log().T[None, :, None, :]


def targets_of(values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8)[None, None, :]


def test_cross_entropy_and_dice_of_three_voxels() -> None:
    # Voxels: foreground seen with 0.8, background seen as foreground with 0.4, the third one unknown.
    loss = training_loss(logits_of([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]), targets_of([1, 0, 255]))
    cross_entropy = -(math.log(0.8) + math.log(0.6)) / 2
    dice = (2 * 0.8 + 1) / ((0.8 + 0.4) + 1 + 1)
    assert loss.item() == pytest.approx(cross_entropy + 1 - dice, rel=1e-5)


def test_unknown_voxels_have_no_gradient() -> None:
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    targets = torch.randint(0, 3, (2, 4, 5), dtype=torch.uint8)
    targets[:, 2:] = 255
    training_loss(logits, targets).backward()
    assert logits.grad is not None
    assert (logits.grad[:, :, 2:] == 0).all()
    assert (logits.grad[:, :, :2] != 0).any()


def test_a_batch_in_which_nothing_is_known_costs_nothing() -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = training_loss(logits, torch.full((1, 4, 4), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_a_class_that_is_not_in_the_batch_does_not_count() -> None:
    probabilities = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]).T[None]  # (1, 3 classes, 2 voxels)
    classes = torch.tensor([[1, 0]])
    known = torch.ones(1, 2, dtype=torch.bool)
    expected = 1 - (2 * 0.7 + 1) / (0.9 + 1 + 1)
    assert dice_loss(probabilities, classes, known).item() == pytest.approx(expected, rel=1e-5)


def test_a_perfect_prediction_costs_next_to_nothing() -> None:
    targets = torch.randint(0, 3, (1, 6, 6), dtype=torch.uint8)
    logits = 30 * torch.nn.functional.one_hot(targets.long(), 3).permute(0, 3, 1, 2).float()
    assert training_loss(logits, targets).item() < 1e-5


def test_masks_that_overlap_are_learned_one_by_one() -> None:
    # Two masks over three voxels: neither, the first, both; the fourth voxel is unknown.
    inside = [[0.1, 0.2], [0.7, 0.4], [0.9, 0.6], [0.5, 0.5]]
    logits = torch.tensor(inside).logit().T[None, :, None, :]
    members = torch.tensor([[False, False], [True, False], [True, True]])
    loss = training_loss(logits, targets_of([0, 1, 2, 255]), members)
    truth = [[0, 0], [1, 0], [1, 1]]
    cross_entropy = -sum(
        math.log(p if t else 1 - p)
        for ps, ts in zip(inside, truth, strict=False)
        for p, t in zip(ps, ts, strict=True)
    )
    dice = [(2 * (0.7 + 0.9) + 1) / (1.7 + 2 + 1), (2 * 0.6 + 1) / (1.2 + 1 + 1)]
    assert loss.item() == pytest.approx(cross_entropy / 6 + 1 - sum(dice) / 2, rel=1e-5)

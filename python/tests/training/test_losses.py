"""The losses against numbers worked out by hand."""

import math

import pytest
import torch

from cristae.extensions import OWN_NAMES
from cristae.training.losses import (
    LOSSES,
    Compared,
    boundary,
    compared,
    cross_entropy,
    dice,
    dice_ce,
    focal,
    tversky,
)

EVERY_LOSS = pytest.mark.parametrize("name", LOSSES)
MEMBERS = torch.tensor([[False, False], [True, False], [True, True]])


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """Logits (1, classes, 1, x) of the probabilities of each voxel."""
    return torch.tensor(probabilities).log().T[None, :, None, :]


def targets_of(values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8)[None, None, :]


def three_voxels() -> Compared:
    """Foreground seen with 0.8, background seen as foreground with 0.4, and one that is unknown."""
    return compared(logits_of([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]), targets_of([1, 0, 255]))


def two_masks() -> Compared:
    """Three voxels in no mask, in the first, in both, seen with other chances; the fourth is unknown."""
    inside = [[0.1, 0.2], [0.7, 0.4], [0.9, 0.6], [0.5, 0.5]]
    return compared(torch.tensor(inside).logit().T[None, :, None, :], targets_of([0, 1, 2, 255]), MEMBERS)


RIGHT = (0.9, 0.8, 0.7, 0.6, 0.9, 0.6)
"""The chances that the two masks give to what is true, voxel by voxel."""


def test_cross_entropy_and_dice_of_three_voxels() -> None:
    ce = -(math.log(0.8) + math.log(0.6)) / 2
    overlap = (2 * 0.8 + 1) / ((0.8 + 0.4) + 1 + 1)
    assert cross_entropy(three_voxels()).item() == pytest.approx(ce, rel=1e-5)
    assert dice(three_voxels()).item() == pytest.approx(1 - overlap, rel=1e-5)
    assert dice_ce(three_voxels()).item() == pytest.approx(ce + 1 - overlap, rel=1e-5)


def test_cross_entropy_and_dice_of_masks_that_overlap_are_means_over_them() -> None:
    ce = -sum(map(math.log, RIGHT)) / 6
    overlaps = [(2 * (0.7 + 0.9) + 1) / (1.7 + 2 + 1), (2 * 0.6 + 1) / (1.2 + 1 + 1)]
    assert cross_entropy(two_masks()).item() == pytest.approx(ce, rel=1e-5)
    assert dice(two_masks()).item() == pytest.approx(1 - sum(overlaps) / 2, rel=1e-5)
    assert dice_ce(two_masks()).item() == pytest.approx(ce + 1 - sum(overlaps) / 2, rel=1e-5)


def test_tversky_minds_a_missed_voxel_more_than_one_too_many() -> None:
    # 0.8 hits, 0.4 too many, 0.2 missed; the hits and the 1 that steadies are counted as in Dice.
    expected = 1 - (0.8 + 0.5) / (0.8 + 0.3 * 0.4 + 0.7 * 0.2 + 0.5)
    assert tversky(three_voxels()).item() == pytest.approx(expected, rel=1e-5)
    masks = [(1.6, 0.1, 0.4), (0.6, 0.6, 0.4)]  # hits, too many, missed
    each = [1 - (h + 0.5) / (h + 0.3 * much + 0.7 * missed + 0.5) for h, much, missed in masks]
    assert tversky(two_masks()).item() == pytest.approx(sum(each) / 2, rel=1e-5)


def test_focal_loss_looks_away_from_what_is_right_already() -> None:
    expected = -(0.2**2 * math.log(0.8) + 0.4**2 * math.log(0.6)) / 2
    assert focal(three_voxels()).item() == pytest.approx(expected, rel=1e-5)
    expected = -sum((1 - p) ** 2 * math.log(p) for p in RIGHT) / 6
    assert focal(two_masks()).item() == pytest.approx(expected, rel=1e-5)


def test_voxels_at_the_edge_of_an_object_weigh_more() -> None:
    # Background, background, object, object, unknown, background: the edge lies between the second and the
    # third, and what the unknown voxel separates is no edge.
    chances = [0.9, 0.8, 0.7, 0.6, 0.5, 0.95]
    truth = [0, 0, 1, 1, 255, 0]
    logits = logits_of([[1 - p, p] if t == 1 else [p, 1 - p] for p, t in zip(chances, truth, strict=True)])
    weights = [1 + 10 * math.exp(-(d**2) / 50) for d in (1, 0, 0, 1, 2, 3)]
    known = [i for i, value in enumerate(truth) if value != 255]
    ce = -sum(weights[i] * math.log(chances[i]) for i in known) / sum(weights[i] for i in known)
    answers = compared(logits, targets_of(truth))
    assert boundary(answers).item() == pytest.approx(ce + dice(answers).item(), rel=1e-5)


def test_edges_of_masks_are_those_of_each_mask_in_volumes_too() -> None:
    # Along z: in no mask, in the first, in both. The first has its edge before the second voxel, the second
    # before the third.
    inside = torch.tensor([[0.1, 0.2], [0.7, 0.4], [0.9, 0.6]]).logit().T[None, :, :, None, None]
    answers = compared(inside, torch.tensor([0, 1, 2], dtype=torch.uint8).view(1, 3, 1, 1), MEMBERS)
    weights = [1 + 10 * math.exp(-(d**2) / 50) for d in (0, 1, 0, 0, 1, 0)]  # mask by mask, voxel by voxel
    ce = -sum(w * math.log(p) for w, p in zip(weights, RIGHT, strict=True)) / sum(weights)
    assert boundary(answers).item() == pytest.approx(ce + dice(answers).item(), rel=1e-5)


@EVERY_LOSS
@pytest.mark.parametrize("members", [None, MEMBERS], ids=["classes", "masks"])
def test_unknown_voxels_have_no_gradient(name: str, members: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3 if members is None else 2, 4, 5, requires_grad=True)
    targets = torch.randint(0, 3, (2, 4, 5), dtype=torch.uint8)
    targets[:, 2:] = 255
    LOSSES[name](compared(logits, targets, members)).backward()
    assert logits.grad is not None
    assert (logits.grad[:, :, 2:] == 0).all()
    assert (logits.grad[:, :, :2] != 0).any()


@EVERY_LOSS
@pytest.mark.parametrize("members", [None, MEMBERS], ids=["classes", "masks"])
def test_a_batch_in_which_nothing_is_known_costs_nothing(name: str, members: torch.Tensor | None) -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = LOSSES[name](compared(logits, torch.full((1, 4, 4), 255, dtype=torch.uint8), members))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@EVERY_LOSS
def test_a_perfect_prediction_costs_next_to_nothing(name: str) -> None:
    targets = torch.randint(0, 3, (1, 6, 6), dtype=torch.uint8)
    logits = 30 * torch.nn.functional.one_hot(targets.long(), 3).permute(0, 3, 1, 2).float()
    assert LOSSES[name](compared(logits, targets)).item() < 1e-5


@EVERY_LOSS
@pytest.mark.parametrize("members", [None, MEMBERS], ids=["classes", "masks"])
def test_answers_that_are_surely_wrong_have_a_finite_gradient(
    name: str, members: torch.Tensor | None
) -> None:
    targets = torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8)
    logits = torch.full((1, 3 if members is None else 2, 2, 2), -1e4)
    logits[:, -1] = 1e4
    logits.requires_grad_()
    loss = LOSSES[name](compared(logits, targets, members))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_a_class_that_is_not_in_the_batch_does_not_count() -> None:
    answers = compared(logits_of([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), targets_of([1, 0]))
    assert dice(answers).item() == pytest.approx(1 - (2 * 0.7 + 1) / (0.9 + 1 + 1), rel=1e-5)


def test_the_names_that_a_person_may_choose_are_those_that_there_are() -> None:
    assert set(OWN_NAMES["loss"]) == set(LOSSES)

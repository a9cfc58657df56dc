"""Make a network's probabilities honest, and its decisions fair, on the part that it never trained on.

A network trained with Dice is too sure of itself, and draws objects a little too large or too small. Both are
put right after the training by two kinds of numbers, which become part of its last layer: prediction knows
nothing of them.

Source of the temperature: C. Guo et al., On calibration of modern neural networks, ICML 2017.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from cristae.labels import UNKNOWN

MOST_VOXELS = 1_000_000
_FEWEST_VOXELS = 1000
"""Of a class or mask, in truth: fewer say nothing about where its edge lies."""

_CLEARLY_BETTER = 0.005
"""A bias is taken only for so much more Dice: less is chance."""

_TEMPERATURES = torch.logspace(-0.6, 0.6, 41, base=10.0)
_BIASES = torch.linspace(-2.0, 2.0, 41)


@dataclass(frozen=True)
class Calibration:
    """What is done with logits: divided by `temperature`, then `biases` added, one for each class or mask."""

    temperature: float
    biases: tuple[float, ...]

    def folded(self, weights: Mapping[str, Tensor], upscale: Sequence[int]) -> dict[str, Tensor]:
        """Return the weights of a U-Net whose last layer does it.

        Parameters
        ----------
        weights
            Of the network, with "head.weight" and "head.bias".
        upscale
            Output voxels along each axis for an input voxel; the head answers for each of them.
        """
        bias = weights["head.bias"] / self.temperature
        own = torch.tensor(self.biases, dtype=bias.dtype, device=bias.device).repeat_interleave(prod(upscale))
        return dict(weights) | {
            "head.weight": weights["head.weight"] / self.temperature,
            "head.bias": bias + own,
        }


def known_logits(
    batches: Sequence[tuple[Tensor, Tensor]], seed: int = 0, most: int = MOST_VOXELS
) -> tuple[Tensor, Tensor]:
    """Return logits (voxels, classes) and targets (voxels) of known voxels, at most so many, evenly drawn.

    Parameters
    ----------
    batches
        Logits (n, classes, [z,] y, x) and targets (n, [z,] y, x).
    seed
        Of the draw.
    most
        So many voxels at most.
    """
    generator = torch.Generator().manual_seed(seed)
    total = sum(int((targets != UNKNOWN).sum()) for _, targets in batches)
    share = min(1.0, most / max(1, total))
    found, targets_found = [], []
    for logits, targets in batches:
        known = (targets != UNKNOWN).cpu()
        if share < 1:
            known &= torch.rand(known.shape, generator=generator) < share
        found.append(logits.movedim(1, -1).cpu()[known].float())
        targets_found.append(targets.cpu()[known].long())
    return torch.cat(found), torch.cat(targets_found)


def calibrate(logits: Tensor, targets: Tensor, members: Tensor | None = None) -> Calibration:
    """Return the calibration that fits some voxels best.

    Parameters
    ----------
    logits
        (voxels, classes or masks).
    targets
        (voxels), class numbers.
    members
        For masks: which of them (columns) each class number (rows) stands for.

    Returns
    -------
    Calibration
        The temperature with the smallest cross-entropy; and the smallest biases with which the mean Dice is
        within 0.001 of the best, or zeros where that is not better by at least 0.005. Temperature 1 and zeros
        if hardly any foreground is there.

    Examples
    --------
    >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]]).repeat(1000, 1)
    >>> calibrate(logits, torch.tensor([0, 0, 0, 1]).repeat(1000)).temperature > 1  # one in four is wrong
    True
    """
    truth = None if members is None else members[targets]
    foreground = truth.any(dim=1) if truth is not None else targets > 0
    if int(foreground.sum()) < _FEWEST_VOXELS:
        return Calibration(1.0, (0.0,) * logits.shape[1])
    loss = torch.stack([_cross_entropy(logits / t, targets, truth) for t in _TEMPERATURES])
    temperature = float(_TEMPERATURES[int(loss.argmin())])
    logits = logits / temperature
    if truth is None:
        biases = _class_biases(logits, targets)
    else:
        biases = [_mask_bias(logits[:, mask], truth[:, mask]) for mask in range(logits.shape[1])]
    return Calibration(temperature, tuple(biases))


def _cross_entropy(logits: Tensor, targets: Tensor, truth: Tensor | None) -> Tensor:
    if truth is None:
        return functional.cross_entropy(logits, targets)
    return functional.binary_cross_entropy_with_logits(logits, truth.float())


def _mask_bias(logits: Tensor, truth: Tensor) -> float:
    if int(truth.sum()) < _FEWEST_VOXELS:
        return 0.0
    dice = torch.stack([_dice(logits + bias > 0, truth) for bias in _BIASES])
    return _worth_it(dice, _dice(logits > 0, truth))


def _class_biases(logits: Tensor, targets: Tensor) -> list[float]:
    """Return a bias for each class, found one after the other, the background's being 0."""
    biases = torch.zeros(logits.shape[1])
    for number in range(1, logits.shape[1]):
        if int((targets == number).sum()) < _FEWEST_VOXELS:
            continue
        own = logits[:, number] + biases[number]
        others = (logits + biases).index_fill(1, torch.tensor([number]), -torch.inf)
        best_other, runner_up = others.max(dim=1)
        dice = torch.stack(
            [_mean_dice(torch.where(own + b > best_other, number, runner_up), targets) for b in _BIASES]
        )
        now = _mean_dice(torch.where(own > best_other, number, runner_up), targets)
        biases[number] += _worth_it(dice, now)
    return [round(float(bias), 3) for bias in biases]


def _worth_it(dice: Tensor, now: Tensor) -> float:
    """Return the smallest bias that is about as good as the best one, or 0 if none is worth it."""
    if float(dice.max()) < float(now) + _CLEARLY_BETTER:
        return 0.0
    good = _BIASES[dice >= dice.max() - 0.001]
    return round(float(good[good.abs().argmin()]), 3)


def _dice(predicted: Tensor, truth: Tensor) -> Tensor:
    return 2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()).clamp(min=1)


def _mean_dice(predicted: Tensor, targets: Tensor) -> Tensor:
    """Return the mean Dice of the foreground classes that are there."""
    there = torch.bincount(targets).nonzero().flatten().tolist()
    dice = [_dice(predicted == number, targets == number) for number in there if number > 0]
    return torch.stack(dice).mean()

"""What the network is to make small: cross-entropy plus Dice, unknown voxels left out."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cristae.labels import UNKNOWN


def training_loss(logits: Tensor, targets: Tensor, members: Tensor | None = None) -> Tensor:
    """Return cross-entropy plus Dice loss.

    Cross-entropy makes every voxel count, Dice every class, however rare it is.

    Parameters
    ----------
    logits
        (n, classes or masks, [z,] y, x).
    targets
        Class numbers (n, [z,] y, x), uint8; 255 is unknown and does not count.
    members
        For masks, which may overlap: which of them each class number stands for, (numbers, masks), bool.

    Returns
    -------
    torch.Tensor
        One number; 0 if nothing is known.
    """
    known = targets != UNKNOWN
    classes = targets.masked_fill(~known, 0).long()
    if members is not None:
        return _masks_loss(logits.float(), members[classes].movedim(-1, 1), known)
    log_probabilities = functional.log_softmax(logits.float(), dim=1)
    picked = log_probabilities.gather(1, classes[:, None]).squeeze(1)
    cross_entropy = -(picked * known).sum() / known.sum().clamp(min=1)
    return cross_entropy + dice_loss(log_probabilities.exp(), classes, known)


def dice_loss(probabilities: Tensor, classes: Tensor, known: Tensor) -> Tensor:
    """Return 1 - mean soft Dice of the foreground classes that are there, over the whole batch.

    A class without a known voxel in the batch does not count: its Dice would be noise.

    Parameters
    ----------
    probabilities
        (n, classes, [z,] y, x).
    classes
        Class numbers (n, [z,] y, x), int64.
    known
        Which voxels count (n, [z,] y, x), bool.
    """
    numbers = range(1, probabilities.shape[1])
    return _mean_dice_loss([(probabilities[:, n], classes == n) for n in numbers], known)


def _masks_loss(logits: Tensor, inside: Tensor, known: Tensor) -> Tensor:
    """Return the same for masks: logits and truth (n, masks, [z,] y, x), known (n, [z,] y, x)."""
    each = functional.binary_cross_entropy_with_logits(logits, inside.float(), reduction="none")
    cross_entropy = (each * known[:, None]).sum() / (known.sum() * logits.shape[1]).clamp(min=1)
    pairs = zip(torch.sigmoid(logits).unbind(1), inside.unbind(1), strict=True)
    return cross_entropy + _mean_dice_loss(list(pairs), known)


def _mean_dice_loss(pairs: Sequence[tuple[Tensor, Tensor]], known: Tensor) -> Tensor:
    """Return 1 - mean soft Dice of probabilities and truths; those without a known voxel do not count."""
    losses, weights = [], []
    for probabilities, truth in pairs:
        there = (truth & known).float()
        predicted = probabilities * known
        size = there.sum()
        losses.append(1 - (2 * (predicted * there).sum() + 1) / (predicted.sum() + size + 1))
        weights.append((size > 0).float())
    present = torch.stack(weights)
    return (torch.stack(losses) * present).sum() / present.sum().clamp(min=1)

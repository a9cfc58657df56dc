"""What the network is to make small: cross-entropy plus Dice, unknown voxels left out."""

import torch
from torch import Tensor
from torch.nn import functional

from cristae.labels import UNKNOWN


def training_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return cross-entropy plus Dice loss.

    Cross-entropy makes every voxel count, Dice every class, however rare it is.

    Parameters
    ----------
    logits
        (n, classes, [z,] y, x).
    targets
        Class numbers (n, [z,] y, x), uint8; 255 is unknown and does not count.

    Returns
    -------
    torch.Tensor
        One number; 0 if nothing is known.
    """
    known = targets != UNKNOWN
    classes = targets.masked_fill(~known, 0).long()
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
    losses, weights = [], []
    for number in range(1, probabilities.shape[1]):
        truth = ((classes == number) & known).float()
        predicted = probabilities[:, number] * known
        size = truth.sum()
        overlap = (predicted * truth).sum()
        losses.append(1 - (2 * overlap + 1) / (predicted.sum() + size + 1))
        weights.append((size > 0).float())
    present = torch.stack(weights)
    return (torch.stack(losses) * present).sum() / present.sum().clamp(min=1)

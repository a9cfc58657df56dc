"""How good the network is on the part that it never trained on, in the field's figures."""

from collections.abc import Callable, Iterable, Sequence
from math import prod

import torch
from torch import Tensor, nn

from cristae.labels import UNKNOWN
from cristae.training.affinities import Pairs
from cristae.training.choices import Choices
from cristae.training.losses import Loss, compared, dice_ce
from cristae.volumes import LabelClass

_VALIDATIONS = 20
"""In a training, or fewer where they take long."""


def steps_between(
    batches: Sequence[tuple[Tensor, Tensor]], choices: Choices, in_channels: int, expected_steps: int
) -> float:
    """Return how many steps to take between validations: 5 %, but validating takes a tenth of them at most.

    Parameters
    ----------
    batches
        What is validated on.
    choices
        Of the plan, with the batch that is really used.
    in_channels
        Of the network.
    expected_steps
        In the whole training.
    """
    voxels = sum(x.numel() for x, _ in batches)
    step_voxels = choices.batch * prod(choices.patch_zyx) // max(1, prod(choices.downsample_zyx))
    cost = voxels / (3 * in_channels * step_voxels)  # in steps: forward is a third of one
    return max(expected_steps / _VALIDATIONS, 10 * cost, 1)


class ConfusionCounts:
    """Counts of true and predicted voxels of each class; unknown ones do not count.

    Examples
    --------
    >>> counts = ConfusionCounts(classes=2)
    >>> counts.add(torch.tensor([[1, 1, 0, 0]]), torch.tensor([[1, 0, 0, 255]], dtype=torch.uint8))
    >>> counts.dice()[1], counts.iou()[1]
    (0.6666666666666666, 0.5)
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._table = torch.zeros(classes, classes, dtype=torch.int64)  # truth, predicted

    def add(self, predicted: Tensor, targets: Tensor) -> None:
        """Count predictions (class numbers) and targets (uint8, 255 unknown) of equal shape."""
        known = targets != UNKNOWN
        pairs = targets[known].long() * self._classes + predicted[known].long()
        self._table += torch.bincount(pairs, minlength=self._classes**2).view(self._classes, -1).cpu()

    def dice(self) -> list[float | None]:
        """Return Dice of each class 0...n; None where the truth has no voxel."""
        hits, truth, predicted = self._sums()
        return [2 * h / (t + p) if t else None for h, t, p in zip(hits, truth, predicted, strict=True)]

    def iou(self) -> list[float | None]:
        """Return intersection over union of each class 0...n; None where the truth has no voxel."""
        hits, truth, predicted = self._sums()
        return [h / (t + p - h) if t else None for h, t, p in zip(hits, truth, predicted, strict=True)]

    def _sums(self) -> tuple[list[int], list[int], list[int]]:
        return self._table.diagonal().tolist(), self._table.sum(1).tolist(), self._table.sum(0).tolist()


@torch.inference_mode()
def validate(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    classes: Sequence[LabelClass],
    members: Tensor | Pairs | None = None,
    loss: Loss = dice_ce,
    watch: Callable[[int, Tensor], None] | None = None,
) -> dict[str, float]:
    """Return the figures of a network on inputs and targets.

    Parameters
    ----------
    network
        Whose figures are asked for.
    batches
        Inputs (n, c, [z,] y, x) and targets (n, [z,] y, x).
    classes
        The classes or masks.
    members
        For masks and affinities, as for :func:`~cristae.training.losses.compared`.
    loss
        What "validation_loss" tells.
    watch
        Is shown the logits of each batch, with its number.

    Returns
    -------
    dict
        "validation_loss"; "dice" and "iou", the means over the foreground classes or the masks, of affinities
        those of yes and no; and for more than one "dice.NAME" and "iou.NAME" of each. Without a figure (no
        such voxel) the entry is missing.
    """
    exclusive = ConfusionCounts(len(classes) + 1)
    each = [ConfusionCounts(2) for _ in classes]
    losses: list[float] = []
    network.eval()
    for number, (x, targets) in enumerate(batches):
        logits = network(x)
        if watch is not None:
            watch(number, logits)
        answers = compared(logits, targets, members)
        losses.append(float(loss(answers)))
        if members is None:
            exclusive.add(logits.argmax(dim=1), targets)
            continue
        inside = answers.truth.to(torch.uint8).masked_fill(~answers.known, UNKNOWN)
        for mask, counts in enumerate(each):
            counts.add(logits[:, mask] > 0, inside[:, mask])
    dice, iou = exclusive.dice()[1:], exclusive.iou()[1:]
    if members is not None:
        dice, iou = [counts.dice()[1] for counts in each], [counts.iou()[1] for counts in each]
    if isinstance(members, Pairs):  # as many mistakes are possible where the answer is no
        dice, iou = [_mean(counts.dice()) for counts in each], [_mean(counts.iou()) for counts in each]
    values = {"validation_loss": sum(losses) / max(1, len(losses))}
    for name, figures in (("dice", dice), ("iou", iou)):
        there = [figure for figure in figures if figure is not None]
        if there:
            values[name] = sum(there) / len(there)
        if len(classes) > 1:
            named = zip(classes, figures, strict=True)
            values |= {f"{name}.{cls.name}": figure for cls, figure in named if figure is not None}
    return values


def _mean(figures: Sequence[float | None]) -> float | None:
    there = [figure for figure in figures if figure is not None]
    return sum(there) / len(there) if there else None

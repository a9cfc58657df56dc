"""What the network is to make small, by name; unknown voxels are left out of all of them.

A loss sees the network's answers beside the truth, :class:`Compared`, and returns one number. It serves
classes, which exclude each other, and masks, which may overlap; ``exclusive`` tells them apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import exp

import torch
from torch import Tensor
from torch.nn import functional

from cristae import extensions
from cristae.errors import InvalidInput
from cristae.labels import UNKNOWN
from cristae.memory import ran_out
from cristae.training.affinities import Pairs
from cristae.training.team import ALONE, Team

type Loss = Callable[["Compared"], Tensor]

_FOCUS = 2.0
_MISSED = 0.7
"""How much a missed voxel weighs in Tversky's loss, of 1; one too many weighs the rest."""

_BORDER_WEIGHT, _BORDER_WIDTH = 10.0, 5.0


@dataclass(frozen=True)
class Compared:
    """The answers of a network for a batch, and the truth.

    Attributes
    ----------
    logits
        (n, classes or masks, [z,] y, x), float32.
    truth
        As large: whether a voxel belongs to the class or mask, bool; or to which share, 0 to 1, float32,
        where a voxel stands for several of the image.
    known
        Which voxels count, (n, 1, [z,] y, x), bool; of affinities for each channel by itself, as large as the
        logits.
    exclusive
        Whether each voxel belongs to one class, the first being the background.
    team
        Of whose batch this is a share; sums over the batch are those of all.
    both_ways
        Whether Dice is also that of where the answer is no, as for pairs of voxels: in tissue that is full of
        objects nearly all neighbours belong together, and the few that do not are what matters.
    """

    logits: Tensor
    truth: Tensor
    known: Tensor
    exclusive: bool
    team: Team = ALONE
    both_ways: bool = False

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Of each class or mask, as large as the logits."""
        if self.exclusive:
            return functional.log_softmax(self.logits, dim=1)
        return functional.logsigmoid(self.logits)

    @cached_property
    def probabilities(self) -> Tensor:
        """Of each class or mask, as large as the logits."""
        return self.log_probabilities.exp() if self.exclusive else torch.sigmoid(self.logits)

    @cached_property
    def cross_entropy(self) -> Tensor:
        """Of each voxel, (n, 1, ...); of masks for each, (n, masks, ...)."""
        if self.exclusive:
            return -(self.log_probabilities * self.truth).sum(dim=1, keepdim=True)
        return functional.binary_cross_entropy_with_logits(self.logits, self.truth.float(), reduction="none")

    def mean(self, each: Tensor) -> Tensor:
        """Return the mean over the known voxels of numbers (n, 1 or masks, [z,] y, x); 0 if none is known."""
        return self.team.ratio((each * self.known).sum(), self.known.expand_as(each).sum())


def compared(
    logits: Tensor, targets: Tensor, members: Tensor | Pairs | None = None, team: Team = ALONE
) -> Compared:
    """Put answers beside the truth.

    Parameters
    ----------
    logits
        (n, classes or masks, [z,] y, x).
    targets
        Class numbers (n, [z,] y, x), uint8; 255 is unknown and does not count. For affinities the numbers of
        objects, as :class:`~cristae.training.affinities.Pairs` takes them.
    members
        For masks, which may overlap: which of them each class number stands for, (numbers, masks), bool. For
        affinities the pairs of voxels.
    team
        Of whose batch this is a share.
    """
    if isinstance(members, Pairs):
        truth, known = members(targets, logits.ndim - 2)
        return Compared(logits.float(), truth, known, False, team, both_ways=True)
    known = targets != UNKNOWN
    classes = targets.masked_fill(~known, 0).long()
    if members is None:
        numbers = torch.arange(logits.shape[1], device=classes.device)
        truth = classes[:, None] == numbers.view(-1, *(1,) * (classes.ndim - 1))
    else:
        truth = members[classes].movedim(-1, 1)
    return Compared(logits.float(), truth, known[:, None], members is None, team)


def dice_ce(answers: Compared) -> Tensor:
    """Return cross-entropy plus Dice loss: every voxel counts, and every class, however rare it is.

    Source: F. Isensee et al., nnU-Net, Nature Methods 18 (2021).
    """
    return cross_entropy(answers) + dice(answers)


def cross_entropy(answers: Compared) -> Tensor:
    """Return the mean cross-entropy of the known voxels; of masks, the mean over them too."""
    return answers.mean(answers.cross_entropy)


def dice(answers: Compared) -> Tensor:
    """Return 1 - mean soft Dice of the foreground classes or masks that are there, over the whole batch.

    One without a known voxel in the batch does not count: its Dice would be noise.

    Source: F. Milletari et al., V-Net, 3DV 2016.
    """
    return _overlap_loss(answers, 0.5)


def tversky(answers: Compared) -> Tensor:
    """Return Dice's loss with missed voxels weighing 0.7 and those too many 0.3, for objects that are rare.

    Source: S. Salehi et al., Tversky loss function for image segmentation using 3D fully convolutional deep
    networks, MLMI 2017, with the weights that were best there.
    """
    return _overlap_loss(answers, _MISSED)


def focal(answers: Compared) -> Tensor:
    """Return cross-entropy in which a voxel counts the less the surer the network is right: (1 - p)^2.

    Source: T.-Y. Lin et al., Focal loss for dense object detection, ICCV 2017, without weights of classes.
    """
    chances, logs, truth = answers.probabilities, answers.log_probabilities, answers.truth.float()
    each = -truth * (1 - chances) ** _FOCUS * logs
    if answers.exclusive:
        return answers.mean(each.sum(dim=1, keepdim=True))
    outside = -(1 - truth) * chances**_FOCUS * functional.logsigmoid(-answers.logits)
    return answers.mean(each + outside)


def boundary(answers: Compared) -> Tensor:
    """Return cross-entropy plus Dice loss, with voxels near edges of objects weighing up to 11 times more.

    The weight is 1 + 10 exp(-d^2 / (2 * 5^2)) at d voxels from an edge between known voxels, counted along
    the axis where they are most.

    Source: the weights of O. Ronneberger et al., U-Net, MICCAI 2015, here for edges of all kinds.
    """
    weights = _border_weights(answers) * answers.known
    return answers.team.ratio((answers.cross_entropy * weights).sum(), weights.sum()) + dice(answers)


LOSSES: Mapping[str, Loss] = {
    "dice_ce": dice_ce,
    "dice": dice,
    "ce": cross_entropy,
    "focal": focal,
    "tversky": tversky,
    "boundary": boundary,
}


def loss_named(name: str) -> Loss:
    """Return the loss of this name, Cristae's own or one that the owner of the home added.

    Raises
    ------
    InvalidInput
        There is none.
    """
    return LOSSES[name] if name in LOSSES else _watched(name, extensions.added("loss", name))


def _watched(name: str, function: Loss) -> Loss:
    """Return a loss of the owner's that says what is wrong with it, should it fail."""

    def watched(answers: Compared) -> Tensor:
        try:
            loss = function(answers)
        except Exception as error:
            if ran_out(error):  # the training knows what to do
                raise
            told = extensions.failure_told(error, function)
            raise InvalidInput(f"The loss {name!r} failed: {told}") from error
        if not isinstance(loss, Tensor) or loss.ndim != 0:
            raise InvalidInput(
                f"The loss {name!r} returned no single number; a loss is a tensor of one number."
            )
        return loss

    return watched


def patch_errors(answers: Compared, patches: int) -> Tensor:
    """Return the mean cross-entropy of each patch of a batch, (patches); 0 where nothing is known.

    In 2D a patch may be several sections, one after the other in the batch.
    """
    each = (answers.cross_entropy * answers.known).detach().reshape(patches, -1).sum(dim=1)
    count = answers.known.expand_as(answers.cross_entropy).reshape(patches, -1).sum(dim=1)
    return each / count.clamp(min=1)


def _overlap_loss(answers: Compared, missed: float) -> Tensor:
    """Return 1 - mean Tversky index; Dice is the one in which missed voxels weigh 0.5."""
    every_known = answers.known.expand_as(answers.truth)
    sums = []
    for channel in range(1 if answers.exclusive else 0, answers.truth.shape[1]):
        known = every_known[:, channel]
        there = (answers.truth[:, channel] * known).float()
        predicted = answers.probabilities[:, channel] * known
        sums.append(torch.stack([there.sum(), predicted.sum(), (predicted * there).sum()]))
        if answers.both_ways:
            there, predicted = known.float() - there, known.float() - predicted
            sums.append(torch.stack([there.sum(), predicted.sum(), (predicted * there).sum()]))
    size, predicted, hits = answers.team.summed(torch.stack(sums)).unbind(dim=1)
    union = 2 * (1 - missed) * predicted + 2 * missed * size
    losses = 1 - (2 * hits + 1) / (union + 1)
    present = (size > 0).float()
    return (losses * present).sum() / present.sum().clamp(min=1)


def _border_weights(answers: Compared) -> Tensor:
    """Return a weight for each voxel, (n, 1 or masks, [z,] y, x)."""
    pool = functional.max_pool2d if answers.logits.ndim == 4 else functional.max_pool3d
    if answers.exclusive:
        classes = answers.truth.float().argmax(dim=1, keepdim=True).float()
    else:
        classes = (answers.truth > 0.5).float()
    highest = pool(classes.masked_fill(~answers.known, -torch.inf), 3, 1, 1)
    lowest = -pool((-classes).masked_fill(~answers.known, -torch.inf), 3, 1, 1)
    near = (highest > lowest) & answers.known
    weights = 1 + _BORDER_WEIGHT * near
    for distance in range(1, int(3 * _BORDER_WIDTH) + 1):
        wider = pool(near.float(), 3, 1, 1) > 0
        weights += _BORDER_WEIGHT * exp(-(distance**2) / (2 * _BORDER_WIDTH**2)) * (wider & ~near)
        near = wider
    return weights

"""When a training has gone astray: its loss, or a weight, is no number any more."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cristae.errors import CristaeError
from cristae.training.choices import Choices
from cristae.training.losses import LOSSES


class TrainingDivergedError(CristaeError):
    """The loss, or a weight, is no number any more."""

    code = "INTERNAL"


def checked_loss(loss: Tensor, step: int) -> float:
    """Return a loss as a number; if it is none, the training went astray by this step.

    Examples
    --------
    >>> checked_loss(torch.tensor(0.5), step=3)
    0.5
    """
    if not torch.isfinite(loss):
        raise TrainingDivergedError(
            f"The training went astray by step {step}: its loss is no number any more."
        )
    return float(loss)


def check_weights(weights: Iterable[Tensor], step: int) -> None:
    """Let no weights into a checkpoint or a model that are no numbers."""
    if not torch.stack([torch.isfinite(w).all() for w in weights]).all():
        raise TrainingDivergedError(
            f"The training went astray by step {step}: its weights are no numbers any more."
        )


def advice(choices: Choices, learning_rate: float) -> str:
    """Say what to do about a training that went astray twice, the second time with this learning rate.

    What the owner of the home added may be what makes no numbers; Cristae's own losses and variants do not.
    """
    own = [f"the loss {choices.loss!r}"] if choices.loss not in LOSSES else []
    if choices.added_augmentation != "none":
        own.append(f"the augmentation {choices.added_augmentation!r}")
    slower = f"with a lower learning rate (learning_rate={learning_rate / 4:g})."
    if not own:
        return f"Train again {slower}"
    return (
        f"Look first whether {' or '.join(own)}, added on this machine, makes NaN or infinite numbers. If "
        f"not, train again {slower}"
    )

"""Variants of a batch that the owner of the home added, in a Python file."""

from collections.abc import Callable

import torch
from torch import Tensor

from cristae import extensions
from cristae.errors import InvalidInput
from cristae.labels import UNKNOWN
from cristae.memory import ran_out

type Variants = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def added_variants(name: str, classes: int) -> Variants:
    """Return the augmentation that was registered by this name; one that fails says where.

    Parameters
    ----------
    name
        Of the augmentation.
    classes
        Labels are numbers below this, or unknown.

    Raises
    ------
    InvalidInput
        Nothing was.
    """
    function: Variants = extensions.added("augmentation", name)

    def watched(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        try:
            images, labels = function(x, targets, generator)
            same = (images.shape, images.dtype, labels.shape, labels.dtype)
        except Exception as error:
            if ran_out(error):  # the training knows what to do
                raise
            told = extensions.failure_told(error, function)
            raise InvalidInput(f"The augmentation {name!r} failed: {told}") from error
        if same != (x.shape, x.dtype, targets.shape, targets.dtype):
            raise InvalidInput(
                f"The augmentation {name!r} made {tuple(images.shape)} and {tuple(labels.shape)} of images "
                f"{tuple(x.shape)} and labels {tuple(targets.shape)}; shapes and types must stay."
            )
        strange = labels[(labels != UNKNOWN) & ((labels < 0) | (labels >= classes))]
        if strange.numel():
            raise InvalidInput(
                f"The augmentation {name!r} made the label {int(strange[0])}; there are 0 to {classes - 1}, "
                f"and {UNKNOWN} where nothing is known."
            )
        return images, labels

    return watched

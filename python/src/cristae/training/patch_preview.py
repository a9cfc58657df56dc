"""Patches as the network will see them, for people to look at: the very ones of the first steps."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.events import Event, Progress
from cristae.labels import UNKNOWN
from cristae.networks import ForestConfig
from cristae.networks.devices import choose_device
from cristae.training.affinities import Pairs
from cristae.training.data import training_batches
from cristae.training.patches import Patches, prepare_patches
from cristae.training.plan import Plan
from cristae.training.request import TrainingRequest

_MEAN, _DEVIATION = 128, 32
"""Of the grey values shown: four deviations to either side."""


def preview_patches(
    request: TrainingRequest,
    plan: Plan,
    count: int,
    *,
    device: str = "auto",
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.uint8]:
    """Return the first patches of a training with their variants and labels.

    Parameters
    ----------
    request, plan
        As for :func:`cristae.training.train`.
    count
        How many patches.
    device
        Where the variants are made: "auto", "cpu", "cuda" or "cuda:N".
    on_event
        Told what is doubtful about the labels, and how far it is.
    should_stop
        Asked before every step; True raises :class:`~cristae.errors.Cancelled`.

    Returns
    -------
    numpy.ndarray
        (c, z, y, x), uint8: the sections that the network sees, patch after patch, as fine as the labels. The
        first channels are those of the image, normalised: 128 is mean grey, 32 a deviation. The last one
        holds the training target of each voxel, 255 where it is unknown, which it always is in the neighbours
        of a labelled section; masks have a channel each, and so have affinities: whether the voxel belongs to
        an object, and whether to the same one as another voxel.

    Raises
    ------
    InvalidInput
        The plan is that of a random forest, there is nothing to learn from, or an added augmentation makes
        values that are no numbers.
    OutOfMemory
        The machine has too little for a step.
    """
    refuse_forest(plan)
    patches = prepare_patches(request, plan, on_event)
    shown: list[NDArray[np.uint8]] = []
    for patch in _varied_patches(patches, plan, device):
        if should_stop():
            raise Cancelled("The preview was cancelled.")
        shown.append(patch)
        on_event(Progress("Preview", len(shown) / count, None, f"patch {len(shown)} of {count}"))
        if len(shown) == count:
            break
    return np.concatenate(shown, axis=1)


def refuse_forest(plan: Plan) -> None:
    """Refuse a plan whose learner sees no patches."""
    if isinstance(plan.network, ForestConfig):
        raise InvalidInput("A random forest sees no variants of patches. Choose learner=network.")


def _varied_patches(patches: Patches, plan: Plan, device: str) -> Iterator[NDArray[np.uint8]]:
    """Yield the patches of step after step, each (c, z, y, x)."""
    chosen = choose_device(device)
    members, dims = patches.members, plan.network.dims
    batches = training_batches(patches.reader, patches.sampler, plan.choices.batch, 1)
    try:
        for step, x, targets in batches:
            x, targets = patches.varied(step, x.to(chosen), targets.to(chosen))
            if not x.isfinite().all():
                raise InvalidInput(
                    f"The augmentation {plan.choices.added_augmentation!r} made grey values that are no "
                    "numbers (NaN or infinite). Mend it, or leave it out."
                )
            for image, target in zip(x.cpu(), _labels(targets.cpu(), members, dims), strict=True):
                yield _shown(_sections(image, patches.augmentation.image_channels), target)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"The memory does not suffice for {plan.choices.batch} patches in a step. Set a smaller batch or "
            "patch_zyx, or close other programs that use it."
        ) from error
    finally:
        batches.close()


def _sections(image: torch.Tensor, channels: int) -> NDArray[np.float32]:
    """Return an input (c, z, y, x), or the sections of one (sections * c, y, x), as (c, z, y, x)."""
    volume = image if image.ndim == 4 else image.view(-1, channels, *image.shape[1:]).transpose(0, 1)
    return volume.numpy()


def _labels(targets: Tensor, members: Tensor | Pairs | None, dims: int) -> NDArray[np.uint8]:
    """Return the targets of a batch as they are looked at, (n, 1 or masks or affinities, z, y, x)."""
    if members is None:
        shown = targets[:, None]
    elif isinstance(members, Pairs):
        truth, known = members(targets, dims)
        shown = truth.to(torch.uint8).masked_fill(~known, UNKNOWN)
    else:
        known = (targets != UNKNOWN)[:, None]
        each = members[targets.masked_fill(targets == UNKNOWN, 0).long()].movedim(-1, 1)
        shown = each.to(torch.uint8).masked_fill(~known, UNKNOWN)
    return np.asarray((shown if dims == 3 else shown.unsqueeze(2)).numpy())


def _shown(image: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return image and labels (c, z, y, x) on the grid of the labels, as channels of one array."""
    depth = image.shape[1]
    if labels.shape[1] == 1 and depth > 1:  # the section in the middle, among its neighbours
        wide = np.full((len(labels), depth, *labels.shape[2:]), UNKNOWN, np.uint8)
        wide[:, depth // 2] = labels[:, 0]
        labels = wide
    for axis in (1, 2, 3):
        image = image.repeat(labels.shape[axis] // image.shape[axis], axis)
    grey = np.clip(np.rint(image * _DEVIATION + _MEAN), 0, 255).astype(np.uint8)
    return np.concatenate([grey, labels])

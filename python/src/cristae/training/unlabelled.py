"""Patches of the parts that nobody labelled, and what can be learned from them: pseudo-labels.

The average of the weights is the teacher. What it is sure of, on patches as they are, becomes the target of
the network for variants of them; and the network is to become sure itself. The weight of both rises in the
middle of the training, when the teacher knows something.

Sources: K. Sohn et al., FixMatch, NeurIPS 2020 (sure answers as targets, for variants); A. Tarvainen and
H. Valpola, Mean teachers are better role models, NeurIPS 2017 (averaged weights as the teacher); Y.
Grandvalet and Y. Bengio, Semi-supervised learning by entropy minimization, NeurIPS 2004.
"""

from collections.abc import Generator, Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import UNKNOWN
from cristae.networks import AddedNetwork, UNet
from cristae.training.data import Arrays, PatchReader, training_batches
from cristae.training.losses import Compared
from cristae.training.patches import Patches
from cristae.training.regions import Region
from cristae.training.sampling import Place
from cristae.training.share import WHOLE, Share

UNLABELLED, LABELLED = 0, 1
"""Of a voxel that may be looked at; others, held out or beyond the image, are :data:`UNKNOWN`."""

_SURE = 0.95
_BEGIN, _FULL = 0.3, 0.6
"""Of the training: before, unlabelled voxels count nothing; behind, as much as they ever will."""

_PSEUDO_WEIGHT, _ENTROPY_WEIGHT = 0.5, 0.05
_TRIES = 10


class UnlabelledSampler:
    """Draws patches of whole images, where it can of parts that nobody labelled.

    Parameters
    ----------
    regions
        The images, each drawn from as often as it is large.
    patch_zyx
        Patch in voxels of the image.
    seed
        Step t always sees the same patches.
    """

    def __init__(self, regions: Sequence[Region], patch_zyx: Sequence[int], seed: int) -> None:
        self.patch_zyx = tuple(patch_zyx)
        self._regions, self._seed = regions, seed
        sizes = np.array([float(np.prod(region.shape_zyx)) for region in regions])
        self._shares = sizes / sizes.sum()

    def draw(self, step: int, count: int) -> list[Place]:
        """Return the places of the patches of a step, counted from 1."""
        generator = np.random.default_rng([self._seed, step, 1])
        return [self._drawn(generator) for _ in range(count)]

    def _drawn(self, generator: np.random.Generator) -> Place:
        index = int(generator.choice(len(self._shares), p=self._shares))
        region = self._regions[index]
        held_out = None if region.held_out is None else region.held_out.grown(region.gap_zyx)
        found: list[int] | None = None
        for _ in range(_TRIES):
            start = [
                int(generator.integers(0, slack + 1)) if slack >= 0 else slack // 2
                for slack in (n - p for n, p in zip(region.shape_zyx, self.patch_zyx, strict=True))
            ]
            sizes = zip(start, self.patch_zyx, region.shape_zyx, strict=True)
            middle = tuple(min(first + patch // 2, length - 1) for first, patch, length in sizes)
            voxel = Box(middle, tuple(place + 1 for place in middle))
            # What is held out has labels, though the training does not see them.
            if held_out is not None and held_out.contains(voxel):
                continue
            found = start
            if region.targets(voxel).item() == UNKNOWN:
                break
        z, y, x = start if found is None else found
        return Place(index, (z, y, x))


class UnlabelledReader(PatchReader):
    """Reads patches, and instead of their targets which voxels are unlabelled and may be looked at."""

    def read(self, region: int, box: Box, *, validation: bool = False) -> Arrays:
        """Return input (n, c, [z,] y, x), and UNLABELLED, LABELLED or UNKNOWN (n, [z,] y, x)."""
        targets = self.regions[region].targets(box)
        kinds = np.where(targets == UNKNOWN, UNLABELLED, LABELLED).astype(np.uint8)
        image = Box.of_shape(self.regions[region].shape_zyx)
        inside = np.zeros(box.shape, bool)
        seen = box.intersection(image)
        if seen is not None:
            inside[seen.relative_to(box).slices] = True
        held_out = self.regions[region].held_out
        kept_away = None if held_out is None else box.intersection(held_out)
        if kept_away is not None:
            inside[kept_away.relative_to(box).slices] = False
        kinds[~inside] = UNKNOWN
        return self._frames[region].read(box), kinds if self._dims == 2 else kinds[None]


class PseudoLabels:
    """Unlabelled patches, with the answers of a teacher as their targets where it is sure.

    Parameters
    ----------
    patches
        Of the training.
    network
        The teacher is a copy of it, with averaged weights.
    members
        For masks: which of them (columns) each training target (row) stands for, bool, on the device.
    share
        Which part of a batch is wanted.
    """

    def __init__(
        self,
        patches: Patches,
        network: UNet | AddedNetwork,
        members: Tensor | None,
        share: Share = WHOLE,
    ) -> None:
        reader, sampler = patches.reader, patches.sampler
        self._reader = UnlabelledReader(patches.regions, reader.preprocessing, network.config)
        self._sampler = UnlabelledSampler(patches.regions, sampler.patch_zyx, sampler.seed)
        self._teacher = deepcopy(network).eval().requires_grad_(False)
        self._members, self._share = members, share
        self._coming: Generator[tuple[int, Tensor, Tensor]] | None = None
        self._next = (0, 0)

    def of(self, step: int, batch: int, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return input (n, c, [z,] y, x) and targets (n, [z,] y, x), uint8, of so many patches.

        With them comes what may be looked at, as large as the targets: 0, or UNKNOWN where voxels are held
        out or beyond the image.

        Parameters
        ----------
        step, batch
            Which patches, and how many; the next step's are read ahead.
        weights
            The averaged weights, on the device where the patches are wanted.
        """
        device = next(iter(weights.values())).device
        if self._coming is None or self._next != (step, batch):
            self.close()
            self._coming = training_batches(
                self._reader, self._sampler, batch, step, self._share, device=device
            )
        _, x, kinds = next(self._coming)
        self._next = (step + 1, batch)
        x, kinds = x.to(device), kinds.to(device)
        with torch.no_grad():
            self._teacher.load_state_dict(dict(weights))
            targets = sure_targets(self._teacher(x).float(), self._members)
        seen = kinds.masked_fill(kinds != UNKNOWN, 0)
        return x, targets.masked_fill_(kinds != UNLABELLED, UNKNOWN), seen

    def close(self) -> None:
        """Read no further ahead."""
        if self._coming is not None:
            self._coming.close()
            self._coming = None


def sure_targets(logits: Tensor, members: Tensor | None = None) -> Tensor:
    """Return the training target of each voxel where the answers leave little doubt, else unknown.

    Parameters
    ----------
    logits
        (n, classes or masks, [z,] y, x).
    members
        For masks: which of them (columns) each target (row) stands for. Combinations that nobody drew are not
        believed.

    Examples
    --------
    >>> sure_targets(torch.tensor([[[9.0, 0.0, 1.0], [0.0, 9.0, 0.0]]])).tolist()  # 1, 2, voxels
    [[0, 1, 255]]
    """
    if members is None:
        best, classes = torch.softmax(logits, dim=1).max(dim=1)
        return classes.to(torch.uint8).masked_fill_(best < _SURE, UNKNOWN)
    inside = torch.sigmoid(logits)
    sure = (torch.maximum(inside, 1 - inside) >= _SURE).all(dim=1)
    found = torch.full(sure.shape, UNKNOWN, dtype=torch.uint8, device=logits.device)
    for number, combination in enumerate(members):
        shown = combination.view(1, -1, *(1,) * (logits.ndim - 2))
        found = torch.where(((inside > 0.5) == shown).all(dim=1) & sure, number, found)
    return found.to(torch.uint8)


def weight_of(progress: float) -> float:
    """Return how much unlabelled voxels count at a progress of 0 to 1.

    Examples
    --------
    >>> [round(weight_of(p), 2) for p in (0.2, 0.45, 0.6, 1.0)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return min(1.0, max(0.0, (progress - _BEGIN) / (_FULL - _BEGIN)))


def unlabelled_loss(answers: Compared, seen: Tensor) -> Tensor:
    """Return what unlabelled voxels cost: cross-entropy where the teacher is sure, and everywhere entropy.

    The few voxels that it is sure of count as few: the sum is divided by the number of all that are seen.

    Parameters
    ----------
    answers
        The network's answers for a variant, beside the teacher's targets.
    seen
        Which voxels may be looked at, (n, [z,] y, x), bool; the teacher is sure of others nowhere.
    """
    entropies = answers.probabilities * answers.log_probabilities
    if answers.exclusive:
        entropies = entropies.sum(dim=1, keepdim=True)
    else:
        entropies = entropies + torch.sigmoid(-answers.logits) * functional.logsigmoid(-answers.logits)
    sure = answers.cross_entropy * answers.known
    each = _PSEUDO_WEIGHT * sure - _ENTROPY_WEIGHT * entropies
    shown = seen[:, None].expand_as(each)
    return answers.team.ratio((each * shown).sum(), shown.sum())


def refuse_without_unlabelled(regions: Sequence[Region]) -> None:
    """Refuse pseudo-labels where every voxel has a label, also where it will be held out or kept apart.

    Raises
    ------
    InvalidInput
        There is nothing that the network could teach itself.
    """
    labelled = sum(sum(region.reading.voxel_counts.values()) for region in regions)
    if labelled >= sum(int(np.prod(region.shape_zyx)) for region in regions):
        raise InvalidInput("Every voxel has a label: pseudo=on finds nothing to learn from. Leave it out.")

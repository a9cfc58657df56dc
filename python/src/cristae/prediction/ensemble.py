"""Several models that answer as one: seeds, checkpoints, or models of several people.

Where they disagree, nobody knows: the entropy of their mean answer is a better map of uncertainty than that
of one model, which can be sure and wrong.

Source: B. Lakshminarayanan et al., Simple and scalable predictive uncertainty estimation using deep
ensembles, NeurIPS 2017.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import log
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cristae.geometry import Box, Triple
from cristae.models.alike import Combine, check_combination, refuse_unlike
from cristae.models.answers import may_overlap, offsets_of
from cristae.networks import Frame, NetworkConfig, Preprocessing, ReadableImage
from cristae.prediction.predictor import Kind, Model, Predictor, load_predictor

type Inputs = tuple[NDArray[np.float32], ...]


class Frames:
    """One image as each member of an ensemble sees it; like :class:`cristae.networks.Frame`.

    Parameters
    ----------
    image
        The image.
    members
        The models. Those with the same preprocessing share what is read.
    """

    def __init__(self, image: ReadableImage, members: Sequence[Predictor]) -> None:
        self._frames: dict[Preprocessing, Frame] = {}
        for member in members:
            if member.preprocessing not in self._frames:
                self._frames[member.preprocessing] = member.frame(image)
        first = next(iter(self._frames.values()))
        self.preprocessing, self.shape_zyx, self.step_zyx = (
            first.preprocessing,
            first.shape_zyx,
            first.step_zyx,
        )
        self.halo_zyx = first.halo_zyx

    def read(self, box_zyx: Box) -> Inputs:
        """Return the input for a box, for each kind of preprocessing."""
        return tuple(frame.read(box_zyx) for frame in self._frames.values())

    def doubt(self) -> str | None:
        """Return a sentence if the grey values are quite unlike those that one was trained on, else None."""
        return next((doubt for frame in self._frames.values() if (doubt := frame.doubt())), None)


class Ensemble:
    """Models on a device that answer together; what :class:`Predictor` can, it can. One tile is in memory.

    Parameters
    ----------
    members
        The models, on one device; alike as :func:`~cristae.models.alike.refuse_unlike` asks.
    combine
        "mean" or "median" of the probabilities, or "vote": what most of them say, ties by the mean.
    """

    def __init__(self, members: Sequence[Predictor], combine: Combine = "mean") -> None:
        self.members, self.combine = members, check_combination(combine)
        first = members[0]
        self.device, self.flips, self.record = first.device, first.flips, first.record
        self.preprocessing, self.stride_zyx, self.channels = (
            first.preprocessing,
            first.stride_zyx,
            first.channels,
        )
        self.digest = f"{combine} of {' '.join(member.digest for member in members)}"
        kinds = list(dict.fromkeys(member.preprocessing for member in members))
        self._seen = [kinds.index(member.preprocessing) for member in members]

    @property
    def config(self) -> NetworkConfig:
        """Of the member that takes the most memory; one works after the other."""
        return max((member.config for member in self.members), key=lambda config: config.numbers_a_voxel)

    @property
    def halo_zyx(self) -> Triple:
        """Context that a voxel needs on each side, in input voxels, for the member that looks farthest."""
        z, y, x = (max(member.halo_zyx[axis] for member in self.members) for axis in range(3))
        return z, y, x

    @property
    def records(self) -> tuple[Mapping[str, Any], ...]:
        """The records of all members."""
        return tuple(member.record for member in self.members)

    def doubt(self) -> str | None:
        """Return a sentence if the code of a member's network was changed since its training, else None."""
        return next((doubt for member in self.members if (doubt := member.doubt())), None)

    def frame(self, image: ReadableImage) -> Frames:
        """See an image as the members see it."""
        return Frames(image, self.members)

    def blank(self, tile_zyx: Triple) -> Inputs:
        """Return zeros in the form of the input for a tile of voxels of the image."""
        seen = dict(zip(self._seen, self.members, strict=True))
        return tuple(seen[kind].blank(tile_zyx) for kind in sorted(seen))

    def settle(self, read: Callable[[], Inputs], tiles: int, begun_with: str | None = None) -> str:
        """Decide what computes so many tiles, the same for all members; see :meth:`Predictor.settle`."""

        def settled(name: str | None) -> set[str]:
            ways = zip(self.members, self._seen, strict=True)
            return {member.settle(partial(_one_of, read, seen), tiles, name) for member, seen in ways}

        chosen = settled(begun_with)
        if len(chosen) > 1:
            chosen = settled("torch")
        return chosen.pop()

    @property
    def asked(self) -> str:
        """What was asked to compute the networks."""
        return self.members[0].asked

    def predict(self, prepared: Inputs, kind: Kind, wanted: Box) -> NDArray[np.uint8]:
        """Predict one tile; see :meth:`Predictor.predict`.

        Uncertainty is the entropy of the mean, whatever the way to combine.
        """
        with torch.inference_mode():
            answers = (
                member.shares(prepared[seen], wanted)
                for member, seen in zip(self.members, self._seen, strict=True)
            )
            masks = may_overlap(self.record)
            if kind == "uncertainty" or self.combine == "mean":
                shares = _mean(answers, len(self.members))
            else:
                every = torch.stack(list(answers))
                shares = _median(every, masks) if self.combine == "median" else _votes(every, masks, kind)
            if offsets_of(self.record) and kind != "probabilities":
                shares = shares[:1]  # the objects
            answer = _answer(shares, kind, masks)
            if offsets_of(self.record) and kind == "labels":
                answer = answer / 255
            answer = answer.round().clamp(0, 255).to(torch.uint8)
            voxels: NDArray[np.uint8] = answer.contiguous().cpu().numpy()
            return voxels


def _one_of(read: Callable[[], Inputs], seen: int) -> NDArray[np.float32]:
    return read()[seen]


def _mean(answers: Iterator[Tensor], count: int) -> Tensor:
    """Return the mean of so many answers, of which two are in memory."""
    total = next(answers)
    for shares in answers:
        total = total + shares
    return total / count


def _median(every: Tensor, masks: bool) -> Tensor:
    """Return the median of (models, classes or masks, ...); of exclusive classes the sum is 1 again.

    Examples
    --------
    >>> _median(torch.tensor([[0.125, 0.875], [0.25, 0.75], [0.875, 0.125]]), masks=False).tolist()
    [0.25, 0.75]
    """
    ordered = every.sort(dim=0).values
    middle = (ordered[(len(every) - 1) // 2] + ordered[len(every) // 2]) / 2
    return middle if masks else middle / middle.sum(dim=0, keepdim=True).clamp(min=1e-12)


def _votes(every: Tensor, masks: bool, kind: Kind) -> Tensor:
    """Return the share of the votes of (models, classes or masks, ...); for labels the mean decides ties.

    Examples
    --------
    >>> every = torch.tensor([[0.1, 0.9], [0.6, 0.4], [0.8, 0.2], [0.4, 0.6]])
    >>> _votes(every, masks=False, kind="probabilities").tolist()
    [0.5, 0.5]
    >>> _votes(every, masks=False, kind="labels").argmax().item()
    1
    """
    if masks:
        chosen = (every > 0.5).float()
    else:
        chosen = torch.zeros_like(every).scatter_(1, every.argmax(dim=1, keepdim=True), 1.0)
    votes = chosen.mean(dim=0)
    if kind != "labels":
        return votes
    # Less than half a vote, so that it decides between equal numbers of votes only.
    return votes + (every.mean(dim=0) - 0.5) / (2 * len(every))


def _answer(shares: Tensor, kind: Kind, masks: bool) -> Tensor:
    """Turn shares (c, z, y, x) into a result as numbers from 0 to 255.

    Examples
    --------
    >>> two = torch.tensor([[0.5, 1.0], [0.5, 0.0]]).view(2, 1, 1, 2)
    >>> _answer(two, "uncertainty", masks=False).flatten().tolist()
    [255.0, 0.0]
    """
    if kind == "labels":
        return (shares > 0.5).float() * 255.0 if masks else shares.argmax(dim=0, keepdim=True).float()
    if kind == "probabilities":
        return shares * 255.0
    entropy: Tensor = torch.special.entr(shares)
    if masks:
        entropy += torch.special.entr(1 - shares)
        return entropy * (255.0 / log(2))
    return entropy.sum(dim=0, keepdim=True) * (255.0 / log(len(shares)))


type Answering = Predictor | Ensemble
"""What predicts tiles."""

type Seen = Frame | Frames
"""An image as that sees it."""


def load_models(
    models: Model | Sequence[Model],
    device: str = "auto",
    *,
    flips: bool = False,
    combine: Combine = "mean",
    engine: str = "auto",
) -> Predictor | Ensemble:
    """Put a model, or several that answer as one, on a device.

    Parameters
    ----------
    models
        One package of the library, or several.
    device, flips, engine
        As for :func:`load_predictor`.
    combine
        How several answer as one; see :class:`Ensemble`.

    Raises
    ------
    InvalidInput
        The models cannot be combined, or the device is not there.
    """
    if not isinstance(models, Sequence):
        return load_predictor(models, device, flips=flips, engine=engine)
    if len(models) == 1:
        return load_predictor(models[0], device, flips=flips, engine=engine)
    refuse_unlike([(model.name, model.record) for model in models])
    members = [load_predictor(model, device, flips=flips, engine=engine) for model in models]
    return Ensemble(members, combine)

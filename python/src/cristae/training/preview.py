"""What a network makes of places that it never trained on: image, labels and prediction in one picture."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cristae.labels import UNKNOWN
from cristae.labels.colours import colours
from cristae.models.previews import PREVIEW_FILE, encode_preview
from cristae.training.affinities import Pairs
from cristae.training.patches import Patches
from cristae.training.plan import Plan
from cristae.volumes import LabelClass
from cristae.volumes.durable import replace_file

SIDE = 256
"""Each of the three parts has at most so many pixels to a side."""
_GAP = 4
_PAPER = (255, 255, 255)
_UNKNOWN_GREY = 64
_SPREAD = 2.5
"""Grey values from so many standard deviations below the mean to so many above are told apart."""


class Preview:
    """A picture that follows a training: a section of each of the validation patches with the most classes.

    It costs no computing, since it looks on while the network is validated. Small patches lie side by side;
    of large ones every second, third, ... pixel is shown.

    Parameters
    ----------
    validation
        Inputs (n, c, [z,] y, x) and targets (n, [z,] y, x); at least one.
    classes
        The classes, or the masks.
    members
        For masks, as for :func:`~cristae.training.losses.compared`.
    channel
        The channel of the inputs that is shown.
    folder
        Where :meth:`keep` puts the picture.
    """

    def __init__(
        self,
        validation: Sequence[tuple[Tensor, Tensor]],
        classes: Sequence[LabelClass],
        members: Tensor | None,
        channel: int,
        folder: Path,
    ) -> None:
        self._file = folder / PREVIEW_FILE
        table = colours(classes)
        self._colours = table.astype(np.float32)
        self._classes = [
            replace(entry, rgb=int(red) << 16 | int(green) << 8 | int(blue))
            for entry, (red, green, blue) in zip(classes, table[1:], strict=True)
        ]
        self._members = None if members is None else members.cpu().numpy()
        sections = [_richest(_sections(targets)) for _, targets in validation]
        _, first = validation[0]
        alike = [number for number, (_, targets) in enumerate(validation) if targets.shape == first.shape]
        self._step = -(-max(first.shape[-2:]) // SIDE)
        height, width = (-(-size // self._step) for size in first.shape[-2:])
        columns, rows = (max(1, (SIDE + _GAP) // (size + _GAP)) for size in (width, height))
        shown = sorted(alike, key=lambda number: -sections[number][1])[: columns * rows]
        self._places = {number: sections[number][0] for number in shown}
        about_square = math.ceil(math.sqrt(len(shown)))
        self._columns = max(math.ceil(len(shown) / rows), min(columns, about_square))
        self._raw: list[NDArray[np.uint8]] = []
        self._truth: list[NDArray[np.uint8]] = []
        self._predicted: dict[int, NDArray[np.uint8]] = {}
        for number, z in self._places.items():
            x, targets = validation[number]
            # (n, c, y, x) of sections, (1, c, z, y, x) of volumes; a volume may see z at a coarser step.
            seen = x[:, channel] if x.dim() == 4 else x[0, channel]
            grey = seen[z * len(seen) // len(_sections(targets))].numpy()
            self._raw.append(_grey(grey, (width, height)))
            self._truth.append(self._coloured_targets(_sections(targets)[z]))

    def watch(self, number: int, logits: Tensor) -> None:
        """Keep what the network says about a validation patch, logits (n, classes, [z,] y, x)."""
        z = self._places.get(number)
        if z is None:
            return
        section = logits[z] if logits.dim() == 4 else logits[0, :, z]  # (classes, y, x)
        if self._members is None:
            shown = _one_hot(section.argmax(0).cpu().numpy(), len(self._colours))
        else:
            shown = (section[: self._members.shape[1]] > 0).cpu().permute(1, 2, 0).numpy()
        self._predicted[number] = self._coloured(shown)

    def keep(self) -> None:
        """Write the picture as it stands into its folder, for those who look on."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._file, self.png())

    def png(self) -> bytes:
        """Return the picture as it stands, image, labels and prediction from left to right, as a PNG file."""
        empty = np.zeros_like(self._truth[0])
        predicted = [self._predicted.get(number, empty) for number in self._places]
        page = _beside([self._sheet(cells) for cells in (self._raw, self._truth, predicted)])
        return encode_preview(Image.fromarray(page), self._classes)

    def _sheet(self, cells: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        rows = [_beside(cells[at : at + self._columns]) for at in range(0, len(cells), self._columns)]
        width = max(row.shape[1] for row in rows)
        sheet = np.full((sum(len(row) + _GAP for row in rows) - _GAP, width, 3), _PAPER, np.uint8)
        top = 0
        for row in rows:
            sheet[top : top + len(row), : row.shape[1]] = row
            top += len(row) + _GAP
        return sheet

    def _coloured_targets(self, targets: Tensor) -> NDArray[np.uint8]:
        known = (targets != UNKNOWN).numpy()
        numbers = np.where(known, targets.numpy(), 0)
        shown = _one_hot(numbers, len(self._colours)) if self._members is None else self._members[numbers] > 0
        picture = self._coloured(shown)
        picture[~known[:: self._step, :: self._step]] = _UNKNOWN_GREY
        return picture

    def _coloured(self, shown: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Colour what is where, (y, x, classes or masks), as (y, x, 3); masks that overlap are mixed."""
        shown = shown[:: self._step, :: self._step].astype(np.float32)
        count = np.maximum(shown.sum(axis=2, keepdims=True), 1)
        mixed = shown @ self._colours[-shown.shape[2] :] / count
        return np.asarray(mixed.round().astype(np.uint8))


def preview_of(
    plan: Plan, patches: Patches, validation: Sequence[tuple[Tensor, Tensor]], folder: Path
) -> Preview | None:
    """Return the picture of a training, None if no part is held out; it is kept in `folder`."""
    if not validation:
        return None
    answers, members = patches.reading.answers, patches.members
    if isinstance(members, Pairs):  # of which the objects say most in a picture
        dims, pairs = plan.network.dims, members
        validation = [(x, pairs.objects(ids, dims)) for x, ids in validation]
        answers, members = answers[:1], torch.tensor([[False], [True]])
    # Of sections with neighbours the channels of the middle one follow those of the neighbours before it.
    channel = plan.preprocessing.context * patches.regions[0].image.shape_czyx[0]
    return Preview(validation, answers, members, channel, folder)


def _sections(targets: Tensor) -> Tensor:
    """Return targets as (z, y, x)."""
    return targets if targets.dim() == 3 else targets[0]


def _richest(targets: Tensor) -> tuple[int, int]:
    """Return the section with the most different known targets, of these the one with most known voxels."""
    kinds = []
    for z, section in enumerate(targets):
        known = section[section != UNKNOWN]
        kinds.append((len(torch.unique(known)), known.numel(), -abs(z - len(targets) // 2), z))
    best = max(kinds)
    return best[3], best[0]


def _one_hot(numbers: NDArray[np.integer], count: int) -> NDArray[np.bool_]:
    return np.asarray(numbers[..., None] == np.arange(count))


def _grey(normalised: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return what the network sees, (y, x), as red, green and blue of a picture of this width and height."""
    bytes_ = ((normalised / (2 * _SPREAD) + 0.5) * 255).round().clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(bytes_).resize(size, Image.Resampling.BOX)
    return np.repeat(np.asarray(picture)[..., None], 3, axis=2)


def _beside(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    gap = np.full((len(parts[0]), _GAP, 3), _PAPER, np.uint8)
    return np.concatenate([column for part in parts for column in (part, gap)][:-1], axis=1)

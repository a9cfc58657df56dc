"""What befalls sections: lost, doubled, shifted, brighter or darker than the others, charged in stripes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cristae.labels import UNKNOWN
from cristae.training.share import WHOLE, Share

_FARTHEST_SHIFT = 4
"""Pixels of the network's input, to every side."""
_MOST_ROWS = 8
"""Of a stripe."""
_STRIPE = 1.5
"""How far a stripe is brighter or darker at most, in deviations of the grey values."""
_IN_VOLUMES = 0.2
"""In a volume so many sections are seen at once that each is spared more often."""


@dataclass(frozen=True)
class Rates:
    """Shares of the sections that something befalls; the first four exclude each other.

    Parameters
    ----------
    missing
        Nothing but mean grey, which is what normalisation makes of an empty section. Labels stay: what lies
        between two sections is to be told from them.
    doubled
        The image of the section beside it, in a volume with its labels.
    shifted
        Moved in-plane, in a volume with its labels.
    jumping
        Of another contrast and brightness.
    striped
        With rows that are brighter or darker, as where a specimen charges.
    spare_own
        Whether nothing befalls the section that carries the labels, where its neighbours are the context.
    """

    missing: float = 0.0
    doubled: float = 0.0
    shifted: float = 0.0
    jumping: float = 0.0
    striped: float = 0.0
    spare_own: bool = False

    def scaled(self, factor: float) -> "Rates":
        """Return so many times these rates."""
        return replace(
            self,
            missing=self.missing * factor,
            doubled=self.doubled * factor,
            shifted=self.shifted * factor,
            jumping=self.jumping * factor,
            striped=self.striped * factor,
        )


RATES: Mapping[str, Rates] = {
    "light": Rates(doubled=0.05, shifted=0.1, jumping=0.15, spare_own=True),
    "full": Rates(missing=0.04, doubled=0.04, shifted=0.1, jumping=0.15, striped=0.1),
}


@dataclass(frozen=True)
class SectionDefects:
    """What befalls each section of each sample.

    Parameters
    ----------
    source
        Number of the section whose image is shown, (n, sections), int64.
    shift_yx
        Pixels by which it is moved, (n, sections, 2), int64.
    gain, offset
        What grey values are multiplied with, and what is added, (n, sections).
    stripes
        What is added to each row, (n, sections, rows).
    """

    source: Tensor
    shift_yx: Tensor
    gain: Tensor
    offset: Tensor
    stripes: Tensor

    def image(self, sections: Tensor) -> Tensor:
        """Return images (n, sections, c, y, x) with their defects."""
        shown = self._moved(sections)
        gain = self.gain.to(shown)[:, :, None, None, None]
        rows = (self.offset[:, :, None] + self.stripes).to(shown)[:, :, None, :, None]
        return torch.addcmul(rows, shown, gain)

    def labels(self, targets: Tensor, finer_yx: tuple[int, int]) -> Tensor:
        """Return the targets (n, z, y, x) of a volume with doubled and shifted sections, as its image has.

        They may lie on a finer grid than the image, along z and, by these factors, in-plane.
        """
        sections = targets.view(len(targets), self.source.shape[1], -1, *targets.shape[2:])
        return self._moved(sections, finer_yx, beyond=UNKNOWN).flatten(1, 2)

    def labels_beside(self, targets: Tensor, finer_yx: tuple[int, int]) -> Tensor:
        """Return the targets (n, 3, y, x) of the middle section and its two neighbours, doubled and shifted.

        The factors are those of :meth:`labels`. What a neighbour shows of a section farther away, of which
        there are no targets, is unknown.
        """
        count = self.source.shape[1]
        if count < 3:  # the network does not see the neighbours
            return targets
        around = slice(count // 2 - 1, count // 2 + 2)
        wide = targets.new_full((len(targets), count, 1, *targets.shape[2:]), UNKNOWN)
        wide[:, around, 0] = targets
        return self._moved(wide, finer_yx, beyond=UNKNOWN)[:, around, 0]

    def _moved(
        self, sections: Tensor, finer_yx: tuple[int, int] = (1, 1), beyond: int | None = None
    ) -> Tensor:
        """Return sections (n, sections, c, y, x), doubled and shifted."""
        usual = torch.arange(self.source.shape[1])
        doubled = (self.source != usual).nonzero().tolist()
        shifted = self.shift_yx.any(dim=2).nonzero().tolist()
        if not doubled and not shifted:
            return sections
        moved = sections.clone()
        for n, s in doubled:
            moved[n, s] = sections[n, int(self.source[n, s])]
        for n, s in shifted:
            dy, dx = self.shift_yx[n, s].tolist()
            moved[n, s] = shifted_plane(moved[n, s], dy * finer_yx[0], dx * finer_yx[1], beyond)
        return moved


def draw_defects(
    shape: Sequence[int],
    rates: Rates,
    *,
    own: int | None,
    generator: torch.Generator,
    share: Share = WHOLE,
) -> SectionDefects:
    """Draw what befalls the sections of some samples.

    Parameters
    ----------
    shape
        Samples, sections of each, rows of a section.
    rates
        How often.
    own
        The section that carries the labels, of which its neighbours are the context: it is neither lost,
        doubled nor moved. None for volumes, all of whose sections carry labels.
    generator
        What draws; on the CPU.
    share
        Which part of a batch these samples are.
    """
    part = share.own(shape[0])
    count, sections, rows = share.parts * shape[0], *shape[1:]
    rates = rates if own is not None else rates.scaled(_IN_VOLUMES)
    coin, stripe_coin, size, bright = torch.rand(4, count, sections, generator=generator)
    far = 2 * _FARTHEST_SHIFT + 1
    shift = torch.randint(far, (count, sections, 2), generator=generator) - _FARTHEST_SHIFT
    limits = torch.tensor([rates.missing, rates.doubled, rates.shifted, rates.jumping]).cumsum(0)
    kind = torch.bucketize(coin, limits, right=True)  # 0 missing, ..., 4 none of them
    usual = torch.arange(sections)
    if own is not None:
        kind[:, own] = torch.where((kind[:, own] == 3) & (not rates.spare_own), 3, 4)
    missing, jumping = kind == 0, kind == 3
    source = torch.where(kind == 1, _beside(usual, own), usual)
    gain = torch.where(missing, 0.0, torch.where(jumping, 0.7 + 0.6 * size, 1.0))
    offset = torch.where(jumping, bright - 0.5, 0.0)
    stripes = torch.zeros(count, sections, rows)
    for n, s in (stripe_coin < rates.striped).nonzero().tolist():
        stripes[n, s] = 0.0 if missing[n, s] else _drawn_stripes(rows, generator)
    shift = shift * (kind == 2)[:, :, None]
    return SectionDefects(source[part], shift[part], gain[part], offset[part], stripes[part])


def _beside(usual: Tensor, own: int | None) -> Tensor:
    """Return the neighbour of each section, on the side of the labelled one if there is such a one."""
    if own is None:
        return (usual - 1).abs().clamp(max=len(usual) - 1)
    return usual + torch.sign(own - usual)


def _drawn_stripes(rows: int, generator: torch.Generator) -> Tensor:
    """Return one to three stripes over all columns, each fading out from row to row."""
    profile = torch.zeros(rows)
    at = torch.arange(rows)
    for _ in range(int(torch.randint(1, 4, (), generator=generator))):
        first, length, size = torch.rand(3, generator=generator).tolist()
        behind = at - int(first * rows)
        width = 1 + length * (_MOST_ROWS - 1)
        profile += torch.where(behind >= 0, _STRIPE * (2 * size - 1) * (1 - behind / width).clamp(min=0), 0.0)
    return profile


def shifted_plane(planes: Tensor, dy: int, dx: int, beyond: int | None) -> Tensor:
    """Return planes (c, y, x) moved down and to the right; what comes in is mirrored, or `beyond`.

    Examples
    --------
    >>> shifted_plane(torch.tensor([[[1, 2, 3]]]), 0, 1, None)
    tensor([[[2, 1, 2]]])
    >>> shifted_plane(torch.tensor([[[1, 2, 3]]]), 0, -1, 255)
    tensor([[[  2,   3, 255]]])
    """
    for axis, step in ((-2, dy), (-1, dx)):
        length = planes.shape[axis]
        at = torch.arange(length, device=planes.device) - step
        period = max(1, 2 * (length - 1))
        inside = at % period
        planes = planes.index_select(axis, torch.minimum(inside, period - inside))
        if beyond is not None:
            outside = ((at < 0) | (at >= length)).view(-1, *(1,) * (-1 - axis))
            planes = planes.masked_fill(outside, beyond)
    return planes

"""Which part of an image is held out to validate on, or why none is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cristae.events import Note
from cristae.geometry import Box
from cristae.training.choices import Choices
from cristae.training.regions import Region, class_profiles
from cristae.training.request import TrainingRequest
from cristae.training.telling import sections_told

_LEAST_HELD_OUT = 4096
_LEAST_OF_A_CLASS = 50
"""Figures on fewer known voxels, in all or of one class, are chance."""
_SCARCE = 0.01
"""Objects that touch everywhere leave less background than this share; the figures do without it."""


@dataclass(frozen=True)
class HeldOut:
    """What is held out of one image.

    Attributes
    ----------
    box
        The part, if there is one.
    gap_zyx
        Voxels around it that serve for nothing.
    lack
        Why there is none, although one was looked for: a sentence without its full stop.
    """

    box: Box | None = None
    gap_zyx: tuple[int, int, int] = (0, 0, 0)
    lack: str = ""


def find_held_out(
    regions: Sequence[Region], request: TrainingRequest, choices: Choices
) -> tuple[HeldOut, ...]:
    """Find a block of each region to validate on, or take the sections that were asked for."""
    found = []
    down = choices.downsample_zyx
    gap = (4 * down[0] if choices.dimensions == 3 else 1, 8 * down[1], 8 * down[2])
    for index, region in enumerate(regions):
        if index == 0 and request.validation_z is not None:
            start, stop = request.validation_z
            # Without a gap: the person chose the sections to train on as well.
            found.append(HeldOut(Box((start, 0, 0), (stop, *region.shape_zyx[1:]))))
        elif choices.validation > 0 and region.reading.is_labelled:
            names = ["background", *(entry.name for entry in region.reading.answers)]
            box = region.annotated_box
            found.append(choose_held_out(class_profiles(region), box, choices.validation, gap, names))
        else:
            found.append(HeldOut(gap_zyx=gap))
    return tuple(found)


def hold_out(regions: Sequence[Region], found: Sequence[HeldOut]) -> list[Note]:
    """Keep what was found apart from what is trained on, and say what it is."""
    notes: list[Note] = []
    for index, (region, kept) in enumerate(zip(regions, found, strict=True)):
        region.held_out, region.gap_zyx = kept.box, kept.gap_zyx
        if kept.box is None:
            continue
        name = f" of {region.image.name or f'image {index + 1}'}" if len(regions) > 1 else ""
        told = sections_told((kept.box.start[0], kept.box.stop[0]))
        part = "a part of " if kept.box.shape[1:] != region.shape_zyx[1:] else ""
        z, y, x = (f"{a}:{b}" for a, b in zip(kept.box.start, kept.box.stop, strict=True))
        notes.append(
            Note(f"Held out for validation: {part}{told}{name} (z {z}, y {y}, x {x}, where the first is 0).")
        )
    return notes


@dataclass(frozen=True)
class _Candidate:
    """A block at one end of the annotated box, with the voxels of each class inside and outside of it."""

    axis: int
    box: Box
    inside: NDArray[np.int64]
    outside: NDArray[np.int64]

    @property
    def fewer(self) -> NDArray[np.int64]:
        """Of each class, the voxels on the side that has fewer of it."""
        return np.minimum(self.inside, self.outside)


def choose_held_out(
    profiles: list[NDArray[np.int64]],
    box: Box,
    share: float,
    gap_zyx: tuple[int, int, int],
    names: Sequence[str],
) -> HeldOut:
    """Choose a block at one end of the annotated box for validation.

    It should look like the rest: every class on both sides, in about the same shares. Stacks of many sections
    give sections, others a strip of rows or columns.

    Parameters
    ----------
    profiles
        As :func:`~cristae.training.regions.class_profiles` gives them.
    box
        The annotated box.
    share
        How much to hold out, 0 to 0.5.
    gap_zyx
        Voxels between the block and the rest.
    names
        Of the background and the classes.

    Returns
    -------
    HeldOut
        Without a box if no block has enough known voxels of every class on both sides, where scarce
        background beside several classes does not count.
    """
    total = profiles[0].sum(axis=1)
    there = np.flatnonzero(total)
    if there.size > 2 and total[0] < _SCARCE * total.sum():
        there = there[there > 0]
    candidates = list(_candidates(profiles, box, share, gap_zyx))
    fit = [
        one
        for one in candidates
        if one.inside.sum() >= _LEAST_HELD_OUT and (one.fewer[there] >= _LEAST_OF_A_CLASS).all()
    ]
    # Sections apart from the rest are the most honest test of other sections.
    fit = [one for one in fit if one.axis == 0] or fit
    if not fit:
        return HeldOut(gap_zyx=gap_zyx, lack=_lack(candidates, box, total, there, names))

    def unlike(one: _Candidate) -> float:
        return float(np.abs(one.inside / one.inside.sum() - total / total.sum()).sum())

    return HeldOut(min(fit, key=unlike).box, gap_zyx)


def _candidates(
    profiles: list[NDArray[np.int64]], box: Box, share: float, gap_zyx: tuple[int, int, int]
) -> Iterator[_Candidate]:
    for axis in (0, 1, 2):
        length = box.shape[axis]
        size = max(1, round(share * length))
        if size < (3 if axis == 0 else 24) or length - size - gap_zyx[axis] < length // 2:
            continue
        for at_end in (True, False):
            held = profiles[axis][:, length - size :] if at_end else profiles[axis][:, :size]
            cut = size + gap_zyx[axis]
            rest = profiles[axis][:, : length - cut] if at_end else profiles[axis][:, cut:]
            start, stop = list(box.start), list(box.stop)
            if at_end:
                start[axis] = stop[axis] - size
            else:
                stop[axis] = start[axis] + size
            block = Box(tuple(start), tuple(stop))
            yield _Candidate(axis, block, held.sum(axis=1), rest.sum(axis=1))


def _lack(
    candidates: Sequence[_Candidate],
    box: Box,
    total: NDArray[np.int64],
    there: NDArray[np.intp],
    names: Sequence[str],
) -> str:
    """Say why none of the blocks fits."""
    if not candidates:
        sections, rows, columns = box.shape
        large = f"{sections} section{'' if sections == 1 else 's'} of {columns} x {rows} pixels"
        return f"The annotated part, {large}, is too small to hold a part of it out"
    most = max(int(one.inside.sum()) for one in candidates)
    if most < _LEAST_HELD_OUT:
        return (
            f"Too little is annotated: a part held out would have {most} known voxel"
            f"{'' if most == 1 else 's'}, and figures take {_LEAST_HELD_OUT}"
        )
    needed = f"{_LEAST_OF_A_CLASS} are needed in a part held out, and as many outside of it"
    for number in there:
        if total[number] < 2 * _LEAST_OF_A_CLASS:
            count = f"{total[number]} voxel{' is' if total[number] == 1 else 's are'} labelled"
            return f"Of {names[number]!r} only {count}: {needed}"
    best = max((one.fewer for one in candidates), key=lambda fewer: fewer[there].min())
    lacking = names[int(there[best[there].argmin()])]
    return f"{lacking!r} lies in too few places: {needed}"

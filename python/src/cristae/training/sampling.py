"""Which patches a training step sees: balanced between the classes, only where something is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cristae.geometry import Box
from cristae.labels import UNKNOWN
from cristae.training.regions import Region
from cristae.training.running_error import RunningError

_PLACES = 20_000
"""So many voxels of each class are remembered for each region."""


@dataclass(frozen=True)
class Place:
    """Where a patch lies: the number of its region, and its first voxel there (may be negative)."""

    region: int
    start_zyx: tuple[int, int, int]


class PatchSampler:
    """Draws the places of patches.

    A share of the patches is drawn around voxels of the foreground, each group as often as the others;
    another one around known voxels where the network erred most of late; the rest around any known voxel. The
    patch lies somewhere around the voxel, inside the image if it fits.

    Parameters
    ----------
    regions
        The annotated images.
    groups
        The training targets of each class, or the combinations of each mask.
    patch_zyx
        Patch in voxels of the image.
    rare_share
        How many of the patches are drawn around foreground classes, 0 to 1.
    seed
        Of the whole run; step t always sees the same patches, also after a restart.
    error_share
        How many of the patches are drawn by the running error, 0 to 1; see :meth:`tell`.

    Attributes
    ----------
    running_error
        Where the network erred, if patches are drawn by it.
    """

    def __init__(
        self,
        regions: Sequence[Region],
        groups: Sequence[Sequence[int]],
        patch_zyx: Sequence[int],
        rare_share: float,
        seed: int,
        error_share: float = 0.0,
    ) -> None:
        self.patch_zyx = tuple(patch_zyx)
        self.rare_share = rare_share
        self.seed = seed
        self._regions = regions
        self._groups = groups
        classes = 1 + max((number for group in groups for number in group), default=0)
        self._places: list[list[_Voxels]] = []  # [region][class]
        self._weights = np.zeros((len(regions), classes))
        generator = np.random.default_rng([seed, 0])
        for index, region in enumerate(regions):
            kept, counts = _remembered_voxels(region, classes, generator)
            self._places.append(kept)
            self._weights[index] = counts
        self.counts: NDArray[np.float64] = self._weights.sum(axis=0)
        self._error_share = error_share
        self._drawn: dict[int, NDArray[np.int64]] = {}  # the cells of the patches of steps to come
        self.running_error: RunningError | None = None
        if error_share > 0:
            self.running_error = RunningError([region.shape_zyx for region in regions], patch_zyx)

    def draw(self, step: int, count: int) -> list[Place]:
        """Return the places of the patches of a step, counted from 1."""
        generator = np.random.default_rng([self.seed, step])
        present = [group for group in map(list, self._groups) if self.counts[group].any()]
        places = []
        errors = None if self.running_error is None else self.running_error.at(step)
        for number in range(count):
            # Shares are kept within each batch, as far as whole numbers can: less noise than coins.
            at = (number + generator.random()) / count
            rare = at < self.rare_share and present
            if errors is not None and not rare and at >= 1 - self._error_share:
                region, voxel = self._every_voxel.drawn(errors, generator)
                places.append(Place(region, self._start(region, voxel, generator)))
                continue
            among = present[generator.integers(len(present))] if rare else range(self.counts.size)
            shares = self.counts[list(among)]
            cls = int(generator.choice(among, p=shares / shares.sum()))
            weights = self._weights[:, cls]
            region = int(generator.choice(len(weights), p=weights / weights.sum()))
            voxel = self._places[region][cls].drawn(generator)
            places.append(Place(region, self._start(region, voxel, generator)))
        if self.running_error is not None:
            half = np.array(self.patch_zyx) // 2
            middles = [np.array([place.start_zyx]) + half for place in places]
            cells = [self.running_error.cells(p.region, m) for p, m in zip(places, middles, strict=True)]
            self._drawn[step] = np.concatenate(cells)
        return places

    def tell(self, step: int, errors: Tensor) -> None:
        """Say how large the error was in each patch of a step; steps after the next one draw by it."""
        if self.running_error is not None:
            self.running_error.tell(step, self._drawn.pop(step), errors)

    def state(self) -> dict[str, Tensor]:
        """Return what a training that goes on needs to know of the errors so far, by name."""
        return {} if self.running_error is None else self.running_error.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` returned."""
        if self.running_error is not None:
            self.running_error.load_state(state)

    @cached_property
    def _every_voxel(self) -> "_Pool":
        assert self.running_error is not None  # noqa: S101 - who asks draws by it
        return _Pool(self._places, self.running_error)

    def _start(
        self, region: int, voxel: NDArray[np.int32], generator: np.random.Generator
    ) -> tuple[int, int, int]:
        start = []
        for at, size, length in zip(
            voxel.tolist(), self.patch_zyx, self._regions[region].shape_zyx, strict=True
        ):
            slack = length - size  # if negative, the patch is centred on the image and mirrored beyond
            margin = size // 8
            # Every place in the image that shows the voxel is as likely: clamping piles them up at edges.
            lowest = min(max(at - size + 1 + margin, 0), max(slack, 0))
            highest = max(min(at - margin, slack), lowest)
            first = int(generator.integers(lowest, highest + 1))
            start.append(first if slack >= 0 else slack // 2)
        z, y, x = start
        return z, y, x


class _Voxels:
    """Some voxels of a class, each standing for so many of its slab."""

    def __init__(self) -> None:
        self._places: list[NDArray[np.int32]] = []  # of each slab: (n, 3)
        self._counts: list[int] = []

    def add(self, places: NDArray[np.int32], count: int) -> None:
        """Remember these voxels of a slab that has `count` of them."""
        self._places.append(places)
        self._counts.append(count)

    def parts(self) -> Iterator[tuple[NDArray[np.int32], int]]:
        """Yield the voxels of each slab, (n, 3), and how many the slab has."""
        yield from zip(self._places, self._counts, strict=True)

    def drawn(self, generator: np.random.Generator) -> NDArray[np.int32]:
        """Return one voxel, from a slab of many as much more often as it has more."""
        shares = np.array(self._counts) / sum(self._counts)
        places = self._places[int(generator.choice(len(shares), p=shares))]
        voxel: NDArray[np.int32] = places[generator.integers(len(places))]
        return voxel


class _Pool:
    """All voxels that are remembered, whatever their class, to draw from by the error around them."""

    def __init__(self, places: Sequence[Sequence[_Voxels]], errors: RunningError) -> None:
        regions, voxels, weights, cells = [], [], [], []
        for region, classes in enumerate(places):
            for part, count in (pair for remembered in classes for pair in remembered.parts()):
                regions.append(np.full(len(part), region))
                voxels.append(part)
                weights.append(np.full(len(part), count / len(part)))
                cells.append(errors.cells(region, part))
        self._regions, self._voxels = np.concatenate(regions), np.concatenate(voxels)
        self._weights, self._cells = np.concatenate(weights), np.concatenate(cells)

    def drawn(
        self, errors: NDArray[np.float64], generator: np.random.Generator
    ) -> tuple[int, NDArray[np.int32]]:
        """Return a region and a voxel of it, as often as there are such voxels times the error there."""
        shares = self._weights * errors[self._cells]
        total = shares.sum()
        number = int(generator.choice(len(shares), p=shares / total if total > 0 else None))
        return int(self._regions[number]), self._voxels[number]


def _remembered_voxels(
    region: Region, classes: int, generator: np.random.Generator
) -> tuple[list[_Voxels], NDArray[np.int64]]:
    """Return some voxels of each class, and the number of all."""
    kept = [_Voxels() for _ in range(classes)]
    counts = np.zeros(classes, np.int64)
    share = max(64, _PLACES // region.slab_count)
    for slab, targets in region.slabs():
        for number in range(classes):
            flat = np.flatnonzero(targets == number)
            if not flat.size:
                continue
            count = flat.size
            counts[number] += count
            if count > share:
                flat = generator.choice(flat, share, replace=False)
            voxels = np.stack(np.unravel_index(flat, targets.shape), axis=1).astype(np.int32)
            kept[number].add(voxels + np.array(slab.start, np.int32), count)
    return kept, counts


def validation_boxes(region: Region, patch_zyx: Sequence[int], most: int, classes: int) -> list[Box]:
    """Choose patches that cover the held-out box, or the part of it that carries labels.

    Parameters
    ----------
    region
        With a held-out box.
    patch_zyx
        Size of the patches in voxels.
    most
        So many at most, spread evenly, or else their figures would not be those of the whole; and one more
        for each class that none of these shows.
    classes
        Number of classes with the background.
    """
    assert region.held_out is not None  # noqa: S101 - asked for by the caller
    axes = []
    for start, stop, size, length in zip(
        region.held_out.start, region.held_out.stop, patch_zyx, region.shape_zyx, strict=True
    ):
        count = -(-(stop - start) // size)
        starts = (
            np.linspace(start, max(start, stop - size), count) if count > 1 else [(start + stop - size) / 2]
        )
        slack = length - size
        axes.append([min(max(round(s), 0), slack) if slack >= 0 else slack // 2 for s in starts])
    found: list[tuple[frozenset[int], Box]] = []
    for z in axes[0]:
        for y in axes[1]:
            for x in axes[2]:
                box = Box((z, y, x), (z + patch_zyx[0], y + patch_zyx[1], x + patch_zyx[2]))
                targets = region.targets(box, validation=True)
                histogram = np.bincount(targets.ravel(), minlength=UNKNOWN + 1)[:classes]
                if histogram.any():
                    found.append((frozenset(np.flatnonzero(histogram).tolist()), box))
    chosen = {int(number) for number in np.linspace(0, len(found) - 1, min(most, len(found))).round()}
    seen = frozenset[int]().union(*(found[number][0] for number in chosen))
    for number, (shown, _) in enumerate(found):
        if not shown <= seen:
            chosen.add(number)
            seen |= shown
    return [found[number][1] for number in sorted(chosen)]

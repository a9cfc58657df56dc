"""The annotated part of an image: where it is, its training targets box by box, how its classes lie in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import fastremap
import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.labels import UNKNOWN, LabelReading, as_integers
from cristae.networks import broken_in
from cristae.volumes import Image
from cristae.volumes.image import Voxels

_SLAB_VOXELS = 2**24
"""Labels are scanned in slabs of about so many voxels."""


class HeldImage:
    """An image of which one box lies in memory; the rest is read when asked for."""

    def __init__(self, image: Image, box_zyx: Box) -> None:
        self.image = image
        self.shape_czyx = image.shape_czyx
        self.dtype = image.dtype
        self.name = image.name
        self.box = box_zyx
        self._voxels = image.read(box_zyx)

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box; do not write into them."""
        if self.box.contains(box_zyx):
            return self._voxels[(slice(None), *box_zyx.relative_to(self.box).slices)]
        return self.image.read(box_zyx)


@dataclass
class Region:
    """One image with its labels.

    Parameters
    ----------
    image, labels
        Of equal z, y, x.
    reading
        What the label values mean. Of an image without labels the sections count as annotated, and all of
        their voxels are unknown.
    held_out
        The box that serves for validation.
    gap_zyx
        Voxels around it that serve for nothing.
    training_z
        If given, only these sections are trained on, half-open.
    """

    image: Image
    labels: Image
    reading: LabelReading
    held_out: Box | None = None
    gap_zyx: tuple[int, int, int] = (0, 0, 0)
    training_z: tuple[int, int] | None = None
    _held: tuple[Box, NDArray[np.uint8]] | None = field(default=None, repr=False)

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Sections, rows, columns."""
        return self.image.shape_czyx[1:]

    @property
    def annotated_box(self) -> Box:
        """From the first annotated section to the last."""
        sections = self.reading.annotated_sections
        return Box((sections[0], 0, 0), (sections[-1] + 1, *self.shape_zyx[1:]))

    def hold_in_memory(self) -> None:
        """Keep the image and the targets of the annotated sections, with their neighbours, in memory."""
        box = self.annotated_box
        margin = box.grown((2, 0, 0)).clipped(Box.of_shape(self.shape_zyx))
        if not isinstance(self.image, HeldImage):
            self.image = HeldImage(self.image, margin)  # type: ignore[assignment]
        targets = np.empty(box.shape, np.uint8)
        for slab in self._slabs():
            targets[slab.relative_to(box).slices] = self._computed(slab)
        self._held = (box, targets)
        if self.reading.offsets and not isinstance(self.labels, HeldImage):
            self.labels = HeldImage(self.labels, box)  # type: ignore[assignment]

    @property
    def bytes_in_memory(self) -> int:
        """How much :meth:`hold_in_memory` would keep."""
        box = self.annotated_box
        ids = self.labels.dtype.itemsize if self.reading.offsets else 0
        return box.size * (1 + ids + self.image.shape_czyx[0] * self.image.dtype.itemsize)

    @property
    def slab_count(self) -> int:
        """How many parts :meth:`slabs` yields."""
        return sum(1 for _ in self._slabs())

    def broken_voxels(self) -> int:
        """Count the voxels of the annotated sections, of all channels, that are no finite numbers."""
        if self.image.dtype.kind != "f":
            return 0
        return sum(broken_in(self.image.read(slab)) for slab in self._slabs())

    def targets(self, box_zyx: Box, *, validation: bool = False) -> NDArray[np.uint8]:
        """Return the targets of a box that may reach beyond the image, (z, y, x).

        Beyond the image they are unknown. For training the held-out box and its gap are unknown; for
        validation everything but the held-out box is.
        """
        return self._shown(box_zyx, self._read, validation, np.uint8)

    def ids(self, box_zyx: Box, *, validation: bool = False) -> NDArray[np.int32]:
        """Return the numbers of the objects of a box, 255 where :meth:`targets` are unknown, (z, y, x).

        They are numbered for this box, 0 is background.
        """
        return self._shown(box_zyx, self._read_ids, validation, np.int32)

    def _shown[Number: (np.uint8, np.int32)](
        self,
        box_zyx: Box,
        read: Callable[[Box], NDArray[Number]],
        validation: bool,
        dtype: type[Number],
    ) -> NDArray[Number]:
        """Return what is read of a box, unknown where that must not be seen."""
        result = np.full(box_zyx.shape, UNKNOWN, dtype)
        inside = box_zyx.intersection(self.annotated_box) if self.reading.is_labelled else None
        if inside is not None and validation and self.held_out is not None:
            inside = inside.intersection(self.held_out)
        if inside is None:
            return result
        part = result[inside.relative_to(box_zyx).slices]
        part[...] = read(inside)
        if validation:
            return result
        kept_away = inside.intersection(self.held_out.grown(self.gap_zyx)) if self.held_out else None
        if kept_away is not None:
            result[kept_away.relative_to(box_zyx).slices] = UNKNOWN
        if self.training_z is not None:
            first, last = (z - box_zyx.start[0] for z in self.training_z)
            result[: max(0, first)] = UNKNOWN
            result[max(0, last) :] = UNKNOWN
        return result

    def held_out_ids(self, box_zyx: Box) -> NDArray[np.int64]:
        """Return the ids of the known objects held out in a box that may reach beyond, (z, y, x), else 0."""
        result = np.zeros(box_zyx.shape, np.int64)
        inside = box_zyx.intersection(self.annotated_box)
        if inside is not None and self.held_out is not None:
            inside = inside.intersection(self.held_out)
        if inside is not None:
            values = as_integers(self.labels.read(inside)[0])
            known = self.reading.known(values, inside.start[0])
            result[inside.relative_to(box_zyx).slices] = np.where(known, values, 0)
        return result

    def slabs(self, *, validation: bool = False) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
        """Yield the targets of the annotated sections, some sections at a time; none without labels."""
        for slab in self._slabs() if self.reading.is_labelled else ():
            yield slab, self.targets(slab, validation=validation)

    def _read(self, box_zyx: Box) -> NDArray[np.uint8]:
        if self._held is not None:
            box, targets = self._held
            return targets[box_zyx.relative_to(box).slices]
        return self._computed(box_zyx)

    def _read_ids(self, box_zyx: Box) -> NDArray[np.int32]:
        values = as_integers(self.labels.read(box_zyx)[0])
        # Without 255, and small, so that they stay exact when patches are deformed.
        numbers = fastremap.renumber(values, preserve_zero=True)[0].astype(np.int32)
        numbers[numbers >= UNKNOWN] += 1
        numbers[~self.reading.known(values, box_zyx.start[0])] = UNKNOWN
        return np.asarray(numbers)

    def _computed(self, box_zyx: Box) -> NDArray[np.uint8]:
        # A boundary is known by its neighbours: one voxel more to each side.
        wide = box_zyx.grown((1, 1, 1)).clipped(Box.of_shape(self.shape_zyx))
        targets = self.reading.to_classes(self.labels.read(wide)[0], wide.start[0])
        return targets[box_zyx.relative_to(wide).slices]

    def _slabs(self) -> Iterator[Box]:
        box = self.annotated_box
        depth = max(1, _SLAB_VOXELS // (box.shape[1] * box.shape[2]))
        for z in range(box.start[0], box.stop[0], depth):
            yield Box((z, *box.start[1:]), (min(z + depth, box.stop[0]), *box.stop[1:]))


def class_profiles(region: Region) -> list[NDArray[np.int64]]:
    """Count the voxels of background and each class or mask along z, y and x: three arrays (n, length)."""
    box = region.annotated_box
    groups = ((0,), *region.reading.groups)
    profiles = [np.zeros((len(groups), length), np.int64) for length in box.shape]
    for slab, targets in region.slabs():
        for number, group in enumerate(groups):
            there = np.isin(targets, group)
            first = slab.start[0] - box.start[0]
            per_row = there.sum(axis=2)
            profiles[0][number, first : first + slab.shape[0]] += per_row.sum(axis=1)
            profiles[1][number] += per_row.sum(axis=0)
            profiles[2][number] += there.sum(axis=(0, 1))
    return profiles

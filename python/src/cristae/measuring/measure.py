"""Measure the objects of a label image, in one pass and in memory that grows with the objects.

With other labels, or a condition on the distance to an object, the surfaces of these are in memory, too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cristae.errors import Cancelled, InvalidInput, NotFound
from cristae.events import Event, Progress
from cristae.labels import check_same_shape, read_ids
from cristae.labels.scan import SLAB_VOXELS
from cristae.measuring.classes import ClassVotes
from cristae.measuring.contacts import Contacts
from cristae.measuring.distances import NearestObjects, OnlyObject, SurfacePoints
from cristae.measuring.inputs import LABELS, Slab, Units, check_labels, read_padded, slabs_of
from cristae.measuring.querying import chosen_by
from cristae.measuring.rows import Rows
from cristae.measuring.runs import runs_of
from cristae.measuring.shape import shape_columns
from cristae.measuring.skeletons import skeleton_lengths
from cristae.measuring.sums import IntensitySums, ShapeSums
from cristae.measuring.surface import exposure, weights
from cristae.measuring.table import Table, defined
from cristae.volumes import Image, VoxelSize

RAW, CLASSES, OTHER = "raw image", "class image", "other labels"
_SHARE_OF_SKELETONS = 0.7
"""Of the whole work, by experience; only the progress bar depends on it."""


@dataclass(frozen=True)
class Measurements:
    """What was measured.

    Attributes
    ----------
    objects
        A row for each object, by rising id; docs/objects.md defines the columns.
    contacts
        A row for each pair of objects that touch, if it was asked for.
    unit
        "nm", or "px" if the size of the voxels is not known.
    sentences
        What was assumed or left out, and what was found.
    files
        The tables that were written.
    """

    objects: Table
    contacts: Table | None
    unit: str
    sentences: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Beside:
    """Images of the same shape that tell more about the objects.

    Attributes
    ----------
    raw
        Grey values, one channel.
    classes
        The class of each voxel.
    other
        Other objects, such as organelles of another kind.
    """

    raw: Image | None = None
    classes: Image | None = None
    other: Image | None = None

    def check(self, labels: Image) -> None:
        """Refuse what does not fit the labels voxel for voxel."""
        shape = labels.shape_czyx
        for image, what in ((self.raw, RAW), (self.classes, CLASSES), (self.other, OTHER)):
            if image is not None and image.shape_czyx[0] != 1:
                raise InvalidInput(
                    f"The {what} has {image.shape_czyx[0]} channels; one is measured. Save that channel by "
                    "itself."
                )
            if image is not None:
                check_same_shape(image.shape_czyx, shape, labels=what, image=LABELS)


def measure(
    labels: Image,
    beside: Beside | None = None,
    *,
    contacts: bool = False,
    skeletons: bool = False,
    where: str | None = None,
    voxel_size: VoxelSize | None = None,
    slab_voxels: int = SLAB_VOXELS,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Measurements:
    """Measure every object of a label image.

    Parameters
    ----------
    labels
        One id per object (1, z, y, x), of any whole numbers up to 2^63 - 1; 0 is background. An object need
        not be one piece.
    beside
        Images of the same shape that tell more about the objects.
    contacts
        Whether to make the table of the pairs that touch: of two objects of `labels`, or if there are other
        labels, of one of either.
    skeletons
        Whether to measure the length of the centre line of every object, which takes long.
    where
        Only objects that fulfil this: see :func:`cristae.measuring.querying.chosen_by`.
    voxel_size
        Instead of what the labels say.
    slab_voxels
        So many voxels are held at a time, one row at least. The result does not depend on it.
    on_event
        Gets progress.
    should_stop
        Asked before every slab; True ends the work.

    Returns
    -------
    Measurements
        The tables.

    Raises
    ------
    InvalidInput
        What is given is no label image, the images do not fit each other, or the condition cannot be read.
    NotFound
        The condition asks for the distance to an object that is not there.
    OutOfMemory
        The surfaces of the other labels do not fit into memory.
    Cancelled
        `should_stop` said so.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> labels = ArrayImage(np.array([[[0, 1, 1, 2]]], np.uint8), VoxelSize(50, 4, 4))
    >>> found = measure(labels, contacts=True)
    >>> found.objects["area_nm2"].tolist(), found.objects["centroid_x_nm"].tolist()
    ([32.0, 16.0], [6.0, 12.0])
    >>> list(found.contacts.rows())
    [(1, 2, 1, 4.0)]
    """
    beside = beside or Beside()
    wanted = check_measurement(labels, beside, skeletons=skeletons, where=where, voxel_size=voxel_size)
    units = Units.of(labels, voxel_size)
    pass_ = _Pass(labels, beside, units, contacts=contacts, slab_voxels=slab_voxels)
    pass_.read_other()
    share = 1 - _SHARE_OF_SKELETONS if skeletons else 1.0

    def tell(fraction: float) -> None:
        if should_stop():
            raise Cancelled("Measuring was stopped.")
        on_event(Progress("Measuring", min(1.0, fraction)))

    for slab in slabs_of(labels, slab_voxels):
        tell(share * slab.core.start[0] / labels.shape_czyx[1])
        pass_.add(slab)
    sentences = [] if units.unit == "nm" else [NO_VOXEL_SIZE]
    columns = pass_.columns()
    if skeletons:
        shapes = pass_.shape_sums.counted(pass_.rows)
        lengths, left_out = skeleton_lengths(
            labels, pass_.rows.ids, shapes, units, lambda done: tell(share + done * _SHARE_OF_SKELETONS)
        )
        columns[f"skeleton_length_{units.unit}"] = defined(lengths)
        sentences += left_out
    objects, pairs = Table(columns), pass_.contacts.table() if pass_.contacts else None
    sentences.append(_told(len(objects)))
    if where is not None:
        distances = {one: _distances(labels, one, pass_.rows, units, slab_voxels) for one in wanted}
        chosen = chosen_by(where, objects, units.unit, distances.__getitem__)
        sentences.append(f"{np.count_nonzero(chosen):,} of {len(objects):,} objects fulfil the condition.")
        objects = objects.only(chosen)
        if pairs is not None:
            left = np.isin(pairs["id"], objects["id"])
            if beside.other is None:
                left |= np.isin(pairs["other_id"], objects["id"])
            pairs = pairs.only(left)
    tell(1.0)
    return Measurements(objects, pairs, units.unit, sentences)


def check_measurement(
    labels: Image,
    beside: Beside,
    *,
    skeletons: bool = False,
    where: str | None = None,
    voxel_size: VoxelSize | None = None,
) -> list[int]:
    """Refuse what can never be measured, without reading a voxel; return the ids that the condition names.

    Parameters
    ----------
    labels, beside, skeletons, where, voxel_size
        As for :func:`measure`.

    Raises
    ------
    InvalidInput
        The images do not fit each other, or the condition cannot be read.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> labels = ArrayImage(np.zeros((1, 2, 3), np.uint8))
    >>> check_measurement(labels, Beside(), where="distance_to_px(7) < 5 and voxels > 2")
    [7]
    """
    check_labels(labels)
    beside.check(labels)
    if where is None:
        return []
    units = Units.of(labels, voxel_size)
    columns = _Pass(labels, beside, units, contacts=False, slab_voxels=1).columns()
    if skeletons:
        columns[f"skeleton_length_{units.unit}"] = np.empty(0)
    asked: list[int] = []

    def ask(object_id: int) -> npt.NDArray[np.number]:
        asked.append(object_id)
        return np.empty(0)

    chosen_by(where, Table(columns), units.unit, ask)
    return asked


NO_VOXEL_SIZE = (
    "The labels do not say how large a voxel is: everything is given in voxels (px). Give the voxel size for "
    "nanometres."
)


class _Pass:
    """Everything that one pass over the volume adds up."""

    def __init__(
        self, labels: Image, beside: Beside, units: Units, *, contacts: bool, slab_voxels: int
    ) -> None:
        self._beside, self._units, self._shape_zyx = beside, units, labels.shape_czyx[1:]
        self._slab_voxels = slab_voxels
        self._steps, self._surface_unit = weights(tuple(units.own_sides.tolist()))
        self.rows, self.shape_sums = Rows(), ShapeSums()
        self._intensity = None if beside.raw is None else IntensitySums(beside.raw.dtype)
        self._votes = None if beside.classes is None else ClassVotes()
        self._near = None
        between = Contacts(units, self.rows, Rows())
        self.contacts = (
            (between if beside.other is not None else Contacts(units, self.rows)) if contacts else None
        )
        if beside.other is not None:
            self._near = NearestObjects()

    def read_other(self) -> None:
        """Read the surfaces of the other objects."""
        if self._beside.other is not None and self._near is not None:
            self._near.points = SurfacePoints(self._beside.other, self._units, self._slab_voxels, OTHER)

    def add(self, slab: Slab) -> None:
        box, beside = slab.core, self._beside
        runs = runs_of(slab.ids, box)
        if not runs.ids.size:
            return
        rows = self.rows.of_all(runs.ids)
        self.shape_sums.add(rows, runs, exposure(slab.padded, self._steps))
        if beside.raw is not None and self._intensity is not None:
            self._intensity.add(rows, runs, beside.raw.read(box)[0])
        if beside.classes is not None and self._votes is not None:
            self._votes.add(self.rows, slab.ids, read_ids(beside.classes, box, "labels of classes"), box)
        if beside.other is not None and self._near is not None:
            others = read_padded(beside.other, box, OTHER)
            self._near.add(self.rows, slab, others[1:-1, 1:-1, 1:-1])
            if self.contacts is not None:
                self.contacts.add_between(slab.padded, others)
        elif self.contacts is not None:
            self.contacts.add(slab.padded)

    def columns(self) -> dict[str, npt.NDArray[np.number]]:
        shapes = self.shape_sums.counted(self.rows)
        columns = shape_columns(self.rows.ids, shapes, self._units, self._shape_zyx, self._surface_unit)
        if self._intensity is not None:
            grey = self._intensity.columns(self.rows)
            columns |= {f"intensity_{name}": defined(values) for name, values in grey.items()}
        if self._votes is not None:
            columns |= self._votes.columns(self.rows)
        if self._near is not None:
            columns |= self._near.columns(self.rows, self._units.unit)
        return columns


def _distances(
    labels: Image, object_id: int, rows: Rows, units: Units, slab_voxels: int
) -> npt.NDArray[np.number]:
    """Return how far every object is from one of them, by rising id."""
    if object_id not in rows.ids:
        raise NotFound(f"The labels have no object {object_id}, so nothing has a distance to it.")
    near = NearestObjects()
    near.points = SurfacePoints(OnlyObject(labels, object_id), units, slab_voxels, LABELS)
    for slab in slabs_of(labels, slab_voxels):
        near.add(rows, slab, np.where(slab.ids == object_id, slab.ids, 0))
    return near.columns(rows, units.unit)[f"nearest_other_{units.unit}"]


def _told(count: int) -> str:
    if not count:
        return "The labels hold no object: every voxel is 0."
    return f"{count:,} object{'' if count == 1 else 's'} measured."

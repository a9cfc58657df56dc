"""Read a label image: what its values mean, what is unknown, and what a person should be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import thickness
from cristae.labels.affinities import OBJECT, Offset, affinity_classes
from cristae.labels.boundaries import BOUNDARY_CLASSES, boundary_classes
from cristae.labels.contents import contents_told
from cristae.labels.majority import UNKNOWN_VOTE
from cristae.labels.masks import Masks
from cristae.labels.numbering import Numbering, number_classes
from cristae.labels.pieces import is_in_pieces
from cristae.labels.scan import Scan, as_integers, scan_values
from cristae.labels.shapes import check_same_shape
from cristae.labels.thickness import ObjectStatistics
from cristae.volumes import Image, LabelClass, VoxelSize

_WIDER_THAN_STROKES = 16.0
"""In voxels: what is drawn so wide among unknown voxels lies in something at least as thick; of narrow
strokes only their own width is known."""

UNKNOWN = 255
"""The training target of voxels that are never trained on, scored or counted."""

MOST_VALUES = 1024

Target = Literal["classes", "masks", "instances"]
EmptySections = Literal["unknown", "background"]
Purpose = Literal["training", "evaluation"]


@dataclass(frozen=True)
class LabelReading:
    """What a label image means.

    Attributes
    ----------
    target
        "classes", "masks" or "instances".
    classes
        The table of the training classes 1...n; for masks the combinations that occur; for instances
        :data:`BOUNDARY_CLASSES`.
    class_of_value
        Class number of each label value; empty for instances.
    unknown_value
        The value of unknown voxels, if any.
    annotated_sections
        Indices z of the sections that count; all voxels of the others are unknown.
    section_count
        Number of sections of the image.
    voxel_counts
        Known voxels per class number, 0 being background; for instances 0 and 1 (all objects).
    objects
        Size of the objects, for instances.
    thickness_voxels
        Median in-plane thickness of the profiles per class or mask, in voxels along x; for instances under
        1. Those without voxels are left out; all of them where most voxels are unknown, something is narrow.
    stroke_width_voxels
        Width of these narrowest strokes, in voxels along x; 0 where thicknesses are known.
    offsets
        For instances that are learned by affinities, the pairs of voxels; see
        :func:`~cristae.labels.affinities.offsets_for`.
    sentences, warnings
        What was understood, for people.
    """

    target: Target
    classes: tuple[LabelClass, ...]
    class_of_value: Mapping[int, int]
    unknown_value: int | None
    annotated_sections: tuple[int, ...]
    section_count: int
    voxel_counts: Mapping[int, int]
    objects: ObjectStatistics | None
    thickness_voxels: Mapping[int, float]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    voxel_size: VoxelSize | None = None
    masks: Masks | None = None
    stroke_width_voxels: float = 0.0
    offsets: tuple[Offset, ...] = ()

    @property
    def is_labelled(self) -> bool:
        """Whether any voxel is known."""
        return any(self.voxel_counts.values())

    def by_affinities(self, offsets: tuple[Offset, ...]) -> "LabelReading":
        """Return the reading of instances as objects and pairs of voxels, instead of boundaries."""
        return replace(self, classes=(OBJECT,), offsets=offsets)

    @property
    def answers(self) -> tuple[LabelClass, ...]:
        """What a network answers for: the classes, the masks with the values 1...n, or objects and pairs."""
        if self.offsets:
            return affinity_classes(self.offsets)
        if self.masks is None:
            return self.classes
        return self.masks.classes

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The training targets that belong to each answer: its own number, or the combinations with it.

        Of pairs of voxels that is the object.
        """
        if self.offsets:
            return ((OBJECT.value,),) * (1 + len(self.offsets))
        if self.masks is None:
            return tuple((entry.value,) for entry in self.classes)
        return self.masks.groups

    def to_classes(self, labels: npt.NDArray[np.generic], z0: int) -> npt.NDArray[np.uint8]:
        """Turn label values into training targets.

        Parameters
        ----------
        labels
            Values as stored (z, y, x).
        z0
            The section of the image that `labels` begins with.

        Returns
        -------
        ndarray of uint8
            (z, y, x): 0 background, 1...n classes, 255 unknown. For instances 1 is interior and 2 boundary;
            the outermost voxels know no neighbours, so read a margin of one voxel. By affinities, 1 is all
            of an object.
        """
        values = as_integers(labels)
        if self.target != "instances":
            targets = self._translated(values)
        elif self.offsets:
            known = self.known(values, z0)
            targets = np.where(known, (values != 0).astype(np.uint8), np.uint8(UNKNOWN))
        else:
            known = self.known(values, z0)
            targets = boundary_classes(values, self.voxel_size, known)
            targets[~known] = UNKNOWN
        for index, section in enumerate(targets, z0):
            if index not in self._annotated:
                section[:] = UNKNOWN
        return targets

    def known(self, labels: npt.NDArray[np.generic], z0: int) -> npt.NDArray[np.bool_]:
        """Tell which voxels of a block (z, y, x) that begins at section `z0` are known."""
        values = as_integers(labels)
        known = np.ones(values.shape, bool) if self.unknown_value is None else values != self.unknown_value
        for index, section in enumerate(known, z0):
            if index not in self._annotated:
                section[:] = False
        return known

    @cached_property
    def _annotated(self) -> frozenset[int]:
        return frozenset(self.annotated_sections)

    @cached_property
    def _translation(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        values = sorted(self.class_of_value)
        return np.array(values, np.int64), np.array([self.class_of_value[v] for v in values], np.uint8)

    @cached_property
    def _table(self) -> npt.NDArray[np.uint8]:
        table = np.full(1 << 16, UNKNOWN, np.uint8)
        for value, number in self.class_of_value.items():
            if 0 <= value < table.size:
                table[value] = number
        return table

    def _translated(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        if values.dtype in (np.uint8, np.uint16):
            return np.asarray(self._table[values])
        known, numbers = self._translation
        if known.size == 0:  # 0 is unknown, and nothing else was drawn
            return np.full(values.shape, UNKNOWN, np.uint8)
        places = np.minimum(np.searchsorted(known, values), known.size - 1)
        return np.where(known[places] == values, numbers[places], np.uint8(UNKNOWN))


def read_labels(
    labels: Image,
    image_shape_czyx: Sequence[int],
    *,
    target: Target = "classes",
    unknown: int | None = None,
    empty_sections: EmptySections | None = None,
    classes: Sequence[LabelClass] = (),
    background: int | None = None,
    purpose: Purpose = "training",
    z: tuple[int, int] | None = None,
    voxel_size: VoxelSize | None = None,
    masks: Masks | None = None,
    what: str = "labels",
    may_lack_labels: bool = False,
) -> LabelReading:
    r"""Read a label image section by section and settle what its values mean.

    Memory does not depend on the size of the image. For training, everything that cannot be learned from is
    refused; for evaluation, empty and one-sided labels are fine.

    Parameters
    ----------
    labels
        One channel, with the sections, rows and columns of the image.
    image_shape_czyx
        The shape of the image that the labels belong to.
    target
        "classes": every value is a class. "masks": every value is a combination of `masks`. "instances":
        every value is an object.
    unknown
        The value of voxels that nobody knows; 0 for strokes on an unknown ground.
    empty_sections
        What sections without any label are, while others have some: "unknown" or "background". Default:
        unknown for training, background for evaluation.
    classes
        The person's class table; makes every listed value legal. Refused for the target instances.
    background
        The value drawn as background, if the table has no class named so.
    purpose
        "training" or "evaluation".
    z
        Only these sections, half-open; the others are unknown.
    voxel_size
        Default: that of the labels.
    masks
        For the target masks: what :func:`cristae.labels.find_masks` found; `labels` is then a
        :class:`~cristae.labels.MasksAsOne`, and `classes` are not used.
    what
        What the label image is called in sentences, in the plural.
    may_lack_labels
        Whether labels of which every voxel is unknown are read for training, too.

    Raises
    ------
    InvalidInput
        With a sentence that says what was found and what to do.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> mask = np.zeros((3, 4, 4), np.uint8)
    >>> mask[0, :2, :2] = 255
    >>> reading = read_labels(ArrayImage(mask), (1, 3, 4, 4))
    >>> print(*reading.sentences, sep="\n")
    1 of 3 sections carries labels; the 2 others count as not annotated.
    Class numbers in results: 1 is the value 255.
    One class: 1 'class 1', 25.0 % of the annotated voxels.
    """
    if target not in ("classes", "masks", "instances"):
        raise InvalidInput(f"The target {target!r} is not known. Choose classes, masks or instances.")
    if empty_sections not in (None, "unknown", "background"):
        raise InvalidInput(f"Empty sections can be unknown or background, not {empty_sections!r}.")
    if target == "instances" and classes:
        raise InvalidInput(
            "Names of classes are given, and single objects (the target instances) have no classes: "
            "leave the names out."
        )
    check_same_shape(labels.shape_czyx, image_shape_czyx, labels=what)
    depth = labels.shape_czyx[1]
    z = check_range(z, depth)
    most = MOST_VALUES if target != "instances" else None
    found = scan_values(labels, unknown=unknown, z=z, most_values=most, what=what)
    default: EmptySections = "unknown" if purpose == "training" else "background"
    annotated, sentences = _annotated_sections(found, empty_sections or default)
    warnings: list[str] = []
    if unknown not in (None, UNKNOWN_VOTE) and not found.unknowns.any():
        warnings.append(f"No voxel of the {what} has the unknown value {unknown}.")
    if masks is not None:
        warnings = [f"No voxel of the {what} belongs to the mask {name!r}." for name in masks.empty]
    _, _, rows, columns = labels.shape_czyx
    all_unknown = int(found.unknowns.sum()) == (z[1] - z[0]) * rows * columns
    if purpose == "training" and not found.labelled.any() and not (all_unknown and may_lack_labels):
        raise InvalidInput(_nothing_labelled(found, unknown))

    zeros = 0 if unknown == 0 else int(found.zeros[annotated - found.first_section].sum())
    numbering = Numbering({}, BOUNDARY_CLASSES)
    if target != "instances":
        table = classes if masks is None else masks.table
        numbering = number_classes(
            found.values.tolist(), table=table, unknown=unknown, background=background, what=what
        )
        voxels = {0: zeros} | {entry.value: 0 for entry in numbering.classes}
        for value, count in found.count_of.items():
            voxels[numbering.class_of_value[value]] += count
        if purpose == "training":
            _refuse_one_class(voxels, numbering, found, unknown)
    else:
        voxels = {0: zeros, 1: int(found.counts.sum())}
        if purpose == "training" and found.values.size == 1:
            warnings.append(_doubt_one_object(labels, int(found.values[0]), unknown, annotated, zeros))

    reading = LabelReading(
        target=target,
        classes=numbering.classes,
        class_of_value=numbering.class_of_value,
        unknown_value=unknown,
        annotated_sections=tuple(annotated.tolist()),
        section_count=depth,
        voxel_counts=voxels,
        objects=None,
        thickness_voxels={},
        sentences=(),
        warnings=(*warnings, *(numbering.warnings if masks is None else ())),
        voxel_size=voxel_size or labels.voxel_size,
        masks=masks,
    )
    unknowns = int(found.unknowns[annotated - z[0]].sum())
    thicknesses = _thicknesses(labels, reading)
    narrowest = min(thicknesses.values(), default=0.0)
    are_strokes = unknowns > sum(voxels.values()) and narrowest < _WIDER_THAN_STROKES
    thicknesses, stroke_width = ({}, narrowest) if are_strokes else (thicknesses, 0.0)
    reading = replace(reading, thickness_voxels=thicknesses, stroke_width_voxels=stroke_width)
    objects = None
    if target == "instances":
        count = found.values.size
        volume = float(np.median(found.counts)) if count else 0.0
        objects = ObjectStatistics(count, volume, thicknesses.get(1, 0.0))
    sentences += numbering.sentences
    sentences += contents_told(reading, objects, unknowns)
    return replace(reading, objects=objects, sentences=tuple(sentences))


def check_range(z: tuple[int, int] | None, depth: int, what: str = "image") -> tuple[int, int]:
    """Return a half-open range of sections, refusing what lies outside of the `depth` sections.

    Examples
    --------
    >>> check_range(None, 5), check_range((1, 3), 5)
    ((0, 5), (1, 3))
    """
    if z is None:
        return 0, depth
    start, stop = z
    if not 0 <= start < stop <= depth:
        raise InvalidInput(
            f"The sections {start}:{stop} are not in the {what}, which has the sections 0:{depth} "
            "(half-open, counted from 0)."
        )
    return start, stop


def _annotated_sections(found: Scan, empty_sections: EmptySections) -> tuple[npt.NDArray[np.intp], list[str]]:
    count, labelled = found.labelled.size, int(found.labelled.sum())
    all_sections = np.arange(count) + found.first_section
    if labelled in (0, count):
        return all_sections, [f"All {count} sections carry labels."] if labelled and count > 1 else []
    carry = "carries" if labelled == 1 else "carry"
    others = "1 other counts" if count - labelled == 1 else f"{count - labelled} others count"
    said = f"{labelled} of {count} sections {carry} labels; the {others}"
    if empty_sections == "background":
        return all_sections, [f"{said} as background."]
    return np.flatnonzero(found.labelled) + found.first_section, [f"{said} as not annotated."]


def _nothing_labelled(found: Scan, unknown: int | None) -> str:
    if unknown not in (None, 0) and found.unknowns.any():
        return (
            f"The labels are empty: every voxel is 0 or {unknown}, which was named as unknown. "
            f"If {unknown} is the class (a 0/255 mask), do not name it as unknown; else draw at least "
            f"one object."
        )
    return "The labels are empty: every voxel is 0. Draw at least one object, or choose the label image."


def _refuse_one_class(
    voxels: Mapping[int, int], numbering: Numbering, found: Scan, unknown: int | None
) -> None:
    there = [number for number, count in voxels.items() if count]
    if len(there) != 1:
        return
    only = "background" if there == [0] else f"the class {numbering.classes[there[0] - 1].name!r}"
    if there == [0]:
        advice = "Draw at least one other class too."
    elif unknown == 0:
        advice = (
            "Draw some background as a second class and name it 'background', or, if 0 is background, do not "
            "name it as unknown."
        )
    elif not found.labelled.all():
        advice = (
            "If the sections without labels are background, say so (empty sections: background); else leave "
            "some background in the labelled ones."
        )
    else:
        advice = "Leave some background (0), or draw a second class."
    raise InvalidInput(
        f"Only one class is there: every known voxel is {only}, so there is nothing to tell apart. {advice}"
    )


def _doubt_one_object(
    labels: Image, value: int, unknown: int | None, annotated: npt.NDArray[np.intp], zeros: int
) -> str:
    """Refuse one number for many objects, and one object without a boundary; else return a warning."""
    if zeros == 0:
        raise InvalidInput(
            f"There is one object ({value}) and no background, so there is no boundary to learn. Label at "
            "least two touching objects, or leave background around the one."
        )
    if is_in_pieces(labels, value, unknown, annotated.tolist()):
        raise InvalidInput(
            f"All objects have the same number ({value}): number them, e.g. in ImageJ Process/Analyze > "
            "Analyze Particles with Count Masks or MorphoLibJ Connected Components, or choose classes."
        )
    return (
        f"The labels have one object only ({value}), so that no boundary between touching objects can be "
        "learned. Label more objects, each with a number of its own, or choose classes."
    )


def _thicknesses(labels: Image, reading: LabelReading) -> dict[int, float]:
    rows, columns = thickness.central_part(*labels.shape_czyx[2:])
    found: dict[int, list[thickness.Profiles]] = {}
    for z in thickness.spread(reading.annotated_sections):
        box = Box((z, rows.start, columns.start), (z + 1, rows.stop, columns.stop))
        values = as_integers(labels.read(box)[0])
        if reading.target == "instances":
            ids = np.where(reading.known(values, z), values, 0)[0]
            found.setdefault(1, []).append(thickness.profiles_of(ids))
            continue
        targets = reading.to_classes(values, z)[0]
        for number, members in enumerate(reading.groups, 1):
            if any(reading.voxel_counts.get(member) for member in members):
                found.setdefault(number, []).append(
                    thickness.profiles_of(np.isin(targets, members).view(np.uint8))
                )
    typical = {number: thickness.median_thickness(sections) for number, sections in found.items()}
    return {number: round(voxels, 2) for number, voxels in typical.items() if voxels > 0}

"""Masks, which may overlap, seen as one label image: each combination of masks that occurs is one value.

So everything that looks at label images (what is annotated, which voxels are rare, what is held out) needs
to know nothing of masks. The combinations are few, because organelles overlap in a few ways only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import fastremap
import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.scan import SLAB_VOXELS, as_integers, slabs
from cristae.labels.several import about_image
from cristae.volumes import Image, LabelClass

MOST_MASKS = 32
MOST_COMBINATIONS = 254
"""Training targets are 8-bit numbers, 0 is no mask and 255 unknown."""

UNKNOWN_COMBINATION = 255


@dataclass(frozen=True)
class Masks:
    """The masks of label images, and their combinations.

    Attributes
    ----------
    classes
        Names and colours of the masks, numbered from 1 in the order of the channels.
    combinations
        Which masks lie over each other: ``combinations[0]`` holds the masks (0, 1, ...) that the value 1
        stands for.

    Examples
    --------
    >>> masks = Masks((LabelClass(1, "mito"), LabelClass(2, "er")), ((0,), (0, 1)))
    >>> masks.groups, [entry.name for entry in masks.table]
    (((1, 2), (2,)), ['mask mito', 'masks mito + er'])
    """

    classes: tuple[LabelClass, ...]
    combinations: tuple[tuple[int, ...], ...]

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The values that each mask is part of."""
        return tuple(
            tuple(value for value, members in enumerate(self.combinations, 1) if mask in members)
            for mask in range(len(self.classes))
        )

    @property
    def members(self) -> npt.NDArray[np.bool_]:
        """Which masks (columns) each value (rows, from 0 on) stands for."""
        table = np.zeros((len(self.combinations) + 1, len(self.classes)), bool)
        for value, masks in enumerate(self.combinations, 1):
            table[value, list(masks)] = True
        return table

    @property
    def empty(self) -> tuple[str, ...]:
        """The names of the masks without a voxel."""
        return tuple(
            entry.name for entry, values in zip(self.classes, self.groups, strict=True) if not values
        )

    @property
    def table(self) -> tuple[LabelClass, ...]:
        """The combinations as classes."""
        return tuple(
            LabelClass(
                value,
                f"mask{'s' * (len(members) > 1)} {' + '.join(self.classes[m].name for m in members)}"[:120],
            )
            for value, members in enumerate(self.combinations, 1)
        )


class MasksAsOne:
    """Label images of several masks as one label image with the values of :attr:`Masks.combinations`.

    Parameters
    ----------
    labels
        A channel for each mask: 0 is outside, any other value inside.
    masks
        What :func:`find_masks` found.
    unknown
        A voxel with this value in any channel is unknown: it becomes `unknown_value`, which is 255, or None
        if there is no such value.
    """

    def __init__(self, labels: Image, masks: Masks, unknown: int | None = None) -> None:
        self._labels, self._unknown = labels, unknown
        self.unknown_value = None if unknown is None else UNKNOWN_COMBINATION
        bits = np.array([0, *(sum(1 << mask for mask in members) for members in masks.combinations)])
        order = np.argsort(bits)
        self._bits, self._values = bits[order], order.astype(np.uint8)
        _, z, y, x = labels.shape_czyx
        self.shape_czyx = (1, z, y, x)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)
        self.voxel_size = labels.voxel_size
        self.name = labels.name
        self.notes = labels.notes

    def read(self, box_zyx: Box) -> npt.NDArray[np.uint8]:
        """Return the combinations (1, z, y, x) of a box, a fresh array."""
        bits, unknown = _bits_of(self._labels, box_zyx, self._unknown)
        places = np.minimum(np.searchsorted(self._bits, bits), self._bits.size - 1)
        values = self._values[places]
        # Sections that nobody looked through may hold other combinations.
        values[unknown | (self._bits[places] != bits)] = UNKNOWN_COMBINATION
        return values[None]


def find_masks(
    images: Sequence[Image],
    *,
    classes: Sequence[LabelClass] = (),
    unknown: int | None = None,
    z: tuple[int, int] | None = None,
    what: str = "labels",
) -> Masks:
    """Find which combinations of masks occur, in constant memory.

    Parameters
    ----------
    images
        Label images with a channel for each mask, all with the same masks.
    classes
        Names and colours of the masks, in the order of their values; default: "mask 1", ...
    unknown
        The value of unknown voxels, if any.
    z
        Only these sections of the first image, half-open.
    what
        What the label images are called in sentences, in the plural.

    Raises
    ------
    InvalidInput
        The images have different numbers of channels, names and channels do not match, a channel holds more
        than one value besides 0, or there are too many masks or combinations.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> two = np.array([[[0, 1, 1]], [[0, 0, 255]]], np.uint8)[:, None]  # c, z, y, x
    >>> find_masks([ArrayImage(two)], classes=[LabelClass(1, "mito"), LabelClass(2, "crista")]).combinations
    ((0,), (0, 1))
    """
    counts = sorted({image.shape_czyx[0] for image in images})
    if len(counts) > 1:
        raise InvalidInput(
            f"The label images have {_listed(counts)} channels: give all of them the same masks, one channel "
            "each."
        )
    count = counts[0]
    named = mask_classes(classes, count, what)
    if count > MOST_MASKS:
        raise InvalidInput(
            f"The {what} have {count} channels, one for each mask; at most {MOST_MASKS} are taken. "
            "Are they sections, stored as channels? Then set them as slices (in ImageJ: Image > Properties)."
        )
    found: set[int] = set()
    for number, image in enumerate(images):
        inside: list[set[int]] = [set() for _ in range(count)]
        for box in slabs(image.shape_czyx[1:], z if number == 0 else None, SLAB_VOXELS // count):
            with about_image(number + 1, len(images)):
                check_mask_values(inside, image.read(box), unknown, what)
            bits, is_unknown = _bits_of(image, box, unknown)
            found |= set(fastremap.unique(bits[~is_unknown]).tolist())
            if len(found) > MOST_COMBINATIONS + 1:
                raise InvalidInput(
                    f"The {count} masks overlap in more than {MOST_COMBINATIONS} ways, which is too many. "
                    + (
                        "Are they sections, stored as channels? Then set them as slices (in ImageJ: Image > "
                        "Properties); else train fewer masks at once."
                        if image.shape_czyx[1] == 1
                        else "Train fewer masks at once."
                    )
                )
    return Masks(
        named,
        tuple(
            tuple(mask for mask in range(count) if bits >> mask & 1) for bits in sorted(found) if bits != 0
        ),
    )


def mask_classes(classes: Sequence[LabelClass], count: int, what: str = "labels") -> tuple[LabelClass, ...]:
    """Return names and colours of masks, numbered from 1; "mask 1", ... if none are given.

    Raises
    ------
    InvalidInput
        There are more or fewer names than masks, or two are the same.

    Examples
    --------
    >>> [entry.name for entry in mask_classes([], 2)]
    ['mask 1', 'mask 2']
    """
    if not classes:
        return tuple(LabelClass(number, f"mask {number}") for number in range(1, count + 1))
    if len(classes) != count:
        named = "1 mask is" if len(classes) == 1 else f"{len(classes)} masks are"
        raise InvalidInput(
            f"{named} named, but the {what} have {count} channel{'s' * (count > 1)}, one for each mask."
        )
    names = [entry.name for entry in classes]
    if len(set(names)) < count:
        raise InvalidInput(f"Two masks have the same name ({', '.join(names)}). Give each its own name.")
    in_order = sorted(classes, key=lambda entry: entry.value)
    return tuple(replace(entry, value=number) for number, entry in enumerate(in_order, 1))


def _bits_of(
    labels: Image, box_zyx: Box, unknown: int | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the masks of each voxel as bits, and which voxels are unknown."""
    bits = np.zeros(box_zyx.shape, np.int64)
    is_unknown = np.zeros(box_zyx.shape, bool)
    for mask, block in enumerate(labels.read(box_zyx)):
        bits |= (block != 0).astype(np.int64) << mask
        if unknown is not None:
            is_unknown |= block == unknown
    bits[is_unknown] = 0
    return bits, is_unknown


def check_mask_values(
    seen: Sequence[set[int]],
    block: npt.NDArray[np.generic],
    unknown: int | None,
    what: str,
    *,
    may_be_unknown: bool = True,
) -> None:
    """Refuse a channel with more than one value besides 0 and the unknown one: that is no mask.

    Parameters
    ----------
    seen
        The values of each channel until now; those of the block are added.
    block
        Voxels (c, z, y, x).
    unknown
        The value of unknown voxels, if any.
    what
        What the label image is called in sentences, in the plural.
    may_be_unknown
        Whether a value can be named as unknown here, which is an advice then.

    Raises
    ------
    InvalidInput
        With the values, and what to do.
    """
    if unknown == 0:
        raise InvalidInput(
            f"In the {what} of masks 0 is outside of a mask, so it cannot be the unknown value. Give voxels "
            "that nobody knows another value in one of the channels at least, and name that one as unknown."
        )
    for number, (channel, values) in enumerate(zip(block, seen, strict=True), 1):
        integers = as_integers(channel, what, may_be_unknown=may_be_unknown)
        values |= set(fastremap.unique(integers).tolist()) - {0, unknown}
        if len(values) > 1:
            shown = _listed(sorted(values)[:4]) + (" ..." if len(values) > 4 else "")
            raise InvalidInput(
                f"Channel {number} of the {what} holds the values {shown}, but a mask has 0 and one other "
                "value. Give each mask a channel of its own; for one label image whose values are classes "
                "choose classes"
                + ("; for voxels that nobody knows name the value as unknown." if may_be_unknown else ".")
            )


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(str(number) for number in numbers)

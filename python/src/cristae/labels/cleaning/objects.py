"""A label image with its objects, changed step by step; what need not be in memory is computed when read."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import OutOfMemory
from cristae.geometry import Box
from cristae.labels.cleaning.images import InMemory, Renamed
from cristae.labels.ids import read_ids
from cristae.labels.scan import SLAB_VOXELS, ValueCounts, count_values, slabs
from cristae.labels.shapes import check_same_shape
from cristae.memory import available_bytes
from cristae.volumes import Image

type Ids = npt.NDArray[np.integer]
type Integers = npt.NDArray[np.int64]
type OnProgress = Callable[[float], object]
"""Gets the share that is done, again and again; it may raise to end the work."""


def unheard(fraction: float) -> None:
    """Take note of nothing."""


class Objects:
    """The objects of a label image.

    Parameters
    ----------
    image
        One channel.
    ids, voxels
        Its ids in rising order, without 0, and how many voxels each has.
    slab_voxels
        So many are held at a time, one row at least.
    became
        By ids that objects had before, the ones that they have now.
    """

    def __init__(
        self,
        image: Image,
        ids: Integers,
        voxels: Integers,
        *,
        slab_voxels: int = SLAB_VOXELS,
        became: Mapping[int, int] | None = None,
    ) -> None:
        self.image, self.ids, self.voxels, self.slab_voxels = image, ids, voxels, slab_voxels
        self.became = became or {}

    @classmethod
    def of(
        cls, image: Image, *, slab_voxels: int = SLAB_VOXELS, on_progress: OnProgress = unheard
    ) -> "Objects":
        """Count the objects of an image, slab by slab.

        Raises
        ------
        InvalidInput
            It has several channels, or is no label image.

        Examples
        --------
        >>> from cristae.volumes import ArrayImage
        >>> found = Objects.of(ArrayImage(np.array([[0, 3, 3, 9]], np.uint8)))
        >>> found.ids.tolist(), found.voxels.tolist()
        ([3, 9], [2, 1])
        """
        check_same_shape(image.shape_czyx, (1, *image.shape_czyx[1:]), image="volume")
        counts = ValueCounts()
        for box in boxes_told(image.shape_czyx[1:], slab_voxels, on_progress):
            counts.add(*count_values(read_ids(image, box)))
        ids, voxels = counts.arrays()
        return cls(image, ids[ids != 0], voxels[ids != 0], slab_voxels=slab_voxels)

    @property
    def shape_zyx(self) -> tuple[int, ...]:
        """The shape of the volume."""
        return self.image.shape_czyx[1:]

    @property
    def is_flat(self) -> bool:
        """Whether it is a single section."""
        return self.shape_zyx[0] == 1

    def renamed(self, new_ids: Integers) -> "Objects":
        """Return the objects with other ids, one for each of :attr:`ids`; 0 removes one."""
        changed = new_ids != self.ids
        image = Renamed(self.image, self.ids[changed], new_ids[changed])
        ids, place = np.unique(new_ids, return_inverse=True)
        voxels = np.zeros(ids.size, np.int64)
        np.add.at(voxels, place, self.voxels)
        moved = changed & (new_ids != 0)
        now = dict(zip(self.ids[moved].tolist(), new_ids[moved].tolist(), strict=True))
        became = {old: now.get(one, one) for old, one in self.became.items()} | now
        return Objects(image, ids[ids != 0], voxels[ids != 0], slab_voxels=self.slab_voxels, became=became)

    def replaced(self, voxels: Ids, on_progress: OnProgress = unheard) -> "Objects":
        """Return the objects of another array (z, y, x) in place of this image."""
        image = InMemory(voxels, self.image)
        return Objects.of(image, slab_voxels=self.slab_voxels, on_progress=on_progress)

    def slabs(self, on_progress: OnProgress = unheard) -> Iterator[Box]:
        """Yield the boxes of the volume, and tell how much of it is done."""
        return boxes_told(self.shape_zyx, self.slab_voxels, on_progress)

    def in_memory(self, bytes_a_voxel: int, what: str, on_progress: OnProgress = unheard) -> Ids:
        """Return all ids (z, y, x), in the smallest type that holds them.

        Parameters
        ----------
        bytes_a_voxel
            What the work takes in all, this array counted.
        what
            The work, for the sentence: "Filling holes".
        on_progress
            Gets the share that is read.

        Raises
        ------
        OutOfMemory
            It does not fit into the memory that is available.
        """
        check_memory(self.shape_zyx, bytes_a_voxel, what)
        voxels = np.zeros(self.shape_zyx, smallest_type(self.ids))
        for box in self.slabs(on_progress):
            voxels[box.slices] = read_ids(self.image, box)
        return voxels

    def write(self, put: Callable[[Box, Ids], object], on_progress: OnProgress, block_depth: int = 1) -> None:
        """Hand over all ids, slab by slab, in the smallest type that holds them.

        Slabs end where blocks of `block_depth` sections do, if such slabs take no more than four others.
        """
        dtype = smallest_type(self.ids)
        blocks = block_depth * math.prod(self.shape_zyx[1:])
        voxels = max(self.slab_voxels, blocks if blocks <= 4 * self.slab_voxels else 0)
        for box in boxes_told(self.shape_zyx, voxels, on_progress, block_depth):
            put(box, read_ids(self.image, box).astype(dtype))


def boxes_told(
    shape_zyx: Sequence[int], slab_voxels: int, on_progress: OnProgress, multiple: int = 1
) -> Iterator[Box]:
    """Yield the slabs of a volume, and tell before each, and at the end, how much of it is done.

    Examples
    --------
    >>> [box.shape for box in boxes_told((2, 1, 4), 4, print)]
    0.0
    0.5
    1.0
    [(1, 1, 4), (1, 1, 4)]
    """
    done, whole = 0, math.prod(shape_zyx)
    for box in slabs(shape_zyx, voxels=slab_voxels, multiple=multiple):
        on_progress(done / whole)
        yield box
        done += box.size
    on_progress(1.0)


def smallest_type(ids: Integers) -> np.dtype[Any]:
    """Return the smallest unsigned type that holds ids.

    Examples
    --------
    >>> smallest_type(np.array([3, 300])).name
    'uint16'
    """
    return np.min_scalar_type(int(ids.max(initial=0)))


def check_memory(shape_zyx: tuple[int, ...], bytes_a_voxel: int, what: str, more_bytes: int = 0) -> None:
    """Refuse what does not fit into the memory that is available; `more_bytes` come on top."""
    needed, available, gib = math.prod(shape_zyx) * bytes_a_voxel + more_bytes, available_bytes(), 2**30
    if needed > available:
        raise OutOfMemory(
            f"{what} in {' x '.join(map(str, shape_zyx))} voxels takes about {needed / gib:.1f} GiB of "
            f"memory, and {available / gib:.1f} GiB are free. Cut the volume into parts."
        )


def told(count: int, of: int | None = None, what: str = "object") -> str:
    """Say a number of objects.

    Examples
    --------
    >>> told(1), told(37, 412), told(0, 1)
    ('1 object', '37 of 412 objects', '0 of 1 object')
    """
    total = count if of is None else of
    amount = f"{count:,}" if of is None else f"{count:,} of {of:,}"
    return f"{amount} {what}{'' if total == 1 else 's'}"


def were(count: int, of: int | None = None) -> str:
    """Return the verb that goes with a number.

    Examples
    --------
    >>> were(1), were(0), were(0, 1), were(1, 2)
    ('was', 'were', 'was', 'was')
    """
    return "was" if 1 in (count, of) else "were"

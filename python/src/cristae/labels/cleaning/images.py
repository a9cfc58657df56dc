"""Label images made from others: what need not be in memory is computed when it is read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.geometry import Box
from cristae.labels.ids import read_ids
from cristae.volumes import Image

type Ids = npt.NDArray[np.integer]
type Integers = npt.NDArray[np.int64]


class _Derived:
    """Of the shape, voxel size and name of another image."""

    def __init__(self, image: Image, dtype: np.dtype[Any]) -> None:
        self.shape_czyx, self.dtype = image.shape_czyx, dtype
        self.voxel_size, self.name, self.notes = image.voxel_size, image.name, image.notes


class Renamed(_Derived):
    """A label image in which objects have other ids.

    Parameters
    ----------
    image
        The label image.
    ids, new_ids
        Ids in rising order, and what becomes of them; 0 removes one.
    """

    def __init__(self, image: Image, ids: Integers, new_ids: Integers) -> None:
        super().__init__(image, np.dtype(np.int64))
        self._image, self._ids, self._new_ids = image, ids, new_ids

    def read(self, box_zyx: Box) -> Ids:
        """Return the ids (c, z, y, x) of a box, a fresh array."""
        voxels = read_ids(self._image, box_zyx).astype(np.int64, copy=False)
        if not self._ids.size:
            return voxels[None]
        place = np.minimum(np.searchsorted(self._ids, voxels), self._ids.size - 1)
        return np.where(self._ids[place] == voxels, self._new_ids[place], voxels)[None]


class Patched(_Derived):
    """A label image in which boxes have other ids (z, y, x); where boxes overlap, the last one counts."""

    def __init__(self, image: Image, patches: Sequence[tuple[Box, Integers]]) -> None:
        super().__init__(image, np.dtype(np.int64))
        self._image, self._patches = image, tuple(patches)

    @classmethod
    def over(cls, image: Image, box: Box, voxels: Integers) -> "Patched":
        """Return an image with one box more: patches lie beside, not in each other, however many they are."""
        patch = (box, voxels)
        return cls(image._image, [*image._patches, patch]) if isinstance(image, cls) else cls(image, [patch])

    def read(self, box_zyx: Box) -> Ids:
        """Return the ids (c, z, y, x) of a box, a fresh array."""
        voxels = read_ids(self._image, box_zyx).astype(np.int64)
        for box, ids in self._patches:
            both = box_zyx.intersection(box)
            if both is not None:
                voxels[both.relative_to(box_zyx).slices] = ids[both.relative_to(box).slices]
        return voxels[None]


class InMemory(_Derived):
    """Ids (z, y, x) in memory, in place of those of an image."""

    def __init__(self, voxels: Ids, image: Image) -> None:
        super().__init__(image, voxels.dtype)
        self._voxels = voxels

    def read(self, box_zyx: Box) -> Ids:
        """Return the ids (c, z, y, x) of a box, a fresh array."""
        return self._voxels[box_zyx.slices].copy()[None]

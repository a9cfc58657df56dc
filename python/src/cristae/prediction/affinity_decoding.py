"""From affinities to the objects of a volume, block by block; see :mod:`cristae.prediction.decoding`."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.labels.affinities import Offset, near_count
from cristae.labels.agglomeration import Links
from cristae.labels.mutex import links_across, mutex_objects
from cristae.labels.objects import steps_zyx
from cristae.prediction.decoding import Ids, Objects
from cristae.prediction.resampling import write_back
from cristae.prediction.tiling import Triple
from cristae.volumes import VoxelSize

CONTEXT = 24.0
"""Voxels along x: what is parted farther away than this is hardly felt."""


class Affinities:
    """Decodes affinities: the objects of each block are those of a mutex watershed, joined over the cuts.

    Within a block nothing is joined any more. Two objects on both sides of a cut are one where the pairs of
    neighbours across it rather belong together; see :func:`cristae.labels.agglomeration.bodies`.

    Parameters
    ----------
    offsets
        Of the pairs, the direct neighbours first.
    voxel_size
        None means isotropic.
    """

    block_voxels = 2**22
    merge_below = 0.5

    def __init__(self, offsets: Sequence[Offset], voxel_size: VoxelSize | None) -> None:
        self._offsets = tuple(offsets)
        reach = [max(-offset[axis] for offset in offsets) for axis in range(3)]
        z, y, x = (
            max(far, math.ceil(CONTEXT / step))
            for far, step in zip(reach, steps_zyx(voxel_size), strict=True)
        )
        self.halo_zyx = z, y, x
        # Each pair has a weight and a place among the sorted ones; neighbours attract and repel.
        self.bytes_a_voxel = 48 * (len(offsets) + near_count(offsets))

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the objects of a block (c, z, y, x), which are known by no place in another one."""
        said, pairs = voxels[0] / np.float32(255), voxels[1:] / np.float32(255)
        ids: Ids = mutex_objects(said, pairs, self._offsets)
        return ids, np.zeros_like(ids)

    def links(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Links:
        """Count the links over the cuts."""
        return links_across(fragments, voxels[1:] / np.float32(255), self._offsets, margin_zyx)


class OnOtherGrid(Objects):
    """Objects that were found on the grid of a model, as objects of an image of another voxel size.

    Pairs of voxels are as far apart as the model learned on its own grid only.
    """

    @classmethod
    def of(cls, found: Objects, shape_zyx: Sequence[int]) -> "OnOtherGrid":
        """See objects on a grid of so many voxels over the same tissue."""
        return cls(found.count, tuple(shape_zyx), found._blocks, found._numbers, found._id_of)

    def read(self) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Yield the ids (z, y, x) block by block."""
        whole = Box.of_shape(self.shape_zyx)
        stop = tuple(max(box.stop[axis] for box in self._blocks) for axis in range(3))
        for box, ids in super().read():
            back = write_back(ids[None], box, stop, whole.shape)
            if back is not None:
                yield back[0], back[1][0]

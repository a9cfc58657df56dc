"""From affinities to the objects of a volume, block by block; see :mod:`cristae.prediction.decoding`."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.affinities import Offset, near_count
from cristae.labels.agglomeration import Links, bodies
from cristae.labels.mutex import links_across, mutex_objects
from cristae.labels.objects import steps_zyx
from cristae.memory import available_bytes
from cristae.prediction.decoders import Ids, check_links, no_pairs
from cristae.prediction.decoding import Objects
from cristae.prediction.resampling import write_back
from cristae.prediction.tiling import Triple
from cristae.volumes import VoxelSize

CONTEXT = 24.0
"""Voxels along x: what is parted farther away than this is hardly felt."""

MERGE_BELOW = 0.5
"""Over a cut, objects are one where they rather belong together."""


@dataclass(frozen=True)
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

    offsets: tuple[Offset, ...]
    voxel_size: VoxelSize | None
    beside_zyx: Triple = (0, 0, 0)
    block_voxels: ClassVar[int] = 2**20

    @property
    def halo_zyx(self) -> Triple:
        """As far as what parts objects is felt, and as the pairs reach."""
        reach = [max(-offset[axis] for offset in self.offsets) for axis in range(3)]
        z, y, x = (
            max(far, math.ceil(CONTEXT / step))
            for far, step in zip(reach, steps_zyx(self.voxel_size), strict=True)
        )
        return z, y, x

    @property
    def bytes_a_voxel(self) -> int:
        """As measured where no pair belongs together (98), and a fifth more; neighbours count twice."""
        return 120 * (len(self.offsets) + near_count(self.offsets))

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the objects of a block (c, z, y, x), which are known by no place in another one."""
        said, pairs = voxels[0] / np.float32(255), voxels[1:] / np.float32(255)
        ids: Ids = mutex_objects(said, pairs, self.offsets)
        return ids, np.zeros_like(ids)

    def links(self, fragments: Ids, voxels: NDArray[np.uint8], core: Box, margin_zyx: Triple) -> Links:
        """Count the links over the cuts."""
        near = near_count(self.offsets)
        pairs = voxels[1 : 1 + near, *core.slices] / np.float32(255)
        return links_across(fragments[core.slices], pairs, self.offsets[:near], margin_zyx)

    def one_across(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Ids:
        """Return none: what touches is linked."""
        return no_pairs()

    def joined(self, links: Sequence[Links], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Join objects over the cuts, the surest first."""
        linked = Links.together(links).renamed(one)
        check_links(linked.count, available_bytes())
        return bodies(linked, int(one.max()) + 1, MERGE_BELOW, on_step)[one]


class OnOtherGrid(Objects):
    """Objects that were found on the grid of a model, as objects of an image of another voxel size.

    Pairs of voxels are as far apart as the model learned on its own grid only.
    """

    @classmethod
    def of(cls, found: Objects, shape_zyx: Sequence[int]) -> "OnOtherGrid":
        """See objects on a grid of so many voxels over the same tissue."""
        return cls(found.count, tuple(shape_zyx), found._blocks, found._numbers, found._ids_of)

    def read(self) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Yield the ids (z, y, x) block by block."""
        whole = Box.of_shape(self.shape_zyx)
        stop = tuple(max(box.stop[axis] for box in self._blocks) for axis in range(3))
        for box, ids in super().read():
            back = write_back(ids[None], box, stop, whole.shape)
            if back is not None:
                yield back[0], back[1][0]


def refuse_on_other_grid(*, by_several: bool, masked: bool) -> None:
    """Refuse what needs answers on the grid of the image, which is not that of the model.

    Examples
    --------
    >>> refuse_on_other_grid(by_several=False, masked=False)
    """
    for is_asked, what, instead in (
        (by_several, "by several processes", "Start one process"),
        (masked, "inside of a mask", "Leave the mask out"),
    ):
        if is_asked:
            raise InvalidInput(
                "The voxel size of the image differs from that of the model, which finds objects by pairs of "
                f"voxels. In such an image they cannot be found {what}. {instead}, or resample the image to "
                "the voxel size of the model."
            )

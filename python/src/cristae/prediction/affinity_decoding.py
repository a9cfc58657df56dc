"""From affinities to the objects of a volume, block by block; see :mod:`cristae.prediction.decoding`."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box, Triple
from cristae.labels.affinities import Offset, near_count
from cristae.labels.mutex import Strongest, joined_by_mutex, mutex_objects, strongest_between
from cristae.labels.objects import steps_zyx
from cristae.memory import available_bytes
from cristae.prediction.decoders import Beside, Ids, check_links, no_pairs
from cristae.prediction.decoding import Objects
from cristae.prediction.resampling import write_back
from cristae.volumes import VoxelSize

CONTEXT = 24.0
"""Voxels along x: what is parted farther away than this is hardly felt."""

BYTES_A_PAIR = 256
"""Of objects; measured were 210, while they are joined."""

type Ties = tuple[Strongest, Strongest]


@dataclass(frozen=True)
class Affinities:
    """Decodes affinities: the objects of each block are those of a mutex watershed, joined over the cuts.

    What joins them are the pairs of neighbours across a cut, and all pairs of different objects can forbid
    it, the surest first, as within a block; see :func:`cristae.labels.mutex.strongest_between`.

    Parameters
    ----------
    offsets
        Of the pairs, the direct neighbours first.
    voxel_size
        None means isotropic.
    """

    offsets: tuple[Offset, ...]
    voxel_size: VoxelSize | None
    block_voxels: ClassVar[int] = 2**20

    @property
    def halo_zyx(self) -> Triple:
        """As far as what parts objects is felt, and as the pairs reach."""
        steps = zip(self.beside_zyx, steps_zyx(self.voxel_size), strict=True)
        z, y, x = (max(far, math.ceil(CONTEXT / step)) for far, step in steps)
        return z, y, x

    @property
    def beside_zyx(self) -> Triple:
        """As far as the pairs reach."""
        z, y, x = (max(-offset[axis] for offset in self.offsets) for axis in range(3))
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

    def links(self, beside: Beside) -> Ties:
        """Find what attracts objects over the cuts, and what repels them anywhere."""
        fragments, voxels, core, margin_zyx = beside.read(self.beside_zyx)
        start = [first + margin for first, margin in zip(core.start, margin_zyx, strict=True)]
        cuts = [margin > 0 for margin in margin_zyx]
        return strongest_between(fragments, voxels[1:], self.offsets, start, core.stop, cuts)

    def one_across(self, beside: Beside) -> Ids:
        """Return none: what touches attracts or repels."""
        return no_pairs()

    def joined(self, links: Sequence[Ties], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Join objects over the cuts, the surest first."""
        on_step()
        count = sum(len(side.pairs) for both in links for side in both)
        check_links(count, available_bytes(), BYTES_A_PAIR)
        attracting, repelling = (
            Strongest.together([both[side] for both in links], np.asarray(one, np.int64)) for side in (0, 1)
        )
        return joined_by_mutex(attracting, repelling, int(one.max()) + 1)[one]


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
        (masked, "in a part of it", "Leave the mask, or the part, out"),
    ):
        if is_asked:
            raise InvalidInput(
                "The voxel size of the image differs from that of the model, which finds objects by pairs of "
                f"voxels. In such an image they cannot be found {what}. {instead}, or resample the image to "
                "the voxel size of the model."
            )

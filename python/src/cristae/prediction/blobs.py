"""Objects of a model of classes, parted where they touch."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cristae.labels.necks import DEEPEST, Necks, blobs_from
from cristae.prediction.decoding import Ids, halo_of
from cristae.prediction.tiling import Triple
from cristae.volumes import VoxelSize


class Blobs:
    """Decodes classes, and parts what touches: see :func:`cristae.labels.necks.blobs_from`.

    Parameters
    ----------
    voxel_size
        None means isotropic.
    """

    def __init__(self, voxel_size: VoxelSize | None) -> None:
        self._voxel_size = voxel_size
        self.halo_zyx = halo_of(DEEPEST, voxel_size)

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids, NDArray[np.float32]]:
        """Return the fragments of a watershed, their seeds, and class and depth of each voxel."""
        classes = voxels[0]
        fragments, seeds, depth = blobs_from(classes, self._voxel_size)
        return fragments, seeds, np.stack([classes.astype(np.float32), depth])

    def links(self, fragments: Ids, by: NDArray[np.float32], margin_zyx: Triple) -> Necks:
        """Measure how deep fragments are, and where they touch."""
        return Necks.between(fragments, by[0], by[1], margin_zyx)

    def joined(self, links: Sequence[Necks], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Join what no neck parts."""
        on_step()
        return Necks.together(links).renamed(one).bodies()[one]

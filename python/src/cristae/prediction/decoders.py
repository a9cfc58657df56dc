"""How objects are found in a block of what a network says: by boundaries, or as connected pieces."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import cc3d
import numpy as np
from numpy.typing import NDArray

from cristae.labels.agglomeration import Links
from cristae.labels.objects import DEEPEST, fragments_from, steps_zyx
from cristae.prediction.tiling import Triple
from cristae.volumes import VoxelSize

SMEARED = 8.0
"""Voxels along x, beyond :data:`DEEPEST`, over which the border of a block may still be felt."""

INTERIOR, BOUNDARY = 1, 2

type Ids = NDArray[np.integer[Any]]


class Decoder(Protocol):
    """Finds the fragments of a block, and what ties them to those of others."""

    @property
    def halo_zyx(self) -> Triple:
        """The context that a block needs on each side."""

    def fragments(self, voxels: NDArray[Any]) -> tuple[Ids, Ids]:
        """Return the fragments (z, y, x) of what the network says (c, z, y, x), and where they began."""

    def links(self, fragments: Ids, voxels: NDArray[Any], margin_zyx: Triple) -> Links:
        """Count the links between fragments, as :meth:`~cristae.labels.agglomeration.Links.between`."""

    def one_across(self, fragments: Ids, voxels: NDArray[Any], margin_zyx: Triple) -> Ids:
        """Return pairs (n, 2) of fragments that are one, though a cut lies between them.

        The margin, 0 or 1 as for :meth:`links`, is what lies before the cuts.
        """


@dataclass(frozen=True)
class Boundaries:
    """Decodes the probabilities of interior and boundary: see :func:`cristae.labels.objects_from`.

    Parameters
    ----------
    voxel_size
        None means isotropic.
    """

    voxel_size: VoxelSize | None

    @property
    def halo_zyx(self) -> Triple:
        """As far as a boundary is felt."""
        z, y, x = (math.ceil((DEEPEST + SMEARED) / step) for step in steps_zyx(self.voxel_size))
        return z, y, x

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the fragments of a watershed, and their seeds."""
        interior = voxels[INTERIOR] / np.float32(255)
        return fragments_from(interior, voxels[BOUNDARY] / np.float32(255), self.voxel_size)

    def links(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Links:
        """Count the links by the probability of a boundary."""
        return Links.between(fragments, voxels[BOUNDARY] / np.float32(255), margin_zyx)

    def one_across(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Ids:
        """Return none: what touches is linked, and where a fragment began tells which it is."""
        return no_pairs()


@dataclass(frozen=True)
class Pieces:
    """Decodes classes: a piece of one class that hangs together by faces is an object."""

    halo_zyx: Triple = (0, 0, 0)

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the connected components of every class, which begin everywhere."""
        pieces: Ids = cc3d.connected_components(np.ascontiguousarray(voxels[0]), connectivity=6)
        return pieces, pieces

    def links(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Links:
        """Count none: pieces are never joined otherwise."""
        return Links.together([])

    def one_across(self, fragments: Ids, voxels: NDArray[np.uint8], margin_zyx: Triple) -> Ids:
        """Return the pieces of one class that touch through a cut."""
        pairs = [no_pairs()]
        for axis in (axis for axis, margin in enumerate(margin_zyx) if margin):
            low, high = ([slice(margin, None) for margin in margin_zyx] for _ in range(2))
            low[axis], high[axis] = slice(0, 1), slice(1, 2)
            same = (voxels[0][*low] == voxels[0][*high]) & (voxels[0][*low] > 0)
            pairs.append(np.column_stack([fragments[*low][same], fragments[*high][same]]))
        return each_once(np.concatenate(pairs))


def no_pairs() -> Ids:
    """Return no rows of two."""
    return np.empty((0, 2), np.int64)


def each_once(rows: Ids) -> Ids:
    """Return the rows in order, each once."""
    return np.unique(rows.astype(np.int64), axis=0)

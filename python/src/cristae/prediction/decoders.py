"""How objects are found in a block of what a network says: by boundaries, as pieces, or as blobs."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import cc3d
import numpy as np
from numpy.typing import NDArray

from cristae.errors import OutOfMemory
from cristae.geometry import Box, Triple
from cristae.labels import necks, objects
from cristae.labels.agglomeration import Links, bodies
from cristae.labels.necks import Necks
from cristae.labels.objects import MERGE_BELOW
from cristae.memory import available_bytes
from cristae.volumes import VoxelSize

SMEARED = 8.0
"""Voxels along x, beyond the deepest depth, over which the border of a block may still be felt."""

BYTES_A_LINK = 1100
"""As measured while they are joined."""

BLOCK_VOXELS = 2**24

# Two probabilities as floats take 8; distances, seeds, ids and what the watershed keeps were measured as 50
# to 78 more. What does not fit ends the program without a word, so that this is rather too much.
BYTES_A_VOXEL = 96

INTERIOR, BOUNDARY = 1, 2

type Ids = NDArray[np.integer[Any]]


class Cut(NamedTuple):
    """The layers of voxels on both sides of a cut: the one before it, and the one behind.

    Attributes
    ----------
    fragments
        Of both, by the numbers that they have in their own blocks.
    said
        What the network says of both, channels first.
    counted
        How many fragments were counted before the block of each (2,): to be added to those numbers.
    """

    fragments: tuple[Ids, Ids]
    said: tuple[NDArray[Any], NDArray[Any]]
    counted: Ids


class Beside(Protocol):
    """A block beside others, all of which have their fragments."""

    def read(self, context_zyx: Triple) -> tuple[Ids, NDArray[Any], Box, Triple]:
        """Read the block, the layers of voxels before it, and so much context around them.

        Returns
        -------
        tuple
            The fragments (z, y, x), what the network says (c, z, y, x), the box of block and layers therein,
            and for each axis 1 if there is a layer before the block, otherwise 0.
        """

    def cuts(self) -> Iterator[Cut]:
        """Read both sides of each cut before the block, one after the other."""


class Decoder[L](Protocol):
    """Finds the fragments of a block, what ties them to those of others, and which of all are one body."""

    @property
    def halo_zyx(self) -> Triple:
        """The context that a block needs on each side for its fragments."""

    @property
    def beside_zyx(self) -> Triple:
        """The context that a block needs on each side for what ties it to others."""

    @property
    def block_voxels(self) -> int:
        """Of a block without its context. The same on every machine, so that the result is."""

    @property
    def bytes_a_voxel(self) -> int:
        """What the fragments of a block take at most, for each of its voxels with its context."""

    def fragments(self, voxels: NDArray[Any]) -> tuple[Ids, Ids | None]:
        """Return the fragments (z, y, x) of what the network says (c, z, y, x), and where they began.

        None for that if a block needs no context: its fragments are then numbered from 1 on without gaps.
        """

    def links(self, beside: Beside) -> L:
        """Count the links between the fragments of a block, and to those of the layers before it.

        As :meth:`~cristae.labels.agglomeration.Links.between`; what lies around is context.
        """

    def one_across(self, beside: Beside) -> Ids:
        """Return pairs (n, 2) of fragments that are one, though a cut before the block lies between them."""

    def joined(self, links: Sequence[L], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Return the number of the body of each fragment.

        Parameters
        ----------
        links
            Of all blocks.
        one
            For each number in them the number of the fragment, since a fragment may have several.
        on_step
            Called now and then; what it raises ends the work.
        """


@dataclass(frozen=True)
class Boundaries:
    """Decodes the probabilities of interior and boundary: see :func:`cristae.labels.objects_from`.

    Parameters
    ----------
    voxel_size
        None means isotropic.
    merge_below
        Bodies are joined while the boundary between them is less likely.
    """

    voxel_size: VoxelSize | None
    merge_below: float = MERGE_BELOW
    beside_zyx: Triple = (1, 1, 1)
    block_voxels: ClassVar[int] = BLOCK_VOXELS
    bytes_a_voxel: ClassVar[int] = BYTES_A_VOXEL

    @property
    def halo_zyx(self) -> Triple:
        """As far as a boundary is felt."""
        return _halo_of(objects.DEEPEST, self.voxel_size)

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the fragments of a watershed, and their seeds."""
        return objects.fragments_from(*_interior_and_boundary(voxels), self.voxel_size)

    def links(self, beside: Beside) -> Links:
        """Count the links by how likely boundaries part them."""
        fragments, voxels, core, margin_zyx = beside.read(self.beside_zyx)
        parting = objects.parting(fragments, *_interior_and_boundary(voxels), self.voxel_size)
        return Links.between(fragments[core.slices], parting[core.slices], margin_zyx)

    def one_across(self, beside: Beside) -> Ids:
        """Return none: what touches is linked, and where a fragment began tells which it is."""
        return no_pairs()

    def joined(self, links: Sequence[Links], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Join fragments, those with the weakest boundary between them first."""
        linked = Links.together(links).renamed(one)
        check_links(linked.count, available_bytes())
        return bodies(linked, int(one.max()) + 1, self.merge_below, on_step)[one]


@dataclass(frozen=True)
class Pieces:
    """Decodes classes: a piece of one class that hangs together by faces is an object."""

    halo_zyx: Triple = (0, 0, 0)
    beside_zyx: Triple = (0, 0, 0)
    block_voxels: ClassVar[int] = BLOCK_VOXELS
    bytes_a_voxel: ClassVar[int] = BYTES_A_VOXEL

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, None]:
        """Return the connected components of every class."""
        return cc3d.connected_components(np.ascontiguousarray(voxels[0]), connectivity=6), None

    def links(self, beside: Beside) -> None:
        """Count none: pieces are never joined otherwise."""

    def one_across(self, beside: Beside) -> Ids:
        """Return the pieces of one class that touch through a cut."""
        pairs = [no_pairs()]
        for (before, behind), (said_before, said_behind), counted in beside.cuts():
            same = (said_before[0] == said_behind[0]) & (before > 0)
            # Along a row most pairs are those of the voxel before.
            same[:, 1:] &= (before[:, 1:] != before[:, :-1]) | (behind[:, 1:] != behind[:, :-1])
            pairs.append(np.column_stack([before[same], behind[same]]) + counted)
        return np.concatenate(pairs)

    def joined(self, links: Sequence[None], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Return every piece as a body."""
        return one


@dataclass(frozen=True)
class Blobs:
    """Decodes classes, and parts what touches: see :func:`cristae.labels.necks.blobs_from`.

    Parameters
    ----------
    voxel_size
        None means isotropic.
    """

    voxel_size: VoxelSize | None
    block_voxels: ClassVar[int] = BLOCK_VOXELS
    bytes_a_voxel: ClassVar[int] = BYTES_A_VOXEL

    @property
    def halo_zyx(self) -> Triple:
        """As far as a surface is felt."""
        return _halo_of(necks.DEEPEST, self.voxel_size)

    @property
    def beside_zyx(self) -> Triple:
        """As far as well: depths are measured once more."""
        return self.halo_zyx

    def fragments(self, voxels: NDArray[np.uint8]) -> tuple[Ids, Ids]:
        """Return the fragments of a watershed, and their seeds."""
        fragments, seeds, _ = necks.blobs_from(voxels[0], self.voxel_size)
        return fragments, seeds

    def links(self, beside: Beside) -> Necks:
        """Measure how deep fragments are, and where they touch."""
        fragments, voxels, core, margin_zyx = beside.read(self.beside_zyx)
        depth = necks.depth_inside(voxels[0], self.voxel_size)
        part = core.slices
        return Necks.between(fragments[part], voxels[0][part], depth[part], margin_zyx)

    def one_across(self, beside: Beside) -> Ids:
        """Return none: where a fragment began tells which it is."""
        return no_pairs()

    def joined(self, links: Sequence[Necks], one: Ids, on_step: Callable[[], None]) -> Ids:
        """Join what no neck parts."""
        on_step()
        linked = Necks.together(links).renamed(one)
        check_links(linked.pairs.size + linked.numbers.size, available_bytes())
        return linked.bodies(int(one.max()) + 1)[one]


def no_pairs() -> Ids:
    """Return no rows of two."""
    return np.empty((0, 2), np.int64)


def each_once(rows: Ids) -> Ids:
    """Return the rows of two numbers below 2^32 in order, each once."""
    pairs = rows.astype(np.uint64)
    every = np.unique(pairs[:, 0] << np.uint64(32) | pairs[:, 1])  # many times as quick as by rows
    return np.column_stack([every >> np.uint64(32), every & np.uint64(2**32 - 1)]).astype(np.int64)


def check_links(count: int, available: int, bytes_a_link: int = BYTES_A_LINK) -> None:
    """Refuse to join fragments by more links than fit.

    Examples
    --------
    >>> check_links(1000, 2**30)
    """
    if count * bytes_a_link > available:
        gib = 2**30
        raise OutOfMemory(
            f"Joining objects by {count:,} links takes about {count * bytes_a_link / gib:.1f} GiB of memory, "
            f"and {available / gib:.1f} GiB are free. Close other programs, or cut the volume into parts."
        )


def _halo_of(deepest: float, voxel_size: VoxelSize | None) -> Triple:
    """Return the context in which depths up to the deepest are those of the whole volume."""
    z, y, x = (math.ceil((deepest + SMEARED) / step) for step in objects.steps_zyx(voxel_size))
    return z, y, x


def _interior_and_boundary(voxels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return voxels[INTERIOR] / np.float32(255), voxels[BOUNDARY] / np.float32(255)

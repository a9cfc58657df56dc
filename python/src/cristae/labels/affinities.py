"""From objects to affinities: which pairs of voxels belong to one object, for objects without an interior.

A boundary needs voxels of its own; of thin or small objects that touch, it leaves nothing. An affinity is a
property of a pair: neighbours that touch across no voxel at all can still be told apart.

Sources: S. Turaga et al., Convolutional networks can learn to generate affinity graphs for image
segmentation, Neural Computation 22 (2010); pairs that lie apart after K. Lee et al., Superhuman accuracy on
the SNEMI3D connectomics challenge, arXiv:1706.00120 (2017).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cristae.labels.boundaries import FLAT_FROM
from cristae.volumes import LabelClass

FAR = (3, 9)
"""So many voxels along x lie the voxels of the further pairs apart, and as many nanometres along z: as far
as the walls of a vesicle, and as the walls of a neurite."""

OBJECT = LabelClass(1, "object", 0x2A9D8F)
"""The first channel: whether a voxel belongs to an object at all."""

type Offset = tuple[int, int, int]


def offsets_for(anisotropy: float, *, in_depth: bool, sections: int) -> tuple[Offset, ...]:
    """Return how far apart the voxels of each kind of pair lie, along one axis each.

    Parameters
    ----------
    anisotropy
        Distance of sections by distance of columns.
    in_depth
        Whether a network sees whole volumes, not sections with their neighbours.
    sections
        Of the deepest image.

    Returns
    -------
    tuple
        (z, y, x) from a voxel to the other one of its pair, never above 0: the direct neighbours first. Along
        z nothing but neighbours where sections are more than three times as thick as pixels, or the network
        sees sections; nothing at all of a single section.

    Examples
    --------
    >>> offsets_for(1.0, in_depth=True, sections=40)[3:]
    ((0, -3, 0), (0, 0, -3), (-3, 0, 0), (0, -9, 0), (0, 0, -9), (-9, 0, 0))
    >>> offsets_for(10.0, in_depth=False, sections=40)
    ((-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, -3, 0), (0, 0, -3), (0, -9, 0), (0, 0, -9))
    """
    near: list[Offset] = [(0, -1, 0), (0, 0, -1)]
    far: list[Offset] = []
    for distance in FAR:
        far += [(0, -distance, 0), (0, 0, -distance)]
        apart = round(distance / anisotropy)
        if in_depth and anisotropy <= FLAT_FROM and 1 < apart < sections and (-apart, 0, 0) not in far:
            far.append((-apart, 0, 0))
    return (*([(-1, 0, 0)] if sections > 1 else []), *near, *far)


def near_count(offsets: Sequence[Offset]) -> int:
    """Return how many of the first pairs are direct neighbours.

    Examples
    --------
    >>> near_count(((0, -1, 0), (0, 0, -1), (0, 0, -3)))
    2
    """
    return sum(1 for offset in offsets if sum(map(abs, offset)) == 1)


def affinity_classes(offsets: Sequence[Offset]) -> tuple[LabelClass, ...]:
    """Return a name for each channel of a network: the object, then the kinds of pairs.

    Examples
    --------
    >>> [entry.name for entry in affinity_classes([(-1, 0, 0), (0, -9, 0)])]
    ['object', 'same object 1 along z', 'same object 9 along y']
    """
    names = [
        f"same object {sum(map(abs, offset))} along {'zyx'[int(np.argmax(np.abs(offset)))]}"
        for offset in offsets
    ]
    return (OBJECT, *(LabelClass(number, name) for number, name in enumerate(names, 2)))


def affinities_of(
    ids: npt.NDArray[np.integer],
    offsets: Sequence[Offset],
    known: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Turn objects into what a network is to say of them.

    Parameters
    ----------
    ids
        Of the objects (z, y, x); 0 is background.
    offsets
        Of the pairs; see :func:`offsets_for`.
    known
        False where nobody knows the id.

    Returns
    -------
    affinities, known
        Both (1 + offsets, z, y, x), bool. The first channel tells whether a voxel belongs to an object, the
        others whether it belongs to the same one as the voxel at the offset; two voxels of the background do
        not. Pairs with an unknown voxel, or one beyond the volume, are not known.

    Examples
    --------
    >>> said, known = affinities_of(np.array([[[7, 7, 8, 0]]]), [(0, 0, -1)])
    >>> said[1].astype(int).tolist(), known[1].astype(int).tolist()
    ([[[0, 1, 0, 0]]], [[[0, 1, 1, 1]]])
    """
    said = np.zeros((1 + len(offsets), *ids.shape), bool)
    told = np.zeros_like(said)
    said[0] = ids != 0
    told[0] = True if known is None else known
    for channel, offset in enumerate(offsets, 1):
        here, there = pair_slices(offset)
        said[channel][here] = (ids[here] == ids[there]) & (ids[here] != 0)
        told[channel][here] = told[0][here] & told[0][there]
    return said & told, told


def pair_slices(offset: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where the voxels lie that have another one at an offset, and where these others lie.

    Examples
    --------
    >>> here, there = pair_slices((0, 0, -2))
    >>> here[2], there[2]
    (slice(2, None, None), slice(None, -2, None))
    """
    here = tuple(slice(-step, None) if step < 0 else slice(None, -step or None) for step in offset)
    there = tuple(slice(None, step) if step < 0 else slice(step or None, None) for step in offset)
    return here, there

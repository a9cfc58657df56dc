"""From probabilities to objects: a fine watershed whose fragments are joined where no boundary parts them."""

from typing import Any, Literal

import cc3d
import edt
import fastremap
import numpy as np
import numpy.typing as npt

from cristae.labels.agglomeration import agglomerated
from cristae.labels.boundaries import sum_beside, touching
from cristae.labels.flooding import flooded
from cristae.volumes import VoxelSize

WALL = 0.4
"""A voxel that is a boundary with this probability parts the fragments: rather too many of them than too few,
since fragments can be joined and are never cut again."""

MERGE_BELOW = 0.2
"""Bodies are joined while the boundary between them is less likely: far below one half, because a person
mends a split faster than a merge."""

DEEPEST = 16.0
"""Voxels along x; deeper inside than this, all places are alike."""

type Ids = npt.NDArray[np.int64]
type Depths = npt.NDArray[np.float32]


def objects_from(
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    voxel_size: VoxelSize | None,
    merge_below: float = MERGE_BELOW,
) -> npt.NDArray[np.uint32]:
    """Turn probabilities into objects.

    :func:`fragments_from` cuts everything that is not background into fragments. Then the two bodies with the
    weakest boundary between them are joined, again and again, until all that still touch are parted by one
    (agglomeration; Beier et al. 2017, "Multicut brings automated neurite segmentation closer to human
    performance", compare it with costlier ways).

    Parameters
    ----------
    foreground_prob
        Probability of the interior of an object (z, y, x), 0 to 1.
    boundary_prob
        Probability of a boundary (z, y, x), 0 to 1.
    voxel_size
        For distances in nanometres; None means isotropic.
    merge_below
        Bodies are joined while the boundary between them is less likely.

    Returns
    -------
    ndarray of uint32
        Ids 1...N without a gap (z, y, x), 0 background. The same input gives the same ids.

    Examples
    --------
    >>> inside = np.array([[[1, 1, 1, 0, 0, 1, 1, 1]]], np.float32)
    >>> objects_from(inside, 1 - inside, None)
    array([[[1, 1, 1, 1, 2, 2, 2, 2]]], dtype=uint32)
    """
    fragments, _ = fragments_from(foreground_prob, boundary_prob, voxel_size)
    walls = parting(fragments, foreground_prob, boundary_prob, voxel_size)
    objects = agglomerated(fragments, walls, merge_below)
    return np.asarray(fastremap.renumber(objects, preserve_zero=True)[0], dtype=np.uint32)


def fragments_from(
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    voxel_size: VoxelSize | None,
) -> tuple[Ids, Ids]:
    """Cut everything that is not background into fragments of objects.

    A watershed of the boundary probability, from the points that lie deepest between the boundaries. Depth
    counts up to :data:`DEEPEST` only, so that a fragment depends on what is near it, wherever a large volume
    is cut into blocks; the inside of something thicker is one plateau.

    A boundary is two voxels thick, and of one towards background the outer voxel is background: it is the one
    that touches what is neither interior nor boundary, which no voxel of a true object does. Where a network
    errs, a voxel may touch both: then it goes where it is more alike, itself and its neighbours together.

    Parameters
    ----------
    foreground_prob, boundary_prob, voxel_size
        As for :func:`objects_from`.

    Returns
    -------
    fragments, seeds
        Ids from 1 on (z, y, x), int64, 0 background; and the same only where the fragments began to grow.

    Examples
    --------
    >>> inside = np.array([[[1, 1, 1, 0, 0, 0, 1, 1, 1]]], np.float32)
    >>> fragments_from(inside, np.zeros_like(inside), None)
    (array([[[1, 1, 1, 0, 0, 0, 2, 2, 2]]]), array([[[1, 0, 0, 0, 0, 0, 0, 0, 2]]]))
    """
    mask = np.asarray(foreground_prob + boundary_prob > 0.5)
    interior = np.asarray(mask & (boundary_prob < WALL))
    if not mask.any():
        return np.zeros(mask.shape, np.int64), np.zeros(mask.shape, np.int64)
    depth = _depth(interior, voxel_size)
    seeds = _seeds(interior, depth)
    fragments = flooded(boundary_prob, depth, DEEPEST, seeds, mask)
    # What has nothing but likely boundary is an object all the same, if it is rather interior.
    missed = np.asarray((foreground_prob > np.maximum(boundary_prob, 0.5)) & (fragments == 0))
    islands = components(missed, 6)
    fragments[missed] = seeds[missed] = islands[missed] + fragments.max()
    outer = ~interior & (boundary_prob > foreground_prob) & touching(~mask, voxel_size)
    fragments[outer & _is_like_background(foreground_prob, boundary_prob, voxel_size)] = 0
    return fragments, seeds


def parting(
    fragments: npt.NDArray[np.integer[Any]],
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    voxel_size: VoxelSize | None,
) -> npt.NDArray[np.float32]:
    """Return how likely a voxel is a boundary between fragments; infinity where it is one to background.

    Around a thin neck there is more of the object's own surface than of anything else: it says nothing about
    whether both sides are one.

    Parameters
    ----------
    fragments, foreground_prob, boundary_prob, voxel_size
        As of, and for, :func:`fragments_from`.

    Examples
    --------
    >>> boundary = np.array([[[0.0, 0.9, 0.9, 0.1]]])
    >>> parting(np.array([[[0, 1, 1, 1]]]), np.zeros_like(boundary), boundary, None)
    array([[[0. , inf, 0.9, 0.1]]], dtype=float32)
    """
    surface = (boundary_prob > foreground_prob) & touching(fragments == 0, voxel_size)
    return np.where(surface, np.float32(np.inf), boundary_prob).astype(np.float32)


def steps_zyx(voxel_size: VoxelSize | None) -> tuple[float, float, float]:
    """Return how far apart neighbours lie along each axis, in voxels along x.

    Examples
    --------
    >>> steps_zyx(VoxelSize(50.0, 5.0, 5.0))
    (10.0, 1.0, 1.0)
    """
    if voxel_size is None:
        return 1.0, 1.0, 1.0
    unit = min(voxel_size.y_nm, voxel_size.x_nm)
    return voxel_size.z_nm / unit, voxel_size.y_nm / unit, voxel_size.x_nm / unit


def _is_like_background(
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    voxel_size: VoxelSize | None,
) -> npt.NDArray[np.bool_]:
    """Tell where a voxel and its neighbours are rather background than interior."""
    more = np.maximum(1 - foreground_prob - boundary_prob, 0) - foreground_prob
    return np.asarray(more + sum_beside(more, voxel_size) > 0)


def _depth(interior: npt.NDArray[np.bool_], voxel_size: VoxelSize | None) -> Depths:
    """Return the distance of each voxel to what is not interior, in voxels along x, a little smoothed."""
    from scipy.ndimage import gaussian_filter  # not above: it takes a second, and few need it

    sampling = steps_zyx(voxel_size)
    depth = edt.edt(np.ascontiguousarray(interior), anisotropy=sampling, black_border=False, parallel=1)
    depth = np.minimum(depth, np.float32(DEEPEST))
    # The ridge of a ragged tube has a top at every bump; a voxel of blur leaves those that matter.
    return np.asarray(gaussian_filter(depth, [1 / step for step in sampling]), dtype=np.float32)


def _seeds(interior: npt.NDArray[np.bool_], depth: Depths) -> Ids:
    """Return one number for each place that lies deeper than all around it."""
    from skimage import morphology  # not above: it takes a second, and few need it

    local_maxima: Any = morphology.local_maxima  # it has no type hints
    # The moat makes a top also of what is flat: a block that is one object has no local maximum otherwise.
    moated = np.pad(np.where(interior, depth, np.float32(-1)), 1, constant_values=-1)
    tops = local_maxima(moated, connectivity=3)[1:-1, 1:-1, 1:-1]
    return components(tops, 26)


def components(mask: npt.NDArray[np.bool_], connectivity: Literal[6, 26]) -> Ids:
    """Return numbers for what hangs together in a mask (z, y, x): by faces, or by edges and corners too."""
    # Seen as numbers: cc3d 4.1 counts on too few components of a mask that is one row or one section.
    numbers = np.ascontiguousarray(mask).view(np.uint8)
    return np.asarray(cc3d.connected_components(numbers, connectivity=connectivity), dtype=np.int64)

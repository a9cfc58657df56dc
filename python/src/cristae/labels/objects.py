"""From probabilities to objects: a watershed whose pieces are joined where no neck parts them."""

from typing import Any

import cc3d
import edt
import fastremap
import numpy as np
import numpy.typing as npt
from skimage import morphology, segmentation

from cristae.volumes import VoxelSize

NECK = 0.5
"""Two bodies are one where their connection is at least so thick as this share of the thinner one. Measured
on the boundaries of gala's and fib25's true objects: less merges where a boundary leaks, more cuts neurites
at varicosities."""

# scikit-image has no type hints.
_local_maxima: Any = morphology.local_maxima
_watershed: Any = segmentation.watershed

type Ids = npt.NDArray[np.int64]
type Depths = npt.NDArray[np.float32]


def objects_from(
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    voxel_size: VoxelSize | None,
) -> npt.NDArray[np.uint32]:
    """Turn probabilities into objects.

    The depth of a voxel is its distance to the nearest voxel that is not interior. A watershed cuts the
    interior into pieces around the deepest points; pieces are joined again unless the neck between them is
    thinner than half of the thinner piece. The objects then grow over the boundary, up to where background is
    more likely.

    Parameters
    ----------
    foreground_prob
        Probability of the interior of an object (z, y, x), 0 to 1.
    boundary_prob
        Probability of a boundary (z, y, x), 0 to 1.
    voxel_size
        For distances in nanometres; None means isotropic.

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
    interior = np.asarray(foreground_prob > np.maximum(boundary_prob, 0.5))
    if not interior.any():
        return np.zeros(interior.shape, np.uint32)
    depth = _depth(interior, voxel_size)
    pieces = _pieces(interior, depth)
    bodies = _joined(pieces, depth)[pieces]
    mask = np.asarray(foreground_prob + boundary_prob > 0.5)
    objects = _watershed(boundary_prob, bodies, mask=mask)
    return np.asarray(fastremap.renumber(objects, preserve_zero=True)[0], dtype=np.uint32)


def _depth(interior: npt.NDArray[np.bool_], voxel_size: VoxelSize | None) -> Depths:
    sampling = (1.0, 1.0, 1.0)
    if voxel_size is not None:
        unit = min(voxel_size.y_nm, voxel_size.x_nm)
        sampling = (voxel_size.z_nm / unit, voxel_size.y_nm / unit, voxel_size.x_nm / unit)
    depth = edt.edt(np.ascontiguousarray(interior), anisotropy=sampling, black_border=False, parallel=1)
    # Where there is nothing else the distance is infinite: any finite plateau will do.
    longest = sum(length * step for length, step in zip(interior.shape, sampling, strict=True))
    return np.asarray(np.minimum(depth, np.float32(longest)))


def _pieces(interior: npt.NDArray[np.bool_], depth: Depths) -> Ids:
    """Cut the interior into pieces around its deepest points."""
    # The moat makes a top also of what is flat: a block that is one object has no local maximum otherwise.
    moated = np.pad(np.where(interior, depth, np.float32(-1)), 1, constant_values=-1)
    tops = _local_maxima(moated, connectivity=3)[1:-1, 1:-1, 1:-1]
    seeds = cc3d.connected_components(np.ascontiguousarray(tops), connectivity=26)
    return np.asarray(_watershed(-depth, seeds, mask=interior), dtype=np.int64)


def _joined(pieces: Ids, depth: Depths) -> Ids:
    """Return the number of the body that each piece belongs to, joining at the deepest necks first."""
    count = int(pieces.max())
    deepest = np.zeros(count + 1, np.float32)
    np.maximum.at(deepest, pieces.reshape(-1), depth.reshape(-1))
    first, second, necks = _necks(pieces, depth, count)
    body = list(range(count + 1))
    top = deepest.tolist()

    def find(piece: int) -> int:
        while body[piece] != piece:
            body[piece] = body[body[piece]]
            piece = body[piece]
        return piece

    for edge in np.argsort(-necks, kind="stable").tolist():
        deep, shallow = find(int(first[edge])), find(int(second[edge]))
        if top[deep] < top[shallow]:
            deep, shallow = shallow, deep
        if necks[edge] >= NECK * top[shallow]:
            body[shallow] = deep
    return np.array([find(piece) for piece in range(count + 1)], np.int64)


def _necks(pieces: Ids, depth: Depths, count: int) -> tuple[Ids, Ids, Depths]:
    """Return the pairs of pieces that touch, and the depth of the connection where it is deepest."""
    pairs, depths = [], []
    for axis in range(3):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        a, b = pieces[low], pieces[high]
        touch = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.minimum(a[touch], b[touch]) * (count + 1) + np.maximum(a[touch], b[touch]))
        depths.append(np.minimum(depth[low][touch], depth[high][touch]))
    unique, inverse = np.unique(np.concatenate(pairs), return_inverse=True)
    necks = np.zeros(unique.size, np.float32)
    np.maximum.at(necks, inverse, np.concatenate(depths))
    return unique // (count + 1), unique % (count + 1), necks

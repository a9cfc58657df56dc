"""A watershed whose result does not depend on where the block begins that it is computed in."""

from typing import Any

import bioimage_cpp.segmentation
import numpy as np
import numpy.typing as npt

# bioimage-cpp has no type hints. It is 8 times as fast as scikit-image's.
_watershed: Any = bioimage_cpp.segmentation.watershed

_STEPS = 256
_LEVELS = _STEPS * _STEPS

type Ids = npt.NDArray[np.int64]


def flooded(
    boundary: npt.NDArray[np.floating],
    depth: npt.NDArray[np.floating],
    deepest: float,
    seeds: Ids,
    mask: npt.NDArray[np.bool_],
) -> Ids:
    """Grow seeds over a mask, first where a boundary is least likely.

    Of voxels that are boundary with the same probability, to one of 255 steps, the deeper one comes first, to
    one of 256 steps that are finest near 0. So there are 65,536 heights, as many as bioimage-cpp tells apart
    (it floods from one to the next, as Meyer 1991, "Un algorithme optimal de ligne de partage des eaux").
    Height and nothing else decides, except among neighbours of the same height.

    Parameters
    ----------
    boundary
        Probability of a boundary (z, y, x), 0 to 1.
    depth
        Distance to the next boundary, blurred a little, so that hardly two neighbours are equal; 0 to
        `deepest`.
    deepest
        The largest depth.
    seeds
        Ids from 1 on where the flood begins, 0 elsewhere.
    mask
        Where it may go.

    Returns
    -------
    ndarray of int64
        The id of the seed from which each voxel was reached, else 0.

    Examples
    --------
    >>> wall = np.array([[[0, 0.2, 0.9, 0.4, 0]]])
    >>> flooded(wall, np.zeros_like(wall), 16.0, np.array([[[1, 0, 0, 0, 2]]]), wall < 0.8)
    array([[[1, 1, 0, 2, 2]]])
    """
    steep = np.round(np.clip(boundary, 0, 1) * (_STEPS - 1)).astype(np.float32) * _STEPS
    near = np.round(np.log2(1 + depth) * ((_STEPS - 1) / np.log2(1 + deepest)))
    height = steep + (_STEPS - 1 - np.clip(near, 0, _STEPS - 1)) + 0.5
    # Levels are counted from the lowest to the highest height in the mask: two more voxels, which nothing
    # reaches because the plane before them is no part of the mask, say which these are.
    longest = int(np.argmax(mask.shape))
    behind = [(0, 3 if axis == longest else 0) for axis in range(mask.ndim)]
    height, seeds, room = (
        np.pad(height, behind),
        np.pad(seeds.astype(np.uint32), behind),
        np.pad(mask, behind),
    )
    for place, end in ((-2, 0.0), (-1, float(_LEVELS))):
        at = tuple(place if axis == longest else 0 for axis in range(mask.ndim))
        height[at], room[at] = end, True
    reached = _watershed(height, seeds, mask=room)
    return np.asarray(reached[tuple(slice(length) for length in mask.shape)], dtype=np.int64)

"""The length of the centre line of each object, with all its branches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import KDTree
from skimage import morphology

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import read_ids
from cristae.measuring.inputs import Units
from cristae.measuring.sums import Shapes
from cristae.memory import available_bytes
from cristae.volumes import Image

LARGEST_BOX = 2**27
"""Voxels of a bounding box; thinning more takes very long."""

BYTES_A_VOXEL = 24
"""What the ids of a box, the mask and its thinning take, at most."""

_TOLD = 5
_NEIGHBOURS = 1.8
"""Voxels no further apart touch, be it by a corner only."""

# scikit-image has no type hints.
_skeletonize: Any = morphology.skeletonize


def skeleton_lengths(
    labels: Image,
    ids: npt.NDArray[np.int64],
    shapes: Shapes,
    units: Units,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return the length of each object's skeleton, and sentences about those that were left out.

    One object after the other is read, in its bounding box, which bounds the memory.

    Parameters
    ----------
    labels
        The label image.
    ids, shapes
        The objects in it, and what was added up of them.
    units
        What a voxel measures.
    on_progress
        Gets the share that is done.

    Returns
    -------
    lengths, sentences
        In the unit, NaN for an object whose bounding box is too large.
    """
    lengths = np.full(ids.size, np.nan)
    sizes = (shapes.high - shapes.low).prod(axis=1)
    largest = min(LARGEST_BOX, available_bytes() // BYTES_A_VOXEL)
    for done, row in enumerate(np.lexsort(shapes.low.T[::-1]).tolist()):
        on_progress(done / ids.size)
        if sizes[row] <= largest:
            box = Box(tuple(shapes.low[row]), tuple(shapes.high[row]))
            lengths[row] = skeleton_length(read_ids(labels, box) == ids[row], units.sides)
    left_out = ids[sizes > largest].tolist()
    if not left_out:
        return lengths, []
    named = ", ".join(map(str, left_out[:_TOLD])) + (" ..." if len(left_out) > _TOLD else "")
    return lengths, [
        f"{len(left_out)} of {ids.size} objects have no skeleton length (id {named}): their bounding boxes "
        f"hold more than {largest:,} voxels. Scale the labels down for them."
    ]


def skeleton_length(mask: npt.NDArray[np.bool_], sides: tuple[float, float, float]) -> float:
    """Return the length of the skeleton of a mask (z, y, x): the shortest lines that join its voxels.

    The mask is thinned to lines of single voxels (scikit-image: in 3D Lee et al. 1994, in a section Zhang and
    Suen 1984), and voxels that touch are joined by the shortest tree of straight edges. So a corner counts no
    edge twice; of a ring one edge is missing.

    Parameters
    ----------
    mask
        One object.
    sides
        (z, y, x) of a voxel.

    Examples
    --------
    >>> skeleton_length(np.ones((1, 1, 5), bool), (50, 4, 4))
    16.0
    """
    if mask.ndim != 3:
        raise InvalidInput(f"A mask has three axes (z, y, x), not {mask.ndim}.")
    # Thinning a section as a volume would take every voxel for its edge.
    thin = _skeletonize(mask[0])[None] if mask.shape[0] == 1 else _skeletonize(mask)
    places = np.argwhere(thin)
    if len(places) < 2:
        return 0.0
    pairs = KDTree(places).query_pairs(_NEIGHBOURS, output_type="ndarray")
    steps = np.linalg.norm((places[pairs[:, 0]] - places[pairs[:, 1]]) * np.array(sides), axis=1)
    graph = coo_array((steps, (pairs[:, 0], pairs[:, 1])), shape=(len(places),) * 2)
    return float(minimum_spanning_tree(graph.tocsr()).sum())

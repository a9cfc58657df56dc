"""The length of the centre line of each object, with all its branches."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from bioimage_cpp.skeleton import teasar

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import read_ids
from cristae.measuring.even_grid import even_grid
from cristae.measuring.inputs import Units
from cristae.measuring.sums import Shapes
from cristae.memory import available_bytes
from cristae.volumes import Image

LARGEST_BOX = 2**27
"""Voxels of a bounding box that is read at once."""

BYTES_A_VOXEL = 24
"""What the ids of a box and the mask take, at most."""

_TOLD = 5

# A path has found what lies within twice the radius around it, so that no bump of the surface is a branch;
# two voxels more do the same for objects as thin as a voxel, whose radius says little.
_FOUND_WITHIN = 2.0
_AND_VOXELS = 2.0


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
    """Return the length of the skeleton of a mask (z, y, x): the tree of paths along its middle.

    Paths run from the end of the object through its middle to what is farthest from it, and from there on to
    what no path has come near yet (TEASAR: Sato et al. 2000, "TEASAR: tree-structure extraction algorithm for
    accurate and robust skeletons"). Thinning was no way: scikit-image's erases rods of even thickness. A line
    of voxels climbs in stairs; it is measured without them (Douglas and Peucker 1973).

    Parameters
    ----------
    mask
        One object. Parts that do not touch, be it by a corner, have a tree each.
    sides
        (z, y, x) of a voxel.

    Examples
    --------
    >>> skeleton_length(np.ones((1, 1, 5), bool), (50, 4, 4))
    16.0
    """
    if mask.ndim != 3:
        raise InvalidInput(f"A mask has three axes (z, y, x), not {mask.ndim}.")
    axes = [axis for axis in range(3) if axis or mask.shape[0] > 1]
    grid = even_grid(mask.shape, sides)
    spacing = grid.spacing(sides)
    widest = max(max(spacing[axis], sides[axis]) for axis in axes)
    if len(axes) == 2:  # what lies above and below a single section is no surface
        spacing = (widest * sum(mask.shape), *spacing[1:])
    places, edges, _ = teasar(
        np.pad(grid.drawn(mask), 1),
        spacing=spacing,
        scale=_FOUND_WITHIN,
        constant=_AND_VOXELS * widest,
    )
    voxels = grid.voxels(np.rint(places / np.array(spacing)) - 1)
    lines = _branches(edges.astype(np.int64), len(voxels))
    return float(sum(_length_without_stairs(voxels[line], np.array(sides), grid.stairs) for line in lines))


def _branches(edges: npt.NDArray[np.int64], count: int) -> Iterator[list[int]]:
    """Yield the places along each line of a forest, from an end or a fork to the next."""
    beside: list[list[int]] = [[] for _ in range(count)]
    for one, other in edges.tolist():
        beside[one].append(other)
        beside[other].append(one)
    for start in range(count):
        if len(beside[start]) == 2:
            continue
        for second in beside[start]:
            line = [start, second]
            while len(beside[line[-1]]) == 2:
                one, other = beside[line[-1]]
                line.append(other if one == line[-2] else one)
            if line[-1] > start:  # each line is walked from both ends
                yield line


def _length_without_stairs(
    line: npt.NDArray[np.float64], sides: npt.NDArray[np.float64], stairs: float
) -> float:
    """Return the length of the fewest straight pieces that stay near a line (n, 3) of voxels."""
    length, pieces = 0.0, [(0, len(line) - 1)]
    while pieces:
        first, last = pieces.pop()
        chord, between = line[last] - line[first], line[first : last + 1] - line[first]
        along = np.clip(between @ chord / max(chord @ chord, 1.0), 0, 1)
        astray = np.linalg.norm(between - along[:, None] * chord, axis=1)
        farthest = int(astray.argmax())
        if astray[farthest] > stairs:
            pieces += [(first, first + farthest), (first + farthest, last)]
        else:
            length += float(np.linalg.norm(chord * sides))
    return length

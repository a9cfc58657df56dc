"""The outlines of objects are smoothed: each voxel gets the id that most voxels around it have."""

import math
from functools import partial

import edt
import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.cleaning.objects import (
    Ids,
    Objects,
    OnProgress,
    check_memory,
    smallest_type,
    told,
    unheard,
    were,
)
from cristae.labels.ids import read_ids
from cristae.labels.scan import slabs
from cristae.volumes import VoxelSize

LARGEST_BALL = 20_000
"""Voxels of a ball; a larger one is better applied to labels that were scaled down."""

BYTES_A_VOXEL, BYTES_A_VOTE = 72, 48
"""What a slab takes: a voxel with its ids, depth and place, and one of the ids that are sorted."""

_SMOOTHED = 0.95
"""So much is done when every voxel has its id, and the objects are to be counted."""

_VOTES = 1 << 22
"""So many ids are sorted at a time."""

type Offsets = npt.NDArray[np.intp]


def smooth(
    objects: Objects,
    radius_nm: float,
    voxel_size: VoxelSize | None,
    on_progress: OnProgress = unheard,
) -> tuple[Objects, str]:
    """Give each voxel the id, or background, that most voxels of a ball around it have.

    Of equally frequent ones its own id stays, else the smallest counts. Beyond the border of the volume its
    outermost voxels go on. What is thinner than the ball can be lost; the sentence says how many objects were
    lost as a whole.

    Parameters
    ----------
    objects
        The objects.
    radius_nm
        That of the ball.
    voxel_size
        Needed, since the radius is in nanometres.
    on_progress
        Gets the share that is done.

    Returns
    -------
    objects, sentence
        The objects, and what was done.

    Raises
    ------
    InvalidInput
        The radius reaches no neighbour or too many, or the voxel size is not known.
    OutOfMemory
        The result, and what one slab takes, do not fit into memory.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> line = np.array([[[1, 1, 1, 0, 1, 1, 2, 2]]], np.uint8)
    >>> smoothed, sentence = smooth(Objects.of(ArrayImage(line)), 8.0, VoxelSize(50, 4, 4))
    >>> smoothed.voxels.tolist(), sentence
    ([6, 2], '1 voxel changed its object within 8 nm; 0 of 2 objects were lost.')
    """
    ball = _ball(objects, radius_nm, voxel_size)
    reach = np.abs(ball).max(axis=0)
    dtype = smallest_type(objects.ids)
    check_memory(objects.shape_zyx, dtype.itemsize, "Smoothing objects", _bytes_of_slab(objects, ball, reach))
    found = np.zeros(objects.shape_zyx, dtype)
    changed, begin = 0, 0.0
    whole = Box.of_shape(objects.shape_zyx)
    for core in slabs(objects.shape_zyx, voxels=objects.slab_voxels):
        share = _SMOOTHED * core.size / whole.size
        tell = partial(_tell, on_progress, begin, share)
        begin += share
        read = core.grown(reach.tolist()).clipped(whole)
        missing = [
            (max(0, int(r) - (a - b)), max(0, int(r) - (d - c)))
            for r, a, b, c, d in zip(reach, core.start, read.start, core.stop, read.stop, strict=True)
        ]
        block = np.pad(read_ids(objects.image, read), missing, mode="edge")
        before = block[tuple(slice(int(r), int(r) + n) for r, n in zip(reach, core.shape, strict=True))]
        found[core.slices] = voted(block, ball, reach, radius_nm, voxel_size, tell)
        changed += int(np.count_nonzero(found[core.slices] != before))
    result = objects.replaced(found, lambda done: on_progress(_SMOOTHED + (1 - _SMOOTHED) * done))
    lost = objects.ids.size - result.ids.size
    return result, (
        f"{told(changed, what='voxel')} changed {'its' if changed == 1 else 'their'} object within "
        f"{radius_nm:g} nm; {told(lost, objects.ids.size)} {were(lost, objects.ids.size)} lost."
    )


def voted(
    block: Ids,
    ball: Offsets,
    reach: Offsets,
    radius_nm: float,
    voxel_size: VoxelSize | None,
    on_progress: OnProgress = unheard,
) -> npt.NDArray[np.int64]:
    """Return the most frequent id around each voxel of a block, without its margin of `reach`."""
    values, dense = np.unique(block, return_inverse=True)
    small = np.ascontiguousarray(dense.reshape(block.shape).astype(np.min_scalar_type(values.size)) + 1)
    inner = tuple(slice(int(r), n - int(r)) for r, n in zip(reach, block.shape, strict=True))
    core = small[inner]
    found = core.copy()
    on_progress(0.0)
    if values.size > 1:
        sides = (1.0, 1.0, 1.0) if voxel_size is None else voxel_size.zyx_nm
        far = edt.edt(small, anisotropy=sides, black_border=False, parallel=1)[inner]
        # Deeper inside of an object all votes are for it.
        places = np.argwhere(far <= radius_nm * (1 + 1e-6))
        steps = ball @ np.array([math.prod(block.shape[1:]), block.shape[2], 1])
        flat = small.reshape(-1)
        rows = max(1, _VOTES // len(ball))
        for start in range(0, len(places), rows):
            on_progress(start / len(places))
            some = places[start : start + rows]
            index = np.ravel_multi_index(tuple((some + reach).T), block.shape)
            votes, own = flat[index[:, None] + steps], flat[index]
            # Most voxels have their own id more often than all others together.
            open_ = 2 * np.count_nonzero(votes == own[:, None], axis=1) <= len(ball)
            found[tuple(some[open_].T)] = _most_frequent(votes[open_], own[open_])
    return np.asarray(values[found.astype(np.intp) - 1])


def _tell(on_progress: OnProgress, begin: float, share: float, fraction: float) -> None:
    """Tell the share of the whole when a fraction of a part of it is done."""
    on_progress(min(1.0, begin + share * fraction))


def _bytes_of_slab(objects: Objects, ball: Offsets, reach: Offsets) -> int:
    """Return what the largest slab takes: its ids, their depth, and the votes that are counted at a time."""
    core = next(slabs(objects.shape_zyx, voxels=objects.slab_voxels))
    block = math.prod(n + 2 * int(r) for n, r in zip(core.shape, reach, strict=True))
    votes = min(core.size * len(ball), max(_VOTES, len(ball)))
    return block * BYTES_A_VOXEL + votes * BYTES_A_VOTE


def _most_frequent(votes: Ids, own: Ids) -> Ids:
    """Return for each row of votes the most frequent value; its own one if that is as frequent as any.

    Examples
    --------
    >>> _most_frequent(np.array([[1, 2, 2, 1], [3, 3, 1, 2]]), np.array([2, 1])).tolist()
    [2, 3]
    """
    votes = np.sort(votes, axis=1)
    places = np.arange(votes.shape[1])
    begins = np.zeros(votes.shape, np.int64)
    begins[:, 1:] = np.where(votes[:, 1:] != votes[:, :-1], places[1:], 0)
    lengths = places - np.maximum.accumulate(begins, axis=1) + 1
    last = lengths.argmax(axis=1)
    rows = np.arange(len(votes))
    of_own = (votes == own[:, None]).sum(axis=1)
    return np.where(of_own == lengths[rows, last], own, votes[rows, last])


def check_radius(
    radius_nm: float, voxel_size: VoxelSize | None, *, is_flat: bool
) -> tuple[VoxelSize, list[int]]:
    """Return the voxel size and the reach (z, y, x) of a ball in voxels, or refuse the radius."""
    if voxel_size is None:
        raise InvalidInput(
            "The labels do not say how large a voxel is, so a radius in nanometres means nothing. Give the "
            "voxel size."
        )
    if not (math.isfinite(radius_nm) and radius_nm > 0):
        raise InvalidInput(f"The radius is {radius_nm:g} nm; it must be a number above 0.")
    told_size = " x ".join(f"{side:g}" for side in voxel_size.zyx_nm)
    reach = [radius_nm / side * (1 + 1e-9) for side in voxel_size.zyx_nm]
    steps = [int(min(length, LARGEST_BALL)) for length in reach]
    if is_flat:
        steps[0] = 0
    if not any(steps):
        raise InvalidInput(
            f"A radius of {radius_nm:g} nm reaches no neighbour of a voxel of {told_size} nm (z, y, x). "
            "Choose a larger one."
        )
    if math.prod(2 * step + 1 for step in steps) > 2 * LARGEST_BALL:
        raise InvalidInput(
            f"A radius of {radius_nm:g} nm reaches too many voxels of {told_size} nm (z, y, x). Choose a "
            "smaller one, or scale the labels down."
        )
    return voxel_size, steps


def _ball(objects: Objects, radius_nm: float, voxel_size: VoxelSize | None) -> Offsets:
    """Return the steps (n, zyx) to the voxels of a ball, in a single section of a disc."""
    size, steps = check_radius(radius_nm, voxel_size, is_flat=objects.is_flat)
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in steps), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    far = np.linalg.norm(grid * np.array(size.zyx_nm), axis=1)
    return np.asarray(grid[far <= radius_nm * (1 + 1e-9)])

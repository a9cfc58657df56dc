"""Holes in objects are filled."""

import cc3d
import numpy as np
import numpy.typing as npt

from cristae.labels.cleaning.objects import Ids, Objects, OnProgress, told, unheard, were

BYTES_A_VOXEL = 24
"""Ids, background, its pieces, and what finds out beside what these lie."""

_READ, _FOUND, _OWNED = 0.3, 0.5, 0.8
"""So much is done when the ids are read, the pieces found, and it is known whose they are, by experience."""


def fill_holes(objects: Objects, on_progress: OnProgress = unheard) -> tuple[Objects, str]:
    """Fill the holes of every object, with the whole volume in memory.

    A hole is a piece of background that hangs together by faces (in a single section by edges), does not
    reach the border of the volume, and touches one object only.

    Parameters
    ----------
    objects
        The objects.
    on_progress
        Gets the share that is done; asked between the parts of the work, each of which takes its time.

    Returns
    -------
    objects, sentence
        The objects, and what was done.

    Raises
    ------
    OutOfMemory
        The volume is too large for this machine.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> ring = np.full((3, 3), 5, np.uint8)
    >>> ring[1, 1] = 0
    >>> filled, sentence = fill_holes(Objects.of(ArrayImage(ring)))
    >>> filled.voxels.tolist(), sentence
    ([9], '1 hole (1 voxel) in 1 object was filled.')
    """
    ids = objects.in_memory(BYTES_A_VOXEL, "Filling holes", lambda done: on_progress(_READ * done))
    pieces = cc3d.connected_components((ids == 0).view(np.uint8), connectivity=6)
    count = int(pieces.max(initial=0))
    owner = _owners(
        ids, pieces, count, objects.is_flat, lambda done: on_progress(_FOUND + (_OWNED - _FOUND) * done)
    )
    sizes = np.bincount(pieces.reshape(-1), minlength=count + 1)
    is_hole = owner > 0
    holes, voxels = int(np.count_nonzero(is_hole)), int(sizes[is_hole].sum())
    owners = int(np.unique(owner[is_hole]).size)
    on_progress(_OWNED)
    if holes:
        ids += np.maximum(owner, 0).astype(ids.dtype)[pieces]
    sentence = (
        f"{told(holes, what='hole')} ({told(voxels, what='voxel')}) in {told(owners)} {were(holes)} filled."
    )
    return objects.replaced(ids, lambda done: on_progress(_OWNED + (1 - _OWNED) * done)), sentence


def _owners(
    ids: Ids, pieces: Ids, count: int, is_flat: bool, on_progress: OnProgress
) -> npt.NDArray[np.int64]:
    """Return for each piece of background the only object that it touches; -1 if none is the only one."""
    least = np.full(count + 1, np.iinfo(np.int64).max)
    most = np.full(count + 1, -1, np.int64)
    for axis in range(3):
        on_progress(axis / 3)
        before, after = (
            tuple(part if a == axis else slice(None) for a in range(3))
            for part in (slice(None, -1), slice(1, None))
        )
        for hole, beside in ((before, after), (after, before)):
            touch = (pieces[hole] != 0) & (ids[beside] != 0)
            piece, neighbour = pieces[hole][touch], ids[beside][touch].astype(np.int64)
            np.minimum.at(least, piece, neighbour)
            np.maximum.at(most, piece, neighbour)
    owner = np.where(least == most, most, -1)
    for axis in range(1, 3) if is_flat else range(3):
        for end in (0, -1):
            owner[np.unique(pieces.take(end, axis=axis))] = -1
    owner[0] = -1  # objects are no pieces of background
    return owner

"""Runs of one id along the rows of a block: far fewer than voxels, and exact to add up."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cristae.geometry import Box

type Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """The runs of the objects in a block, in the order of its voxels.

    Attributes
    ----------
    ids
        The id of each run, never 0.
    z, y, x
        Where each begins, in voxels of the volume.
    lengths
        Voxels of each.
    starts
        Index of the first voxel of every run of the flat block, those of the background too.
    is_object
        Which of the latter belong to objects.
    """

    ids: Integers
    z: Integers
    y: Integers
    x: Integers
    lengths: Integers
    starts: npt.NDArray[np.intp]
    is_object: npt.NDArray[np.bool_]

    def sums(self, voxels: npt.NDArray[np.number]) -> npt.NDArray[np.number]:
        """Return the sum of the voxels of the block in each run of an object, as int64 or float64."""
        flat = voxels.reshape(-1)
        wide = np.float64 if flat.dtype.kind == "f" else np.int64
        return np.asarray(np.add.reduceat(flat, self.starts, dtype=wide)[self.is_object])

    def least(self, voxels: npt.NDArray[np.number]) -> npt.NDArray[np.number]:
        """Return the least voxel of the block in each run of an object."""
        return np.asarray(np.minimum.reduceat(voxels.reshape(-1), self.starts)[self.is_object])

    def most(self, voxels: npt.NDArray[np.number]) -> npt.NDArray[np.number]:
        """Return the greatest voxel of the block in each run of an object."""
        return np.asarray(np.maximum.reduceat(voxels.reshape(-1), self.starts)[self.is_object])

    def spread(self, values: npt.NDArray[np.number], shape: tuple[int, ...]) -> npt.NDArray[np.number]:
        """Return a block in which each run of an object has one of the values, and the background 0."""
        every = np.zeros(self.starts.size, values.dtype)
        every[self.is_object] = values
        size = int(np.prod(shape))
        return np.repeat(every, np.diff(self.starts, append=size)).reshape(shape)


def runs_of(ids: npt.NDArray[np.integer], box: Box, classes: npt.NDArray[np.integer] | None = None) -> Runs:
    """Return the runs of a block.

    Parameters
    ----------
    ids
        (z, y, x), from 0 on; 0 is background.
    box
        Where the block lies in its volume.
    classes
        If given, of the same shape: a run ends where they change, too.

    Examples
    --------
    >>> runs = runs_of(np.array([[[0, 7, 7, 8]]]), Box((5, 0, 0), (6, 1, 4)))
    >>> runs.ids.tolist(), runs.x.tolist(), runs.lengths.tolist(), runs.z.tolist()
    ([7, 8], [1, 3], [2, 1], [5, 5])
    """
    begins = np.ones(ids.shape, bool)
    np.not_equal(ids[..., 1:], ids[..., :-1], out=begins[..., 1:])
    if classes is not None:
        begins[..., 1:] |= classes[..., 1:] != classes[..., :-1]
    starts = np.flatnonzero(begins)
    found = ids.reshape(-1)[starts]
    is_object = found != 0
    first = starts[is_object].astype(np.int64)
    height, width = ids.shape[1:]
    return Runs(
        ids=found[is_object].astype(np.int64),
        z=first // (height * width) + box.start[0],
        y=first // width % height + box.start[1],
        x=first % width + box.start[2],
        lengths=np.diff(starts, append=ids.size)[is_object].astype(np.int64),
        starts=starts,
        is_object=is_object,
    )

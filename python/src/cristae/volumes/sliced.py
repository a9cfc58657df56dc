"""An array in a file of which any slice can be read, as an image: HDF5, Zarr, N5, MRC and NIfTI share it."""

import threading
from typing import Any

import numpy as np

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.volumes.axes import plain_axes
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.spec import VoxelSize, check_shape


class SlicedImage:
    """An array with its number type; voxels are read when a box is asked for.

    Parameters
    ----------
    name
        For people.
    array
        Has a shape, a number type and slices.
    letters
        What its axes are, as for :func:`cristae.volumes.axes.plain_axes`.
    voxel_size
        None if it is not known.
    notes
        What was assumed up to now.

    Examples
    --------
    >>> image = SlicedImage("a", np.arange(6).reshape(3, 1, 2), "XZY", None)
    >>> image.shape_czyx
    (1, 1, 2, 3)
    >>> image.read(Box((0, 0, 0), (1, 2, 2))).tolist()
    [[[[0, 2], [1, 3]]]]
    """

    def __init__(
        self,
        name: str,
        array: Any,
        letters: str,
        voxel_size: VoxelSize | None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._array = array
        self._lock = threading.Lock()
        self._place, shape, axis_notes = plain_axes(name, letters, tuple(array.shape))
        self.shape_czyx = check_shape(shape)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("=")
        self.voxel_size: VoxelSize | None = voxel_size
        self.notes: tuple[str, ...] = notes + axis_notes

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        check_box(box_zyx, self.shape_czyx)
        wanted = {"c": slice(None), **dict(zip("zyx", box_zyx.slices, strict=True))}
        index = tuple(wanted[axis] if axis else 0 for axis in self._place)
        try:
            with self._lock:  # not every library reads from several threads
                found = np.asarray(self._array[index])
        except MemoryError:
            raise
        except Exception as error:  # Codecs raise whatever a broken chunk makes them trip over.
            raise CorruptData(
                f"The box {box_zyx} (z, y, x) of {self.name} cannot be read ({str(error)[:200]})."
            ) from error
        order = [axis for axis in self._place if axis]
        moved = found.transpose([order.index(axis) for axis in "czyx" if axis in order])
        return np.array(moved, self.dtype, order="C").reshape(self.shape_czyx[0], *box_zyx.shape)

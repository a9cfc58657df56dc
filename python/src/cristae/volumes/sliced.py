"""An array in a file of which any slice can be read, as an image: HDF5, Zarr, N5, MRC and NIfTI share it."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.volumes.axes import plain_axes
from cristae.volumes.gaps import Stored, gaps_told
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.spec import VoxelSize, check_shape

_LONGEST_SEARCH_S = 20.0
"""For the chunk that is broken."""


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

    def note_gaps(self, stored: Stored) -> None:
        """Add to the notes which chunks of the array are missing."""
        self.notes += gaps_told(self.name, stored, self._place)

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        check_box(box_zyx, self.shape_czyx)
        wanted = {"c": slice(None), **dict(zip("zyx", box_zyx.slices, strict=True))}
        index = tuple(wanted[axis] if axis else 0 for axis in self._place)
        try:
            found = self._slices(index)
        except MemoryError:
            raise
        except Exception as error:  # Codecs raise whatever a broken chunk makes them trip over.
            broken = self._broken_chunk(box_zyx)
            # Libraries give a number only to what the system said of a disk or a network.
            is_away = isinstance(error, OSError) and error.errno
            do = "See whether its disk may be read" if is_away else "Copy the file again from where it came"
            raise CorruptData(
                f"The box {broken or box_zyx} (z, y, x) of {self.name} cannot be read ({str(error)[:200]}). "
                f"{do}; nothing was invented in its place."
            ) from error
        order = [axis for axis in self._place if axis]
        moved = found.transpose([order.index(axis) for axis in "czyx" if axis in order])
        return np.array(moved, self.dtype, order="C").reshape(self.shape_czyx[0], *box_zyx.shape)

    def _slices(self, index: tuple[Any, ...]) -> Voxels:
        with self._lock:  # not every library reads from several threads
            return np.asarray(self._array[index])

    def _broken_chunk(self, box_zyx: Box) -> Box | None:
        """Return the voxels of the first stored chunk of a box that cannot be read; None if none is found."""
        until_s = time.monotonic() + _LONGEST_SEARCH_S
        for chunk, voxel in self._chunks(box_zyx):
            if time.monotonic() > until_s:
                return None
            try:
                self._slices(voxel)
            except MemoryError:
                raise
            except Exception:
                return chunk
        return None

    def _chunks(self, box_zyx: Box) -> Iterator[tuple[Box, tuple[int, ...]]]:
        """Yield for each chunk of a box its voxels (z, y, x), and one of them as an index of the array."""
        sides = getattr(self._array, "chunks", None)
        if sides is None:
            return
        ranges = {"c": (0, self.shape_czyx[0]), "": (0, 1)}
        ranges |= zip("zyx", zip(box_zyx.start, box_zyx.stop, strict=True), strict=True)
        places = []
        for axis, side in zip(self._place, sides, strict=True):
            start, stop = ranges[axis]
            places.append([max(start, one) for one in range(start // side * side, stop, side)])
        for voxel in itertools.product(*places):
            at = dict.fromkeys("zyx", (0, 1))
            for axis, first, side, length in zip(self._place, voxel, sides, self._array.shape, strict=True):
                begin = first // side * side
                at[axis] = (begin, min(begin + side, length))
            start_zyx, stop_zyx = zip(*(at[axis] for axis in "zyx"), strict=True)
            yield Box(start_zyx, stop_zyx), voxel

"""Numbers of voxels that a computation keeps on disk for itself: compressed, read and written by boxes.

They live as long as the computation, so that speed counts more than size: every chunk has the smallest type
that holds its numbers, and is compressed by LZ4, which takes about half the time of Zstandard and twice the
room.
"""

import math
import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cristae.errors import CorruptData, CristaeError, InvalidInput
from cristae.geometry import Box
from cristae.volumes import chunks
from cristae.volumes.durable import check_free_space, full_disk_told, read_file, replace_file
from cristae.volumes.image import Voxels
from cristae.volumes.spec import VolumeSpec

_KEPT = 8
"""Blocks that are kept unpacked for the next, neighbouring box."""
_TYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}
"""By their bytes."""


class _Block(NamedTuple):
    """A block that a box touches: only whole numbers, since there is one for every layer of voxels."""

    place: tuple[int, ...]
    shape: tuple[int, ...]
    in_box: tuple[slice, ...]
    """What they have in common, counted from where the box begins."""
    in_block: tuple[slice, ...]
    """The same, counted from where the block begins."""


class ScratchVolume:
    """A volume of uint32 in a folder, which lives as long; several processes may write and read it.

    Parameters
    ----------
    folder
        Empty, or not there yet.
    shape_zyx
        Its voxels.

    Attributes
    ----------
    block_zyx
        The shape of a block: what is written begins at a multiple of it.

    Examples
    --------
    >>> import tempfile
    >>> scratch = ScratchVolume(Path(tempfile.mkdtemp()), (2, 3, 4))
    >>> scratch.write(Box((0, 0, 0), (2, 3, 4)), np.full((2, 3, 4), 7, np.uint32))
    >>> scratch.read(Box((1, 1, 1), (2, 2, 3)))
    array([[[7, 7]]], dtype=uint32)
    """

    def __init__(self, folder: Path, shape_zyx: tuple[int, int, int]) -> None:
        self._shape_zyx = shape_zyx
        _, z, y, x = VolumeSpec((1, *shape_zyx), "uint32").block_shape_czyx
        self.block_zyx = (z, y, x)
        self._folder = folder
        self._unpacked = lru_cache(_KEPT)(_unpack)
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write whole blocks (z, y, x) of numbers from 0 to 2^32 - 1, of any type.

        Raises
        ------
        InvalidInput
            The box cuts a block.
        DiskFull
            There is no room for them.
        """
        check_free_space(self._folder, voxels.nbytes)
        for block in self._touching(box_zyx):
            if block.in_block != tuple(slice(0, length) for length in block.shape):
                raise InvalidInput(f"The box {box_zyx} cuts the block {self._box(block)} (c, z, y, x).")
            part = voxels[block.in_box]
            stored = _TYPES[np.min_scalar_type(part.max()).itemsize]
            packed = bytes(imagecodecs.lz4_encode(np.ascontiguousarray(part, stored).data, header=True))
            with full_disk_told():
                replace_file(Path(self._path(block)), packed, chunks.crc_bytes(chunks.crc32c(packed)))

    def read(self, box_zyx: Box) -> NDArray[np.uint32]:
        """Return the voxels (z, y, x) of a box, a fresh array.

        Raises
        ------
        CristaeError
            They were never written, or the disk does not give them back: whoever needs them makes them anew.
        """
        voxels = np.empty(box_zyx.shape, np.uint32)
        for block in self._touching(box_zyx):
            try:
                voxels[block.in_box] = self._stored(block)[block.in_block]
            except CorruptData as error:
                raise CristaeError(
                    f"What was kept on the disk while objects were found is not there, or not yet: {error} "
                    "Start the same again; it goes on from what the network said."
                ) from error
        return voxels

    def _touching(self, box_zyx: Box) -> Iterator[_Block]:
        """Yield the blocks that touch a box."""
        of_axes = [
            [
                (
                    place,
                    min(side, length - place * side),
                    slice(max(0, place * side - start), min(stop, (place + 1) * side) - start),
                    slice(max(0, start - place * side), min(stop - place * side, side)),
                )
                for place in range(start // side, -(-stop // side))
            ]
            for start, stop, side, length in zip(
                box_zyx.start, box_zyx.stop, self.block_zyx, self._shape_zyx, strict=True
            )
        ]
        return (_Block(*zip(*of_axis, strict=True)) for of_axis in product(*of_axes))

    def _path(self, block: _Block) -> str:
        return f"{self._folder}/{'.'.join(map(str, block.place))}"

    def _box(self, block: _Block) -> Box:
        start = [place * side for place, side in zip(block.place, self.block_zyx, strict=True)]
        return Box.of_shape((1, *block.shape)).shifted((0, *start))

    def _place(self, block: _Block) -> chunks.Place:
        return chunks.Place(self._box(block), advice="")  # what to do, `read` says

    def _stored(self, block: _Block) -> Voxels:
        """Return the voxels of a block, in their own type."""
        path = self._path(block)
        try:
            file = os.stat(path)  # another process may have written it anew, or lost it  # noqa: PTH116
            return self._unpacked(path, block.shape, (file.st_ino, file.st_mtime_ns))
        except FileNotFoundError as error:
            raise self._place(block).missing() from error
        except OSError as error:
            raise self._place(block).unreadable(error) from error
        except (CorruptData, RuntimeError, ValueError, KeyError) as error:
            raise self._place(block).damaged() from error


def _unpack(path: str, shape_zyx: tuple[int, ...], version: tuple[int, int]) -> Voxels:
    body = chunks.checked_body(read_file(path), chunks.Place(Box.of_shape((1, *shape_zyx))))
    voxels = imagecodecs.lz4_decode(body, header=True)
    return np.frombuffer(voxels, _TYPES[len(voxels) // math.prod(shape_zyx)]).reshape(shape_zyx)

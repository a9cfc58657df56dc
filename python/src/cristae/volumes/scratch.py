"""Numbers of voxels that a computation keeps on disk for itself: compressed, read and written by boxes."""

from pathlib import Path

import numpy as np

from cristae.errors import CorruptData, CristaeError, InvalidInput
from cristae.geometry import Box
from cristae.volumes import chunks
from cristae.volumes.chunks import ChunkFormat
from cristae.volumes.durable import check_free_space, full_disk_told, replace_file
from cristae.volumes.image import Voxels
from cristae.volumes.spec import VolumeSpec
from cristae.volumes.stored import ChunkFiles


class ScratchVolume:
    """A volume of uint32 in a folder, which lives as long; several processes may write and read it.

    Parameters
    ----------
    folder
        Empty, or not there yet.
    shape_zyx
        Its voxels.

    Examples
    --------
    >>> import tempfile
    >>> scratch = ScratchVolume(Path(tempfile.mkdtemp()), (2, 3, 4))
    >>> scratch.write(Box((0, 0, 0), (2, 3, 4)), np.full((2, 3, 4), 7, np.uint32))
    >>> scratch.read(Box((1, 1, 1), (2, 2, 3)))
    array([[[7, 7]]], dtype=uint32)
    """

    def __init__(self, folder: Path, shape_zyx: tuple[int, int, int]) -> None:
        self._spec = VolumeSpec((1, *shape_zyx), "uint32")
        self._folder = folder
        self._files = ChunkFiles(folder, self._spec, ChunkFormat.ZSTD)
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def block_zyx(self) -> tuple[int, int, int]:
        """The shape of a block: what is written begins at a multiple of it."""
        _, z, y, x = self._spec.block_shape_czyx
        return z, y, x

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write whole blocks (z, y, x).

        Raises
        ------
        InvalidInput
            The box cuts a block.
        DiskFull
            There is no room for them.
        """
        check_free_space(self._folder, voxels.nbytes)
        wanted = Box((0, *box_zyx.start), (1, *box_zyx.stop))
        for index in self._spec.blocks.touching(wanted):
            block = self._spec.blocks.box(index)
            if not wanted.contains(block):
                raise InvalidInput(f"The box {box_zyx} cuts the block {block} (c, z, y, x).")
            part = voxels[np.newaxis][block.relative_to(wanted).slices]
            path = Path(self._files.path(index))
            with full_disk_told():
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, *chunks.encode(self._spec, part, ChunkFormat.ZSTD))

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (z, y, x) of a box, a fresh array.

        Raises
        ------
        CristaeError
            They were never written, or the disk does not give them back: whoever needs them makes them anew.
        """
        wanted = Box((0, *box_zyx.start), (1, *box_zyx.stop))
        voxels: Voxels = np.empty(wanted.shape, np.uint32)
        for index in self._spec.blocks.touching(wanted):
            block = self._spec.blocks.box(index)
            common = block.clipped(wanted)
            try:
                stored = self._files.read_padded(index)
            except CorruptData as error:
                raise CristaeError(
                    f"What was kept on the disk while objects were found is not there, or not yet: {error} "
                    "Start the same again; it goes on from what the network said."
                ) from error
            voxels[common.relative_to(wanted).slices] = stored[common.relative_to(block).slices]
        only: Voxels = voxels[0]
        return only

"""A result on its way into the store or into a file: boxes in any order, resumable after a kill."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cristae.errors import Busy, InvalidInput
from cristae.geometry import Box
from cristae.locking import FileLock
from cristae.volumes import chunks
from cristae.volumes.chunks import ChunkFormat
from cristae.volumes.durable import (
    check_free_space,
    fsync_all,
    fsync_file,
    fsync_folder,
    full_disk_told,
    overwrite_file,
    read_file,
    remove_folder,
    replace_file,
)
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.sealing import Pyramid, digest_of, write_metadata
from cristae.volumes.spec import VolumeSpec
from cristae.volumes.stored import ChunkFiles, StoredVolume

DIGEST_NOTE = "digest"
"""Written into staging just before the volume gets its name, for a process that is killed right after."""


class Output(Protocol):
    """Where a result is written box by box."""

    @property
    def shape_czyx(self) -> tuple[int, int, int, int]:
        """Channels, sections, rows, columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type that is written."""
        ...

    @property
    def resumed(self) -> bool:
        """Whether it continues what an earlier process left behind; if not, every box must be written."""
        ...

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write a box; `voxels` is (c, z, y, x), or (z, y, x) if there is one channel."""
        ...

    def sync(self) -> None:
        """Wait until what was written is safe against a power cut: only then may a note call it done."""
        ...

    def seal(self) -> object:
        """Finish: after this, and not before, the result is there under its name."""
        ...

    def discard(self) -> None:
        """Throw it away."""
        ...

    def close(self) -> None:
        """Let go of it unfinished: another attempt may go on from there, where the format allows it."""
        ...


class VolumeWriter:
    """Writes a result as a compressed OME-Zarr volume.  Made by `VolumeStore.create` and `create_output`.

    A written box survives the end of the process.  Boxes that cover whole blocks (or all of a block that
    lies in the volume) are fast and may be written from several threads; others read the block, change it
    and write it again. The same box may be written again.  Voxels of a block that was written only in part
    are 0.

    Parameters
    ----------
    folder
        Its folder in staging.
    spec
        What is written.
    publish
        Gives the finished volume its final name and opens it.
    resumed
        Whether the folder holds what an earlier process wrote.
    sealed
        The finished volume, if that process came as far as that.
    free_floor_bytes
        What must stay free on the disk; None for the default.
    pyramid
        What coarser levels are made of in the end, for viewers of what is large: an "image", or "labels"
        (classes or objects), which are never averaged. None makes none.
    """

    def __init__(
        self,
        folder: Path,
        spec: VolumeSpec,
        publish: Callable[[Path, str], StoredVolume],
        *,
        resumed: bool,
        sealed: StoredVolume | None = None,
        free_floor_bytes: int | None = None,
        pyramid: Pyramid | None = None,
    ) -> None:
        self.id = folder.name
        self.spec = spec
        self.resumed = resumed
        self._folder = folder
        self._volume = folder / "volume"
        self._publish = publish
        self._floor = free_floor_bytes
        self._pyramid = pyramid
        self._files = ChunkFiles(self._volume, spec, ChunkFormat.ZSTD)
        self._partial = threading.Lock()
        self._unsynced: set[Path] = set()
        self._sealed = sealed
        os.utime(folder)  # Not stale: somebody cares.
        with full_disk_told():
            self._file_lock = FileLock(
                folder / "lock", "Another process writes this result; wait until it has ended."
            ).acquire()

    @property
    def folder(self) -> Path:
        """The OME-Zarr group that is being written; :func:`write_blocks` may write into it too."""
        return self._volume

    def sweep(self) -> None:
        """Remove what is no whole block: what one process wrote in part, or killed ones left of a block.

        It is called where every block is written whole, by other processes.
        """
        for path in self._volume.rglob("*.part"):
            path.unlink(missing_ok=True)

    @property
    def shape_czyx(self) -> tuple[int, int, int, int]:
        """Channels, sections, rows, columns."""
        return self.spec.shape_czyx

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type that is written."""
        return np.dtype(self.spec.dtype)

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write a box.

        Parameters
        ----------
        box_zyx
            Where, inside the volume.
        voxels
            (c, z, y, x), or (z, y, x) if there is one channel, of the volume's number type.

        Raises
        ------
        InvalidInput
            The box, the shape or the number type does not fit.
        DiskFull
            Write the box again when there is space.
        """
        voxels = fitting(voxels, box_zyx, self.shape_czyx, self.dtype)
        check_free_space(self._folder, voxels.nbytes, self._floor)
        wanted = Box((0, *box_zyx.start), (self.shape_czyx[0], *box_zyx.stop))
        blocks = self.spec.blocks
        for index in blocks.touching(wanted):
            block = blocks.box(index)
            common = block.clipped(wanted)
            part = voxels[common.relative_to(wanted).slices]
            if common == block:
                self._store(index, part)
                continue
            with self._partial, full_disk_told():
                self._merge(index, common.relative_to(block), part)

    def sync(self) -> None:
        """Wait until what was written is safe against a power cut: only then may a note call it done."""
        # A part whose block is complete by now is gone.
        written = set(self._unsynced)
        folders = {parent for path in written for parent in path.relative_to(self._volume).parents}
        with full_disk_told():
            fsync_all(written, (self._volume / folder for folder in folders), may_be_gone=True)
        self._unsynced -= written

    def seal(self, on_digest: Callable[[str], None] = lambda digest: None) -> StoredVolume:
        """Verify that every block was written, make it safe against power loss, and give it its name.

        Parameters
        ----------
        on_digest
            Gets the digest right before the volume appears under it: what it notes tells a later process,
            even if this one is killed on the way, where its result is.

        Raises
        ------
        Busy
            Blocks were never written.
        CorruptData
            The disk does not give back what was written.
        """
        if self._sealed is not None:
            self._end()
            return self._sealed
        missing = 0
        for index in range(self.spec.blocks.count):
            scratch = self._scratch(index)
            if scratch.exists():
                self._store(index, self._read_scratch(index))
            missing += not Path(self._files.path(index)).exists()
        if missing:
            raise Busy(f"{missing} of {self.spec.blocks.count} blocks of the result were not written yet.")
        digest, stored_bytes = digest_of(self._files)
        with full_disk_told():
            write_metadata(self._volume, self._files, digest, stored_bytes, pyramid=self._pyramid)
            replace_file(self._folder / DIGEST_NOTE, digest.encode())
            on_digest(digest)
            self._sealed = self._publish(self._volume, digest)
        self._end()
        return self._sealed

    def discard(self) -> None:
        """Throw the result away; after `seal` this does nothing."""
        if self._sealed is None:
            self._end()

    def close(self) -> None:
        """Let go of it; it stays in staging and can be opened again under its id."""
        self._file_lock.release()

    def _end(self) -> None:
        self._file_lock.release()
        with contextlib.suppress(OSError):  # What stays behind is removed as stale later.
            remove_folder(self._folder, self._folder.parent)

    def _scratch(self, index: int) -> Path:
        """Return where a block that was written in part lies uncompressed until it is sealed."""
        return Path(self._files.path(index) + ".part")

    def _read_scratch(self, index: int) -> Voxels:
        shape = self.spec.blocks.box(index).shape
        return np.frombuffer(read_file(self._scratch(index)), self.dtype).reshape(shape)

    def _merge(self, index: int, place: Box, part: Voxels) -> None:
        """Change a part of a block; to compress it anew for every tile would take longer than a network."""
        scratch = self._scratch(index)
        self._unsynced.add(scratch)
        if scratch.exists():
            block = self._read_scratch(index).copy()
            block[place.slices] = part
            # Over itself: a kill half-way leaves this part half-written, and all other voxels the same.
            overwrite_file(scratch, block.reshape(-1).view(np.uint8).data)
            return
        block = np.zeros(self.spec.blocks.box(index).shape, self.dtype)
        if Path(self._files.path(index)).exists():
            block[...] = self._files.read_padded(index)[Box.of_shape(block.shape).slices]
        block[place.slices] = part
        scratch.parent.mkdir(parents=True, exist_ok=True)
        replace_file(scratch, block.reshape(-1).view(np.uint8).data)

    def _store(self, index: int, block: Voxels) -> None:
        path = Path(self._files.path(index))
        with full_disk_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Renamed into place: a kill leaves the old chunk or the new one, so what a ledger calls written
            # stays so.
            replace_file(path, *chunks.encode(self.spec, block, ChunkFormat.ZSTD))
            self._unsynced.add(path)
            self._scratch(index).unlink(missing_ok=True)


def write_blocks(folder: Path, spec: VolumeSpec, box_zyx: Box, voxels: Voxels) -> None:
    """Write whole blocks of a result that another process has begun, and wait until they are safe.

    Processes may write side by side, each its own blocks.

    Parameters
    ----------
    folder
        The OME-Zarr group that is being written.
    spec
        The whole result.
    box_zyx
        Begins and ends with blocks, or with the volume.
    voxels
        (c, z, y, x) of the box.

    Raises
    ------
    InvalidInput
        The box cuts a block.
    """
    voxels = fitting(voxels, box_zyx, spec.shape_czyx, np.dtype(spec.dtype))
    check_free_space(folder, voxels.nbytes)
    files = ChunkFiles(folder, spec, ChunkFormat.ZSTD)
    wanted = Box((0, *box_zyx.start), (spec.shape_czyx[0], *box_zyx.stop))
    for index in spec.blocks.touching(wanted):
        block = spec.blocks.box(index)
        if not wanted.contains(block):
            raise InvalidInput(f"The box {box_zyx} cuts the block {block} (c, z, y, x).")
        path = Path(files.path(index))
        with full_disk_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = voxels[block.relative_to(wanted).slices]
            replace_file(path, *chunks.encode(spec, part, ChunkFormat.ZSTD))
            fsync_file(path)
            for parent in path.relative_to(folder).parents:
                fsync_folder(folder / parent)


def fitting(
    voxels: Voxels, box_zyx: Box, shape_czyx: tuple[int, int, int, int], dtype: np.dtype[Any]
) -> Voxels:
    """Return what is to be written as (c, z, y, x), or refuse what does not fit."""
    check_box(box_zyx, shape_czyx)
    if voxels.ndim == 3 and shape_czyx[0] == 1:
        voxels = voxels[np.newaxis]
    expected = (shape_czyx[0], *box_zyx.shape)
    if voxels.shape != expected:
        raise InvalidInput(
            f"Voxels of shape {voxels.shape} were given for a box of shape {expected} (c, z, y, x)."
        )
    if voxels.dtype.newbyteorder("=") != dtype:
        raise InvalidInput(f"Voxels of type {voxels.dtype} were given, but the result holds {dtype}.")
    return voxels

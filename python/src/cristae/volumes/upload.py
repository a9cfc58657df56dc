"""An upload: blocks in order, straight into the chunk files of a volume in staging.

What survives the end of the process at any moment::

    staging/ID/upload.json    what is sent, and the digest that the client promised (written before the id is
    told) staging/ID/blocks.log     one record per committed block, appended after its chunk file is complete
    staging/ID/volume/0/c.... the chunk files
    staging/ID/lock           held by the process that writes

A record is the block's CRC-32C and a CRC-32C over that and the block's number.  The first record that is
torn or wrong ends the log: what lies behind it was never answered for and is sent again, over whatever
half-written chunk file there is.
"""

import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cristae.errors import Busy, CorruptData, InvalidInput, NotFound
from cristae.locking import FileLock
from cristae.volumes import chunks
from cristae.volumes.chunks import ChunkFormat
from cristae.volumes.durable import (
    check_free_space,
    full_disk_told,
    read_file,
    remove_folder,
    write_all,
    write_file,
)
from cristae.volumes.image import Voxels
from cristae.volumes.ome import ARRAY
from cristae.volumes.records import read_record, spec_from_json
from cristae.volumes.sealing import DamagedBlock, digest_of, write_metadata
from cristae.volumes.spec import VolumeSpec
from cristae.volumes.stored import ChunkFiles, StoredVolume

RECORD = "upload.json"
_LOG = "blocks.log"
_LOG_RECORD = struct.Struct("<II")


class Upload:
    """A volume on its way in.  Made by `VolumeStore.open_upload` and `VolumeStore.upload`.

    Parameters
    ----------
    folder
        Its folder in staging; the name is the upload's id.
    publish
        Gives the finished volume its final name and opens it.
    sealed
        The finished volume, if an earlier process came as far as that.
    free_floor_bytes
        What must stay free on the disk; None for the default.
    """

    def __init__(
        self,
        folder: Path,
        publish: Callable[[Path, str], StoredVolume],
        *,
        sealed: StoredVolume | None = None,
        free_floor_bytes: int | None = None,
    ) -> None:
        self.id = folder.name
        self._folder = folder
        self._volume = folder / "volume"
        self._publish = publish
        self._floor = free_floor_bytes
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._sealed = sealed
        self._log = -1
        self.spec, self.digest = read_upload_record(folder)
        self._blocks = self.spec.blocks
        self._files = ChunkFiles(self._volume, self.spec, ChunkFormat.PLAIN)
        self._next = self._blocks.count
        self._touched_s = time.monotonic()
        self._is_sealing = False
        if sealed is not None:
            return
        self._file_lock = FileLock(
            folder / "lock", "Another process writes this upload; wait until it has ended."
        ).acquire()
        try:
            with full_disk_told():
                (self._volume / ARRAY).mkdir(parents=True, exist_ok=True)
            self._log = os.open(folder / _LOG, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            self._next = self._committed_blocks()
            self._cut_log()
        except BaseException:
            if self._log >= 0:
                os.close(self._log)
            self._file_lock.release()
            raise

    @property
    def total_bytes(self) -> int:
        """Bytes of all blocks."""
        return self._blocks.total_bytes

    @property
    def committed_bytes(self) -> int:
        """Bytes that are safe against the end of this process; the next block starts here.

        Waits for the block that is being written, so that nobody sends it again, but not for the end of a
        seal, which may take minutes.
        """
        if self._is_sealing:
            return self.total_bytes
        with self._lock:
            return self.total_bytes if self._sealed else self._blocks.offset(self._next)

    @property
    def next_block(self) -> int:
        """The number of the block that is wanted next."""
        return self._next

    @property
    def idle_s(self) -> float:
        """Seconds since it was opened or last got a block; 0 while it is sealed."""
        return 0.0 if self._is_sealing else time.monotonic() - self._touched_s

    @property
    def sealed(self) -> StoredVolume | None:
        """The finished volume, once it is sealed."""
        return self._sealed

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the upload for one stream of blocks; a second stream gets `Busy`."""
        if not self._writing.acquire(blocking=False):
            raise Busy(
                "Another stream sends blocks of this upload; let it end, then ask for the status and go on."
            )
        try:
            yield
        finally:
            self._writing.release()

    def write(self, index: int, offset: int, crc32c: int, data: bytes | Voxels) -> int:
        """Take the next block.

        Parameters
        ----------
        index
            Its number; blocks come in order.
        offset
            The bytes of all blocks before it.
        crc32c
            CRC-32C of `data`.
        data
            Its voxels (c, z, y, x), C order, little-endian, not padded: bytes, or a flat array of uint8.

        Returns
        -------
        int
            `committed_bytes` after it.

        Raises
        ------
        InvalidInput
            Not the next block, or its size or checksum is wrong.  Nothing was changed; ask for the status.
        DiskFull
            Nothing was changed; send the block again when there is space.
        NotFound
            The upload was thrown away.
        """
        with self._lock:
            self._check_open()
            if index != self._next or offset != self.committed_bytes:
                raise InvalidInput(
                    f"Block {index} at byte {offset} came, but block {self._next} at byte "
                    f"{self.committed_bytes} is the next one; ask for the status and go on from there."
                )
            if index == self._blocks.count:
                raise InvalidInput("All blocks are there already; seal the upload.")
            box = self._blocks.box(index)
            expected = box.size * self.spec.itemsize
            if len(data) != expected:
                raise InvalidInput(f"Block {index} has {len(data)} bytes, but {expected} are expected.")
            if chunks.crc32c(data) != crc32c:
                raise InvalidInput(
                    f"Block {index} was damaged on its way: its checksum is wrong. Send it again."
                )
            check_free_space(self._folder, len(data), self._floor)
            self._write_chunk(index, box.shape, crc32c, data)
            self._append(index, crc32c)
            self._next += 1
            self._touched_s = time.monotonic()
            return self.committed_bytes

    def seal(self) -> StoredVolume:
        """Verify everything, make it safe against power loss, and give it its name.

        Sealing again answers the same.

        Raises
        ------
        Busy
            Blocks are missing; `committed_bytes` says from where to send.
        CorruptData
            The digest is not the promised one; the upload is thrown away.
        DiskFull
            Nothing is lost; seal again when there is space.
        """
        with self._lock:
            if self._sealed is not None:
                return self._sealed
            self._check_open()
            if self._next < self._blocks.count:
                raise Busy(
                    f"{self._blocks.count - self._next} of {self._blocks.count} blocks are missing; send "
                    f"them from block {self._next} on, then seal."
                )
            self._is_sealing = True
            try:
                self._sealed = self._verified_and_published()
            finally:
                self._is_sealing = False
            self._close()
            return self._sealed

    def _verified_and_published(self) -> StoredVolume:
        try:
            digest, stored_bytes = digest_of(self._files)
        except DamagedBlock as error:
            # Only a power cut or the disk itself can do that; what is good is kept.
            self._next = error.index
            self._cut_log()
            raise Busy(f"{error.sentence} Send the blocks again from block {error.index} on.") from error
        if digest != self.digest:
            self.discard()
            raise CorruptData(
                "What arrived is not what was promised: the digests differ, so the upload was thrown "
                "away. Send the image again; if it happens again, the image changed while it was sent."
            )
        with full_disk_told():
            write_metadata(self._volume, self._files, digest, stored_bytes)
            return self._publish(self._volume, digest)

    def discard(self) -> None:
        """Throw the upload away."""
        with self._lock:
            self._close()
            remove_folder(self._folder, self._folder.parent)

    def close(self) -> None:
        """Let go of the files; the upload stays in staging and can be opened again."""
        with self._lock:
            self._close()

    @property
    def is_open(self) -> bool:
        """Whether blocks can be written."""
        return self._log >= 0

    def _check_open(self) -> None:
        if not self.is_open:
            raise NotFound("This upload is not open any more; open it again.")

    def _close(self) -> None:
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
            self._file_lock.release()

    def _write_chunk(self, index: int, shape: tuple[int, ...], crc: int, data: bytes | Voxels) -> None:
        path = self._files.path(index)
        if shape == self.spec.block_shape_czyx:
            write_file(path, data, chunks.crc_bytes(crc))
        else:
            voxels = np.frombuffer(data, np.dtype(self.spec.dtype).newbyteorder("<")).reshape(shape)
            write_file(path, *chunks.encode(self.spec, voxels, ChunkFormat.PLAIN))

    def _append(self, index: int, crc: int) -> None:
        try:
            with full_disk_told():
                write_all(self._log, _LOG_RECORD.pack(crc, _record_check(index, crc)))
        except BaseException:
            try:
                self._cut_log()
            except OSError:
                # The torn record ends the log when it is read again; until then nothing may follow it.
                self._close()
            raise

    def _cut_log(self) -> None:
        end = self._next * _LOG_RECORD.size
        os.ftruncate(self._log, end)
        os.lseek(self._log, end, os.SEEK_SET)

    def _committed_blocks(self) -> int:
        """Return how many blocks the log vouches for."""
        log = read_file(self._folder / _LOG)
        whole = len(log) // _LOG_RECORD.size * _LOG_RECORD.size
        count = 0
        for crc, check in _LOG_RECORD.iter_unpack(log[:whole]):
            if count == self._blocks.count or check != _record_check(count, crc):
                break
            count += 1
        return count


def read_upload_record(folder: Path) -> tuple[VolumeSpec, str]:
    """Return what an upload in staging is, and the digest that was promised."""
    record = read_record(folder / RECORD)
    try:
        return spec_from_json(record["spec"]), str(record["digest"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptData("The note of an upload is damaged; open the upload again.") from error


def _record_check(index: int, crc: int) -> int:
    return chunks.crc32c(struct.pack("<QI", index, crc))

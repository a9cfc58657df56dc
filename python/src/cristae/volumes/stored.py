"""A sealed volume on disk: read by boxes or by blocks, strictly."""

import os
import threading
from collections import OrderedDict
from collections.abc import Buffer, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cristae.errors import CorruptData, NotFound
from cristae.geometry import Box
from cristae.volumes import chunks
from cristae.volumes.chunks import ChunkFormat
from cristae.volumes.durable import is_real_folder, read_file
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.ome import ARRAY, Sealed, parse
from cristae.volumes.spec import VolumeSpec, VoxelSize

CACHE_BYTES = 32 * 1024 * 1024


class ChunkFiles:
    """The chunk files of one volume, sealed or still in staging.

    Parameters
    ----------
    folder
        The OME-Zarr group.
    spec
        The volume.
    chunk_format
        How its chunks are stored.
    array
        The array below the group; a coarser level has its own.
    file_name
        What a person calls the folder; empty for a volume of a store, whose folder nobody knows.
    """

    def __init__(
        self,
        folder: Path,
        spec: VolumeSpec,
        chunk_format: ChunkFormat,
        array: str = ARRAY,
        *,
        file_name: str = "",
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.chunk_format = chunk_format
        self.blocks = spec.blocks
        self._array = os.fspath(folder / array)
        self._array_name, self._file_name = array, file_name

    def path(self, index: int) -> str:
        """Return the place of a block's chunk file."""
        # Text instead of Path: this runs for every chunk of every tile.
        return f"{self._array}/{self._chunk_name(index)}"

    def read_file(self, index: int) -> bytes:
        """Return a chunk file as it is; a missing one is an error that names its box."""
        try:
            return read_file(self.path(index))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._place(index).missing() from error
        except OSError as error:
            raise self._place(index).unreadable(error) from error

    def read_padded(self, index: int) -> Voxels:
        """Return the checked voxels (c, z, y, x) of a whole chunk, padding included, not to be written to."""
        return chunks.decode(self.spec, self.read_file(index), self.chunk_format, self._place(index))

    def read_block(self, index: int) -> tuple[Buffer, int]:
        """Return a block's bytes, checked and not copied, and their CRC-32C."""
        box = self.blocks.box(index)
        if not self.chunk_format.is_compressed and box.shape == self.spec.block_shape_czyx:
            data = self.read_file(index)
            body = chunks.checked_body(data, self._place(index))
            if len(body) != self.blocks.full_block_bytes:
                raise self._place(index).damaged()
            return body, int.from_bytes(data[-chunks.CRC_BYTES :], "little")
        voxels = self.read_padded(index)[Box.of_shape(box.shape).slices]
        cut = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<")).tobytes()
        return cut, chunks.crc32c(cut)

    def _chunk_name(self, index: int) -> str:
        return chunks.chunk_name(self.blocks.coordinates(index), self.chunk_format)

    def _place(self, index: int) -> chunks.Place:
        place = chunks.Place(self.blocks.box(index))
        if not self._file_name:
            return place
        return place.of_file(self._file_name, f"{self._array_name}/{self._chunk_name(index)}")


class StoredVolume:
    """A sealed volume; it never changes.  An `Image` that can be read from several threads.

    Parameters
    ----------
    folder
        Its OME-Zarr group.
    name
        For people, such as a window's title; if empty, the one that its voxels came with first.
    cache_bytes
        Decoded chunks that are kept for the next, neighbouring box.
    on_damage
        Called when a read meets a chunk that is missing or not what was sealed.
    file_name
        What a person who opened the folder calls it; empty for a volume of a store.

    Raises
    ------
    NotFound
        There is no volume.
    CorruptData
        Its metadata, or later a chunk, is missing or not what was sealed.
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        folder: Path,
        name: str = "",
        cache_bytes: int = CACHE_BYTES,
        on_damage: Callable[[], None] = lambda: None,
        *,
        file_name: str = "",
    ) -> None:
        if not is_real_folder(folder):
            raise NotFound("There is no such volume; it may have been deleted. Send the image again.")
        self.folder = folder
        self._sealed, chunk_format = read_metadata(folder)
        self._name = name
        self._files = ChunkFiles(folder, self.spec, chunk_format, file_name=file_name)
        self._cache: OrderedDict[int, Voxels] = OrderedDict()
        self._most_cached = max(1, cache_bytes // self.spec.blocks.full_block_bytes)
        self._lock = threading.Lock()
        self._on_damage = on_damage

    @property
    def spec(self) -> VolumeSpec:
        """What it is."""
        return self._sealed.spec

    @property
    def digest(self) -> str:
        """Its name: 64 hex digits."""
        return self._sealed.digest

    @property
    def created_s(self) -> float:
        """When it was sealed, in seconds since 1970-01-01 UTC."""
        return self._sealed.created_s

    @property
    def stored_bytes(self) -> int:
        """Bytes of its chunk files."""
        return self._sealed.stored_bytes

    @property
    def shape_czyx(self) -> tuple[int, int, int, int]:
        """Channels, sections, rows, columns."""
        return self.spec.shape_czyx

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type, in native byte order."""
        return np.dtype(self.spec.dtype)

    @property
    def voxel_size(self) -> VoxelSize | None:
        """None if it is not known."""
        return self.spec.voxel_size

    @property
    def name(self) -> str:
        """For people."""
        return self._name or self.spec.name

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array.

        Raises
        ------
        CorruptData
            A chunk is missing or damaged; the sentence names its box.
        """
        check_box(box_zyx, self.shape_czyx)
        wanted = Box((0, *box_zyx.start), (self.shape_czyx[0], *box_zyx.stop))
        voxels = np.empty(wanted.shape, self.dtype)
        for index in self.spec.blocks.touching(wanted):
            block = self.spec.blocks.box(index)
            common = block.clipped(wanted)
            chunk = self._chunk(index)
            voxels[common.relative_to(wanted).slices] = chunk[common.relative_to(block).slices]
        return voxels

    def read_block(self, index: int) -> bytes:
        """Return the bytes of a block (C order, little-endian, not padded), checked against its checksum."""
        return bytes(self.read_block_and_crc(index)[0])

    def read_block_and_crc(self, index: int) -> tuple[Buffer, int]:
        """Return the bytes of a block and their CRC-32C, which is stored and need not be computed again."""
        with self._damage_told():
            return self._files.read_block(index)

    def _chunk(self, index: int) -> Voxels:
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
        with self._damage_told():
            chunk = self._files.read_padded(index)
        with self._lock:
            self._cache[index] = chunk
            while len(self._cache) > self._most_cached:
                self._cache.popitem(last=False)
        return chunk

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except CorruptData:
            self._on_damage()
            raise

    def __repr__(self) -> str:
        return f"StoredVolume({self.digest[:12]}, {self.name!r}, {self.shape_czyx}, {self.dtype})"


def read_metadata(folder: Path) -> tuple[Sealed, ChunkFormat]:
    """Return what the metadata of a sealed volume says."""
    try:
        return parse(read_file(folder / "zarr.json"), read_file(folder / ARRAY / "zarr.json"))
    except OSError as error:
        raise CorruptData(
            "The metadata of a stored volume is missing or cannot be read; send or compute the volume again."
        ) from error

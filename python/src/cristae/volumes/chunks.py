"""One block as one chunk file: voxels, then the CRC-32C of what comes before it.

Uploads are stored as they come (``bytes`` + ``crc32c``): the file of a whole block is its voxels and four
bytes more.  Their files lie side by side, ``c.0.7.0.0``, because to make a folder for each block takes the
system as long as to write its mebibyte.  Results are compressed (``bytes`` + ``zstd`` + ``crc32c``) and lie
in folders, ``c/0/7/0/0``, as most tools expect it of an OME-Zarr.  zarr-python reads both.  Blocks at the end
of an axis are padded with zeros to the shape of the others, as Zarr wants it.
"""

from collections.abc import Buffer
from enum import Enum
from typing import Any, NamedTuple

import google_crc32c
import imagecodecs
import numpy as np

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.volumes.image import Voxels
from cristae.volumes.spec import VolumeSpec

CRC_BYTES = 4
_SEND_AGAIN = "Send the image again, or compute the result again; nothing was invented in their place."
_COPY_AGAIN = "Copy the file again, or compute the result again; nothing was invented in their place."
_RESIDUE = 0x48674BC7
"""The CRC-32C of any bytes followed by their own CRC-32C, little-endian."""
_ZSTD_LEVEL = 1


class ChunkFormat(Enum):
    """How the voxels of a chunk are stored."""

    PLAIN = "plain"
    """As it came, side by side: uploads."""
    FOLDERS = "folders"
    """As it came, in folders: uploads of earlier versions, which are only read."""
    ZSTD = "zstd"
    """Compressed, in folders: results."""

    @property
    def is_compressed(self) -> bool:
        """Whether the voxels are compressed."""
        return self is ChunkFormat.ZSTD

    @property
    def separator(self) -> str:
        """What stands between the coordinates in the name of a chunk file."""
        return "." if self is ChunkFormat.PLAIN else "/"


class Place(NamedTuple):
    """Where a chunk is, as the failures to read it tell.

    Attributes
    ----------
    box_czyx
        Its voxels.
    whose
        Names what it is in, if that is a file that a person knows: " of cells.zarr (chunk 0/c/0/0/1/0)".
    advice
        What a person can do.

    Examples
    --------
    >>> place = Place(Box((0, 0, 8, 0), (1, 4, 16, 8)), advice="Try again.")
    >>> print(place.missing())
    The stored voxels of the box [0:1, 0:4, 8:16, 0:8] (c, z, y, x) are missing. Try again.
    >>> place.of_file("cells.zarr", "0/c/0/0/1/0").whose
    ' of cells.zarr (chunk 0/c/0/0/1/0)'
    """

    box_czyx: Box
    whose: str = ""
    advice: str = _SEND_AGAIN

    def of_file(self, name: str, chunk: str) -> "Place":
        """Return the place in a file that a person has, not in a volume that was sent or computed."""
        return Place(self.box_czyx, f" of {name} (chunk {chunk})", _COPY_AGAIN)

    def damaged(self) -> CorruptData:
        """Return the failure that says that the chunk is not what was written."""
        return self._failure("are damaged: their checksum is wrong.")

    def missing(self) -> CorruptData:
        """Return the failure that says that there is no chunk."""
        return self._failure("are missing.")

    def unreadable(self, error: OSError) -> CorruptData:
        """Return the failure that says that the disk does not give it."""
        return CorruptData(f"{self._voxels} cannot be read from the disk ({error.strerror}).")

    def _failure(self, what: str) -> CorruptData:
        return CorruptData(f"{self._voxels} {what} {self.advice}".rstrip())

    @property
    def _voxels(self) -> str:
        return f"The stored voxels of the box {self.box_czyx} (c, z, y, x){self.whose}"


def crc32c(data: bytes | Voxels) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return int(google_crc32c.value(data))


def chunk_name(coordinates: tuple[int, ...], chunk_format: ChunkFormat) -> str:
    """Return the path of a chunk below its array's folder.

    Examples
    --------
    >>> chunk_name((0, 7, 0, 0), ChunkFormat.PLAIN), chunk_name((0, 7, 0, 0), ChunkFormat.ZSTD)
    ('c.0.7.0.0', 'c/0/7/0/0')
    """
    return chunk_format.separator.join(("c", *map(str, coordinates)))


def crc_bytes(crc: int) -> bytes:
    """Return a checksum as it stands at the end of a chunk file."""
    return crc.to_bytes(CRC_BYTES, "little")


def encode(spec: VolumeSpec, block: Voxels, chunk_format: ChunkFormat) -> tuple[Buffer, bytes]:
    """Return the body of a chunk file and its checksum.

    Parameters
    ----------
    spec
        The volume.
    block
        The voxels (c, z, y, x) of one block, cut at the end of the volume.
    chunk_format
        How to store them.
    """
    stored = np.dtype(spec.dtype).newbyteorder("<")
    if block.shape != spec.block_shape_czyx:
        padded = np.zeros(spec.block_shape_czyx, stored)
        padded[Box.of_shape(block.shape).slices] = block
        block = padded
    whole = np.ascontiguousarray(block, stored)
    if not chunk_format.is_compressed:
        return whole.reshape(-1).view(np.uint8).data, crc_bytes(crc32c(whole))
    packed = bytes(imagecodecs.zstd_encode(whole.tobytes(), level=_ZSTD_LEVEL))
    return packed, crc_bytes(crc32c(packed))


def checked_body(data: bytes, place: Place) -> memoryview:
    """Return a chunk file without its checksum, not copied, or say that it is damaged."""
    if len(data) < CRC_BYTES or crc32c(data) != _RESIDUE:
        raise place.damaged()
    return memoryview(data)[:-CRC_BYTES]


def decode(spec: VolumeSpec, data: bytes, chunk_format: ChunkFormat, place: Place) -> Voxels:
    """Return the voxels (c, z, y, x) of a chunk file, padded, in native byte order, not to be written to."""
    body: Buffer = checked_body(data, place)
    expected = spec.blocks.full_block_bytes
    if chunk_format.is_compressed:
        try:
            # The size of the result is fixed beforehand: a chunk cannot ask for more memory than a block.
            body = bytes(imagecodecs.zstd_decode(body, out=expected))
        except (RuntimeError, ValueError) as error:
            raise place.damaged() from error
    if len(memoryview(body)) != expected:
        raise place.damaged()
    stored: np.dtype[Any] = np.dtype(spec.dtype).newbyteorder("<")
    voxels = np.frombuffer(body, stored).reshape(spec.block_shape_czyx)
    return voxels.astype(stored.newbyteorder("="), copy=False)

"""The digest that names a volume, by the rule in ``volumes.proto``.

SHA-256 over a header line and the SHA-256 of every block, so that a client computes it in one pass before it
sends the first byte, and the server while the blocks arrive.  The name and the classes are not part of it.
"""

import hashlib
import re
import struct
from collections.abc import Buffer, Callable, Iterable
from typing import Any

import numpy as np

from cristae.errors import Cancelled, InvalidInput
from cristae.geometry import Box, grid
from cristae.volumes.image import Image
from cristae.volumes.spec import VolumeSpec, VoxelSize

_HEX_64 = re.compile(r"[0-9a-f]{64}\Z")


def block_digest(voxels: Buffer) -> bytes:
    """Return the 32 bytes of SHA-256 of a block (C order, little-endian, not padded)."""
    return hashlib.sha256(voxels).digest()


def header(spec: VolumeSpec) -> bytes:
    """Return what is hashed before the blocks.

    Examples
    --------
    >>> print(header(VolumeSpec((1, 1, 2, 3), "uint8")).decode(), end="")
    cristae.volume.1
    {"dtype":"uint8","shape":[1,1,2,3],"block":[1,1,2,3],"voxel_nm":["","",""],"unit":""}
    """
    size = spec.voxel_size
    lengths = ("", "", "") if size is None else tuple(struct.pack(">d", nm).hex() for nm in size.zyx_nm)
    shape, block = (",".join(map(str, axes)) for axes in (spec.shape_czyx, spec.block_shape_czyx))
    # Written out by hand: the line must be the same, byte for byte, in every language and library.
    line = (
        f'{{"dtype":"{spec.dtype}","shape":[{shape}],"block":[{block}],'
        f'"voxel_nm":["{lengths[0]}","{lengths[1]}","{lengths[2]}"],'
        f'"unit":"{size.display_unit if size else ""}"}}'
    )
    return f"cristae.volume.1\n{line}\n".encode()


def volume_digest(spec: VolumeSpec, block_digests: Iterable[bytes]) -> str:
    """Return the digest of a volume as 64 lower-case hex digits."""
    digest = hashlib.sha256(header(spec))
    for block in block_digests:
        digest.update(block)
    return digest.hexdigest()


def array_digest(voxels_czyx: np.ndarray[Any, Any], voxel_size: VoxelSize | None = None) -> str:
    """Return the digest of an array (c, z, y, x) in memory.

    Examples
    --------
    >>> array_digest(np.zeros((1, 1, 2, 3), np.uint8))[:16]
    '3454461b291a3905'
    """
    c, z, y, x = voxels_czyx.shape
    spec = VolumeSpec((c, z, y, x), voxels_czyx.dtype.name, voxel_size)
    little = voxels_czyx.dtype.newbyteorder("<")
    boxes = (spec.blocks.box(index) for index in range(spec.blocks.count))
    return volume_digest(
        spec, (block_digest(np.ascontiguousarray(voxels_czyx[box.slices], little)) for box in boxes)
    )


def image_digest(image: Image, should_stop: Callable[[], bool] = lambda: False) -> str:
    """Return the digest of an image, read once, some sections at a time.

    It is the one that a volume of these voxels, voxel size and unit gets in a store.

    Parameters
    ----------
    image
        Any image.
    should_stop
        Asked before every read.

    Raises
    ------
    Cancelled
        `should_stop` said so.

    Examples
    --------
    >>> from cristae.volumes.image import ArrayImage
    >>> image_digest(ArrayImage(np.zeros((2, 3), np.uint8))) == array_digest(np.zeros((1, 1, 2, 3), np.uint8))
    True
    """
    spec = VolumeSpec(image.shape_czyx, image.dtype.name, image.voxel_size)
    blocks, (_, z, y, x) = spec.blocks, image.shape_czyx
    digests = [b""] * blocks.count
    little = image.dtype.newbyteorder("<")
    for slab in grid((z, y, x), (spec.block_shape_czyx[1], y, x)):
        if should_stop():
            raise Cancelled("It was cancelled while the images were read.")
        voxels = image.read(slab)
        whole = Box((0, *slab.start), (image.shape_czyx[0], *slab.stop))
        for index in blocks.touching(whole):
            box = blocks.box(index).relative_to(whole)
            digests[index] = block_digest(np.ascontiguousarray(voxels[box.slices], little))
    return volume_digest(spec, digests)


def check_digest(text: str) -> str:
    """Return the digest if it is 64 lower-case hex digits, else refuse it; it becomes a folder's name."""
    if not _HEX_64.match(text):
        raise InvalidInput("A volume is named by 64 lower-case hex digits; this name is something else.")
    return text

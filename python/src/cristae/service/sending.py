"""Blocks of an image on their way to the server: as messages, and no more of them than are answered for."""

import threading

import google_crc32c
import numpy as np

from cristae.geometry import Box
from cristae.v1 import volumes_pb2
from cristae.volumes import Image, VolumeSpec

MOST_UNANSWERED = 2
"""Blocks under way at a time: a connection that breaks loses no more than these."""


class Window:
    """Lets blocks go as earlier ones are answered for; gRPC takes them in a thread of its own."""

    def __init__(self, committed_bytes: int) -> None:
        self._changed = threading.Condition()
        self._committed_bytes, self._closed = committed_bytes, False

    def opens(self, committed_bytes: int) -> bool:
        """Wait until so much is committed; False if the stream ended before."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._committed_bytes >= committed_bytes)
            return not self._closed

    def hear(self, committed_bytes: int) -> None:
        """Note that so much is committed."""
        with self._changed:
            self._committed_bytes = committed_bytes
            self._changed.notify_all()

    def close(self) -> None:
        """Note that the stream has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def block_bytes(image: Image, spec: VolumeSpec, index: int) -> bytes:
    """Return the bytes of one block of an image, as they travel."""
    box = spec.blocks.box(index)
    voxels = image.read(Box(box.start[1:], box.stop[1:]))[box.start[0] : box.stop[0]]
    return np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<")).tobytes()


def write_request(
    image: Image, spec: VolumeSpec, upload_id: str, index: int
) -> volumes_pb2.WriteBlocksRequest:
    """Return one block of an image as the message that sends it."""
    voxels = block_bytes(image, spec, index)
    block = volumes_pb2.Block(
        index=index, offset=spec.blocks.offset(index), crc32c=google_crc32c.value(voxels), voxels=voxels
    )
    return volumes_pb2.WriteBlocksRequest(upload_id=upload_id, block=block)

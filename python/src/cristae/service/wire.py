"""Blocks on the wire, read and written without copying their voxels more than once.

In protobuf a message is the sequence of its fields; one that is a message or bytes is its tag, its length and
its content. The generated code copies such content once into its own memory and once more when it is asked
for. At a mebibyte a block that took as long as gRPC itself.
"""

from collections.abc import Buffer
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from cristae.errors import InvalidInput, LimitExceeded
from cristae.service.limits import check_sizes
from cristae.settings import Limits
from cristae.v1 import volumes_pb2

type Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_NOTHING = np.empty(0, np.uint8)
_VARINT, _FIXED64, _CONTENT, _FIXED32 = 0, 1, 2, 5
_BLOCK = volumes_pb2.WriteBlocksRequest.BLOCK_FIELD_NUMBER << 3 | _CONTENT
_VOXELS = volumes_pb2.Block.VOXELS_FIELD_NUMBER << 3 | _CONTENT


@dataclass(frozen=True, slots=True)
class SentBlock:
    """A block on its way to the server: a `WriteBlocksRequest` whose voxels stayed where they arrived."""

    upload_id: str
    index: int
    offset: int
    crc32c: int
    voxels: Bytes


def sent_block(data: bytes, limits: Limits) -> SentBlock:
    """Return the block in the bytes of a `WriteBlocksRequest`.

    Raises
    ------
    InvalidInput
        They are no such message.
    LimitExceeded
        It is larger than any block.

    Examples
    --------
    >>> block = volumes_pb2.Block(index=7, offset=42, crc32c=1, voxels=b"abc")
    >>> request = volumes_pb2.WriteBlocksRequest(upload_id="f0", block=block)
    >>> sent = sent_block(request.SerializeToString(), Limits())
    >>> sent.upload_id, sent.index, sent.offset, sent.crc32c, bytes(sent.voxels)
    ('f0', 7, 42, 1, b'abc')
    """
    try:
        outer = _last_field(data, 0, _BLOCK)
        inner = _last_field(data, outer[1], _VOXELS) if outer else None
        if outer and inner:
            request = volumes_pb2.WriteBlocksRequest.FromString(data[: outer[0]])
            request.block.MergeFromString(data[outer[1] : inner[0]])
            voxels = np.frombuffer(data, np.uint8, offset=inner[1]) if inner[1] < len(data) else _NOTHING
        else:  # the fields stand in another order, or there are no voxels
            request = volumes_pb2.WriteBlocksRequest.FromString(data)
            voxels = np.frombuffer(request.block.voxels, np.uint8)
    except DecodeError as error:
        raise InvalidInput(
            "The request cannot be read. Is the client of another version? Update the older side."
        ) from error
    request.block.ClearField("voxels")
    check_sizes(request, limits)
    if voxels.size > limits.max_block_bytes:
        raise LimitExceeded(f"A block has {voxels.size} bytes; at most {limits.max_block_bytes} are taken.")
    block = request.block
    return SentBlock(request.upload_id, block.index, block.offset, block.crc32c, voxels)


def _last_field(data: bytes, start: int, wanted: int) -> tuple[int, int] | None:
    """Return where the field with this tag and its content begin, if it is the last one of the message."""
    while start < len(data):
        tag, place = _varint(data, start)
        kind = tag & 7
        if kind == _VARINT:
            _, place = _varint(data, place)
        elif kind == _CONTENT:
            length, content = _varint(data, place)
            place = content + length
            if tag == wanted and place == len(data):
                return start, content
        elif kind == _FIXED32:
            place += 4
        elif kind == _FIXED64:
            place += 8
        else:
            return None
        start = place
    return None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a number of at most ten bytes and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        number |= (data[place] & 127) << shift
        place += 1
        if data[place - 1] < 128:
            return number, place
    raise DecodeError("A number without an end.")


def block_message(index: int, offset: int, crc32c: int, voxels: Buffer) -> bytes:
    """Return the bytes of a `Block`.

    Examples
    --------
    >>> block = volumes_pb2.Block.FromString(block_message(7, 42, 1, b"x" * 300))
    >>> block.index, block.offset, block.crc32c, block.voxels == b"x" * 300
    (7, 42, 1, True)
    """
    head = volumes_pb2.Block(index=index, offset=offset, crc32c=crc32c).SerializeToString()
    length, digits = memoryview(voxels).nbytes, bytearray([_VOXELS])
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    digits.append(length)
    return b"".join((head, digits, voxels))

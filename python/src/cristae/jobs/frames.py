r"""Records with voxels behind them, as server and the process of previews send them to each other.

A frame is a line of JSON, which says how many bytes follow, and these bytes.

Examples
--------
>>> import io
>>> frame = b"".join(frame_parts({"model": "mito"}, b"\x01\x02"))
>>> frame
b'{"model":"mito","bytes":2}\n\x01\x02'
>>> read_frame(io.BytesIO(frame), 16)
({'model': 'mito'}, b'\x01\x02')
"""

import json
from collections.abc import Mapping
from typing import IO, Any

from cristae.errors import CorruptData
from cristae.jobs.records import dump

_LONGEST_LINE = 1024 * 1024


def frame_parts(record: Mapping[str, Any], data: bytes = b"") -> tuple[bytes, bytes]:
    """Return a frame in two parts, so that the data need not be copied."""
    return dump({**record, "bytes": len(data)}).encode() + b"\n", data


def read_frame(stream: IO[bytes], most_bytes: int) -> tuple[dict[str, Any], bytes] | None:
    """Read the next frame; None at the end.

    Raises
    ------
    CorruptData
        If it is none, ends early, or has more than ``most_bytes`` behind its line.
    """
    line = stream.readline(_LONGEST_LINE)
    if not line:
        return None
    try:
        record = json.loads(line)
        count = record.pop("bytes")
        if not 0 <= count <= most_bytes:
            raise ValueError(count)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptData("A frame between server and preview cannot be read.") from error
    data = stream.read(count)
    if len(data) < count:
        raise CorruptData("A frame between server and preview ended early.")
    return record, data

"""From a failure to the status of a call: the code, a sentence of at most 2 KB, and the name for programs."""

import sqlite3
from pathlib import Path

import grpc

from cristae.errors import Busy, CristaeError, DiskFull, InvalidInput
from cristae.settings import Limits
from cristae.volumes.durable import disk_failure

ERROR_KEY = "cristae-error"

_STATUS = {
    "INVALID_INPUT": grpc.StatusCode.INVALID_ARGUMENT,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "ALREADY_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "LIMIT_EXCEEDED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DISK_FULL": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "CORRUPT_DATA": grpc.StatusCode.DATA_LOSS,
    "OUT_OF_MEMORY": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "CANCELLED": grpc.StatusCode.CANCELLED,
    "BUSY": grpc.StatusCode.FAILED_PRECONDITION,
    "UNSUPPORTED": grpc.StatusCode.INVALID_ARGUMENT,
    "UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}


class OutsideVolume(InvalidInput):
    """A box or block that the volume does not have."""


class BehindTheEnd(InvalidInput):
    """An offset that the file does not have."""


class AnotherStream(Busy):
    """Two streams write one upload."""


def status_of(error: CristaeError) -> grpc.StatusCode:
    """Return the status code that the contract gives to a failure.

    Examples
    --------
    >>> status_of(InvalidInput("The labels are empty.")).name
    'INVALID_ARGUMENT'
    """
    if isinstance(error, OutsideVolume | BehindTheEnd):
        return grpc.StatusCode.OUT_OF_RANGE
    if isinstance(error, AnotherStream):
        return grpc.StatusCode.ABORTED
    return _STATUS.get(error.code, grpc.StatusCode.INTERNAL)


def known_failure(error: Exception) -> CristaeError | None:
    """Return what an exception means for a person, None if it is a mistake of the program."""
    if isinstance(error, CristaeError):
        return error
    if isinstance(error, OSError):
        return disk_failure(error)
    if isinstance(error, sqlite3.OperationalError) and ("full" in str(error) or "readonly" in str(error)):
        return DiskFull(
            "The server's disk is full, or may only be read now. Free some space there, then go on."
        )
    return None


def sentence_for_client(sentence: str, home: Path, limits: Limits) -> str:
    """Return a sentence without the server's paths, of at most ``max_detail_bytes`` in UTF-8.

    Examples
    --------
    >>> sentence_for_client("No room in /data/home/volumes.", Path("/data/home"), Limits())
    "No room in the server's folder/volumes."
    """
    said = sentence.replace(str(home), "the server's folder").encode()
    if len(said) > limits.max_detail_bytes:
        said = said[: limits.max_detail_bytes - 3].decode("utf-8", "ignore").encode() + "…".encode()
    return said.decode()

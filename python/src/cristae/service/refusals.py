"""What a server said no with, as the error that it raised."""

import grpc

from cristae.errors import (
    AlreadyExists,
    Busy,
    Cancelled,
    CorruptData,
    CristaeError,
    DiskFull,
    InvalidInput,
    LimitExceeded,
    NotFound,
    OutOfMemory,
    Unsupported,
)
from cristae.service.status import ERROR_KEY

_ERRORS: dict[str, type[CristaeError]] = {
    kind.code: kind
    for kind in (
        AlreadyExists,
        Busy,
        Cancelled,
        CorruptData,
        DiskFull,
        InvalidInput,
        LimitExceeded,
        NotFound,
        OutOfMemory,
        Unsupported,
    )
}


class ServerRefusedError(CristaeError):
    """The server's own sentence, or that it did not answer."""


class UnavailableError(ServerRefusedError):
    """No answer, though the call was repeated."""

    code = "UNAVAILABLE"


class SlowError(UnavailableError):
    """No answer in time, though the server may well be at it."""


def error_of(failure: grpc.RpcError) -> CristaeError:
    """Return the failure of a call as the error that the server raised."""
    if not isinstance(failure, grpc.Call):
        return UnavailableError("The server cannot be reached.")
    details = failure.details() or "The server did not answer. Try again."
    if failure.code() == grpc.StatusCode.UNAVAILABLE:
        return UnavailableError(details)
    if failure.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return SlowError(details)
    metadata = failure.trailing_metadata() or ()
    code = next((str(value) for key, value in metadata if key == ERROR_KEY), "")
    return _ERRORS.get(code, ServerRefusedError)(details)

"""What a server said no with, as the error that it raised."""

import grpc

from cristae import errors
from cristae.errors import CristaeError
from cristae.service.status import ERROR_KEY

_ERRORS: dict[str, type[CristaeError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CristaeError) and kind is not CristaeError
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
    return error_named(code, details)


def error_named(code: str, sentence: str) -> CristaeError:
    """Return the error that has this code.

    Examples
    --------
    >>> error_named("NOT_FOUND", "No model has the name 'mito'.")
    NotFound("No model has the name 'mito'.")
    """
    return _ERRORS.get(code, ServerRefusedError)(sentence)

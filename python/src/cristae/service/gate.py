"""The gate in front of every call: token, sizes, and a status for whatever goes wrong.

One interceptor wraps every method of every service, so that none can be added without it. It takes the
request as bytes and parses it itself: a stranger's bytes are not even looked at, and broken ones get a clean
status.
"""

import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from cristae.errors import CristaeError, InvalidInput, LimitExceeded
from cristae.service.limits import check_sizes
from cristae.service.status import ERROR_KEY, known_failure, sentence_for_client, status_of
from cristae.settings import Limits

_log = logging.getLogger(__name__)

type _Handler = grpc.RpcMethodHandler[Any, Any]
type _Details = grpc.HandlerCallDetails

STRANGER = (
    "The token is missing or wrong. It is in the file 'token' in the server's home folder; "
    "copy it into the settings of the client."
)
MISTAKE = "The server made a mistake; its log has the details. Try again, and report it if it stays."


WITH_VOXELS = "/cristae.v1.Previews/PreviewPart"
"""The one call whose request may be larger than other messages."""


def largest_message(limits: Limits) -> int:
    """Return how many bytes a message may have that carries the voxels of a preview."""
    return limits.max_message_bytes + limits.max_preview_bytes


class Gate(grpc.aio.ServerInterceptor):
    """The interceptor.

    Parameters
    ----------
    token
        What every call must carry as ``authorization: Bearer TOKEN``.
    home
        Cut out of sentences.
    limits
        How large requests may be, and how many streams may be open at a time.
    """

    def __init__(self, token: str, home: Path, limits: Limits) -> None:
        self._expected = f"Bearer {token}".encode()
        self._home, self._limits = home, limits
        self._streams = self._calls = 0
        self._last_call_s = time.monotonic()

    @property
    def quiet_s(self) -> float:
        """Seconds since the last call ended; 0 while one is under way."""
        return 0.0 if self._calls or self._streams else time.monotonic() - self._last_call_s

    async def intercept_service(
        self, continuation: Callable[[_Details], Awaitable[_Handler | None]], details: _Details
    ) -> _Handler | None:
        """Return the wrapped method, or one that turns the caller away."""
        if not self._is_friend(details):
            return grpc.stream_stream_rpc_method_handler(_turn_away)
        handler = await continuation(details)
        if handler is None:
            return None
        parse, method = handler.request_deserializer, details.method
        assert parse is not None  # noqa: S101 - generated code always has one
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._both_streaming(method, handler.stream_stream),
                response_serializer=handler.response_serializer,
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method, handler.unary_stream, parse),
                response_serializer=_serialize,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._plain(method, handler.unary_unary, parse),
            response_serializer=handler.response_serializer,
        )

    def _is_friend(self, details: _Details) -> bool:
        given = [value for key, value in details.invocation_metadata or () if key == "authorization"]
        said = given[0] if len(given) == 1 else b""
        return hmac.compare_digest(said.encode() if isinstance(said, str) else said, self._expected)

    def _plain(self, method: str, behaviour: Any, parse: Callable[[bytes], Message]) -> Any:
        async def call(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                with self._call():
                    return await behaviour(self._checked(data, parse, method), context)
            except Exception as error:
                await self._fail(error, method, context)

        return call

    def _streaming(self, method: str, behaviour: Any, parse: Callable[[bytes], Message]) -> Any:
        async def call(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            try:
                request = self._checked(data, parse, method)
                with self._stream():
                    async for answer in behaviour(request, context):
                        yield answer
            except Exception as error:
                await self._fail(error, method, context)

        return call

    def _both_streaming(self, method: str, behaviour: Any) -> Any:
        """Hand the requests on as bytes: they are blocks, which `cristae.service.wire` reads and checks."""

        async def call(
            requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            try:
                with self._stream():
                    async for answer in behaviour(requests, context):
                        yield answer
            except Exception as error:
                await self._fail(error, method, context)

        return call

    def _checked(self, data: bytes, parse: Callable[[bytes], Message], method: str) -> Message:
        most = largest_message(self._limits) if method == WITH_VOXELS else self._limits.max_message_bytes
        if len(data) > most:
            raise LimitExceeded(f"The request has {len(data)} bytes; at most {most} are taken.")
        try:
            request = parse(data)
        except DecodeError as error:
            raise InvalidInput(
                "The request cannot be read. Is the client of another version? Update the older side."
            ) from error
        check_sizes(request, self._limits)
        return request

    async def _fail(self, error: Exception, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        known = known_failure(error)
        if known is None:
            _log.error("%s failed", method, exc_info=error)
            known = CristaeError(MISTAKE)
        sentence = sentence_for_client(known.sentence, self._home, self._limits)
        await context.abort(status_of(known), sentence, ((ERROR_KEY, known.code),))

    @contextmanager
    def _call(self) -> Iterator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._last_call_s = time.monotonic()

    @contextmanager
    def _stream(self) -> Iterator[None]:
        if self._streams >= self._limits.max_streams:
            raise LimitExceeded(
                f"{self._limits.max_streams} streams are open, which is the limit of this server. "
                "Close a window that watches a job, then try again."
            )
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
            self._last_call_s = time.monotonic()


def _serialize(answer: Message | bytes) -> bytes:
    """Return an answer's bytes; one that carries much has been made into bytes by a thread already."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


async def _turn_away(requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, STRANGER)
    yield

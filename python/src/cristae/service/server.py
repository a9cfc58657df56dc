"""Starting, running and stopping the server."""

import asyncio
import contextlib
import ipaddress
import json
import logging
import logging.handlers
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil

from cristae import __version__
from cristae.computing import prepare_to_pass_blocks
from cristae.errors import InvalidInput
from cristae.jobs.journal import Journal
from cristae.jobs.leftovers import Leftovers
from cristae.jobs.previewer import Previewer
from cristae.jobs.supervisor import Supervisor
from cristae.locking import FileLock
from cristae.models import ModelLibrary
from cristae.service.buffers import keep_buffers
from cristae.service.devices import Devices
from cristae.service.gate import Gate, largest_message
from cristae.service.house import House
from cristae.service.jobs_service import Jobs
from cristae.service.models_service import Models, Server
from cristae.service.previews_service import Previews
from cristae.service.token import read_or_make_token
from cristae.service.volumes_service import Volumes
from cristae.settings import MIB, Home, Limits
from cristae.v1 import (
    jobs_pb2_grpc,
    models_pb2_grpc,
    previews_pb2_grpc,
    server_pb2_grpc,
    volumes_pb2_grpc,
)
from cristae.volumes import VolumeStore
from cristae.volumes.data_root import DataRoot
from cristae.volumes.durable import write_file_durably

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_GOODBYE_S = 2.0
_ENDING_S = 20.0  # its workers are ended after 10 s


@dataclass(frozen=True)
class Options:
    """How a server is to run; see :func:`serve`."""

    host: str = "127.0.0.1"
    port: int = 0
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    stop_with: int | None = None
    data_root: Path | None = None
    limits: Limits = field(default_factory=Limits)
    worker_command: Sequence[str] | None = None


def serve(
    home: Home,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
    stop_with: int | None = None,
    data_root: Path | None = None,
    limits: Limits | None = None,
    worker_command: Sequence[str] | None = None,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Run the server of a home until a signal or its watchdog ends it.

    Parameters
    ----------
    home
        Everything is kept here; one server runs on a home.
    host, port
        Where to listen; port 0 takes a free one. Beyond loopback only with TLS.
    tls_certificate, tls_key
        PEM files: the server's certificate chain and its private key.
    stop_with
        The id of a process: once it has gone and no job runs, the server ends after ``limits.stop_grace_s``.
        Such a server waits for one before it that is ending.
    data_root
        A folder whose images everyone with the token may list and read, without sending them.
    limits
        How much it takes.
    worker_command
        The program of a worker, if not ``cristae.worker``; tests put a quicker one in its place.
    on_ready
        Called once with the address, when the server answers.

    Raises
    ------
    Busy
        If another server runs on this home; the sentence says which.
    InvalidInput
        If it would listen beyond loopback without TLS, or cannot listen there; or the data root is no folder,
        or holds the home.
    """
    limits = limits or Limits.from_environment()
    options = Options(host, port, tls_certificate, tls_key, stop_with, data_root, limits, worker_command)
    credentials = _credentials(options)
    root = _checked_root(home, options)
    prepare_to_pass_blocks()
    # Also in a home that was made by hand: what the server and its workers write is its owner's alone.
    os.umask(0o077)
    home.make()
    lock = FileLock(
        home.lock_file, f"The home {home.root} is in use by the process {{holder}}; end that one first."
    )
    # A program starts a server when none answers: one that holds the home all the same is just ending.
    lock.acquire(wait_s=0.0 if stop_with is None else _ENDING_S)
    try:
        with _logging_to(home.log_file):
            asyncio.run(_run(home, options, root, credentials, on_ready))
    finally:
        lock.release()


def _checked_root(home: Home, options: Options) -> DataRoot | None:
    """Return the data root; refuse one that would offer what the server keeps for itself."""
    if options.data_root is None:
        return None
    root = DataRoot(options.data_root)
    own = Path(os.path.realpath(home.root))
    if root.folder == own or root.folder in own.parents or own in root.folder.parents:
        raise InvalidInput(
            f"The data root {root.folder} and the home {home.root} lie in each other. Give the folder of the "
            "images that others may use, apart from the home."
        )
    return root


def _credentials(options: Options) -> grpc.ServerCredentials | None:
    """Return the TLS credentials, None for plain loopback; refuse everything in between."""
    certificate, key = options.tls_certificate, options.tls_key
    if (certificate is None) != (key is None):
        raise InvalidInput("TLS needs both a certificate and its key: --tls-certificate FILE --tls-key FILE.")
    if certificate is None or key is None:
        if not _is_loopback(options.host):
            raise InvalidInput(
                f"Listening on {options.host} lets other computers in, which needs TLS: give "
                "--tls-certificate and --tls-key. Or stay on 127.0.0.1 and come through an SSH tunnel."
            )
        return None
    try:
        pair = key.read_bytes(), certificate.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The TLS file {error.filename} cannot be read: {error.strerror}.") from error
    _check_pair(certificate, key)
    return grpc.ssl_server_credentials([pair])


def _check_pair(certificate: Path, key: Path) -> None:
    """Refuse files that gRPC cannot use: it would only say that it cannot listen."""
    try:
        # Without a function the system would ask for the password of a key at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InvalidInput(f"The key {key} is not the one of the certificate {certificate}.") from error
        raise InvalidInput(
            f"{certificate} and {key} are no TLS certificate and key that can be used (PEM, the key without "
            f"a password): {error.reason or 'they cannot be read'}."
        ) from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=4 * MIB, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("cristae")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


async def _run(
    home: Home,
    options: Options,
    root: DataRoot | None,
    credentials: grpc.ServerCredentials | None,
    on_ready: Callable[[str], None],
) -> None:
    keep_buffers()
    token = read_or_make_token(home.token_file)
    journal = Journal(home.journal_file)
    limits = options.limits
    store = VolumeStore(
        home.root, max_open_uploads=limits.max_open_uploads, free_floor_bytes=limits.free_floor_bytes
    )
    devices = Devices()
    leftovers = Leftovers(home, journal, store, limits.staging_kept_s)
    previewer = Previewer(home, limits, options.worker_command)
    supervisor = Supervisor(
        home,
        journal,
        leftovers,
        worker_command=options.worker_command,
        make_room=previewer.make_room,
        data_root=None if root is None else root.folder,
    )

    async def use(found: Devices) -> None:
        supervisor.use(await found.names(), complete=found.complete)

    house = House(
        home, limits, store, ModelLibrary(home.models), journal, supervisor, devices, previewer, root
    )
    gate = Gate(token, home.root, limits)
    server = _build(house, gate, options)
    address = f"[{options.host}]" if ":" in options.host else options.host
    try:
        _try_listening(options.host, options.port)
        if credentials is None:
            port = server.add_insecure_port(f"{address}:{options.port}")
        else:
            port = server.add_secure_port(f"{address}:{options.port}", credentials)
    except (OSError, RuntimeError) as error:
        raise InvalidInput(
            f"The server cannot listen on {address}:{options.port}: another program does, or this computer "
            "has no such address. Choose another port, or another host."
        ) from error
    end = asyncio.Event()
    with _ending_on_signals(end):
        await supervisor.start()
        await server.start()
        _announce(home, f"{address}:{port}", tls=credentials is not None)
        _log.info("Cristae %s listens on %s:%s, process %s", __version__, address, port, os.getpid())
        on_ready(f"{address}:{port}")
        background = [asyncio.create_task(devices.keep_looking(use))]
        background.append(asyncio.create_task(house.look_at_extensions()))
        background.append(asyncio.create_task(_keep_house(leftovers)))
        if options.stop_with is not None:
            background.append(asyncio.create_task(_watch_over(options, supervisor, gate, end)))
        try:
            await end.wait()
        finally:
            _log.info("The server stops")
            home.server_file.unlink(missing_ok=True)
            for task in background:
                task.cancel()
            await previewer.close()
            await supervisor.stop()
            await server.stop(_GOODBYE_S)
            house.close()
            journal.close()


def _try_listening(host: str, port: int) -> None:
    """Raise OSError if nothing can listen there; gRPC would first print a line of its own about that."""
    failures = []
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, place in places:
        try:
            with socket.socket(family, kind, protocol) as trial:
                if os.name != "nt":  # there it would let two programs listen on one port
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(place)
        except OSError as error:
            failures.append(error)
    if len(failures) == len(places):
        raise failures[0]


def _build(house: House, gate: Gate, options: Options) -> grpc.aio.Server:
    limits = options.limits
    keepalive_ms = int(limits.keepalive_s * 1000)
    server = grpc.aio.server(
        interceptors=[gate],
        maximum_concurrent_rpcs=limits.max_calls,
        options=[
            ("grpc.so_reuseport", 0),
            # The gate refuses requests of other calls that are larger than theirs may be.
            ("grpc.max_receive_message_length", largest_message(limits)),
            ("grpc.max_send_message_length", largest_message(limits)),
            ("grpc.max_metadata_size", 16 * 1024),
            ("grpc.keepalive_time_ms", keepalive_ms),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ],
    )
    stops = options.stop_with is not None
    volumes_pb2_grpc.add_VolumesServicer_to_server(Volumes(house), server)
    jobs_pb2_grpc.add_JobsServicer_to_server(Jobs(house), server)
    models_pb2_grpc.add_ModelsServicer_to_server(Models(house), server)
    previews_pb2_grpc.add_PreviewsServicer_to_server(Previews(house), server)
    server_pb2_grpc.add_ServerServicer_to_server(Server(house, stops_with_client=stops), server)
    return server


def _announce(home: Home, address: str, *, tls: bool) -> None:
    """Tell clients of this home where the server is, and how to start the next one."""
    command = launch_command()
    about = {"address": address, "pid": os.getpid(), "version": __version__, "command": command, "tls": tls}
    write_file_durably(home.launcher_file, json.dumps({"command": command}).encode())
    write_file_durably(home.server_file, json.dumps(about).encode())


def launch_command() -> list[str]:
    """Return the words that start this Cristae again, to be followed by ``serve`` and its options."""
    return [sys.executable, "-m", "cristae.cli"]


async def _keep_house(leftovers: Leftovers) -> None:
    """Throw away what nobody needs any more, at the start and every hour."""
    while True:
        try:
            await asyncio.to_thread(leftovers.sweep)
        except Exception:
            _log.exception("What nobody needs any more could not be thrown away; trying again in an hour")
        await asyncio.sleep(3600.0)


async def _watch_over(options: Options, supervisor: Supervisor, gate: Gate, end: asyncio.Event) -> None:
    """End the server some time after the process that wanted it has gone and no job waits or runs.

    Another client may use it then, for example to send a stack: as long as anybody calls, it stays.
    """
    try:
        client = psutil.Process(options.stop_with)
    except psutil.NoSuchProcess:
        client = None
    idle_since: float | None = None
    while not end.is_set():
        await asyncio.sleep(min(_LOOK_EVERY_S, options.limits.stop_grace_s))
        # is_running knows the process from a later one with the same id.
        gone = client is None or not client.is_running() or client.status() == psutil.STATUS_ZOMBIE
        in_use = gate.quiet_s < min(options.limits.stop_grace_s, 2 * _LOOK_EVERY_S)
        if in_use or not (gone and await supervisor.is_idle()):
            idle_since = None
        elif idle_since is None:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since >= options.limits.stop_grace_s:
            _log.info("The process %s has gone and no job runs", options.stop_with)
            end.set()


@contextlib.contextmanager
def _ending_on_signals(end: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(end.set)) for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

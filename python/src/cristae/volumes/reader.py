"""Images under a data root, read through a process that may be thrown away.

What a stranger wrote may ask for any amount of memory, or break a decoder: it is opened and read in a child
of bounded memory (:mod:`cristae.volumes.reader_process`), and an answer is waited for a bounded time.
"""

import contextlib
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from cristae.errors import CorruptData, CristaeError, InvalidInput, LimitExceeded, NotFound
from cristae.geometry import Box, grid
from cristae.settings import GIB, MIB
from cristae.volumes.data_root import DataRoot
from cristae.volumes.image import Doubt, Voxels, check_box
from cristae.volumes.reader_process import MAY_PASS
from cristae.volumes.spec import VoxelSize, check_shape

_LONGEST_LINE = 4 * MIB
_MOST_TOGETHER = 256 * MIB
_PIPE_BYTES = MIB
"""So much passes before the two processes must take turns, where the system allows it."""
_STOPS = "The server stops; nothing is read under its data root any more."
_NOT_STARTED = (
    "The process that reads under the data root did not start. Try again when the server has less to do."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How much memory a reading process may use, and how long its answers may take, in seconds."""

    memory_bytes: int = 4 * GIB
    start_s: float = 180.0  # a disk that many share may take long to give Python and the libraries
    look_s: float = 30.0
    open_s: float = 600.0
    read_s: float = 300.0


@dataclass(frozen=True)
class Looked:
    """What a file holds: an image, or why it cannot be read (``problem``); ``dtype`` is that of the file."""

    key: str
    shape_czyx: tuple[int, int, int, int] = (0, 0, 0, 0)
    dtype: str = ""
    voxel_size: VoxelSize | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Opened:
    """An open image: which of the processes that a reader has started has it, and its number there."""

    generation: int
    number: int


class ReadingEnded(CristaeError):
    """The reading process died or was too slow, or the disk failed: the file is damaged, or it may pass."""

    code = InvalidInput.code


_KNOWN: dict[str, type[CristaeError]] = {
    MAY_PASS: ReadingEnded,
    **{kind.code: kind for kind in (InvalidInput, LimitExceeded, NotFound, CorruptData)},
}


class Reader:
    """A process that opens and reads what lies under a data root; it is started when it is first asked.

    One at a time may ask. After it has died, the next question starts another one, in which nothing is open.
    """

    def __init__(self, root: DataRoot, patience: Patience | None = None) -> None:
        self.root = root
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._generation = 0
        self._is_aborted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def abort(self) -> None:
        """End the process at once, even while somebody waits for its answer, and start none any more."""
        self._is_aborted = True
        process = self._process
        if process is not None:
            process.kill()

    def look(self, name: str) -> list[Looked]:
        """Return what a file or folder holds; [] for a folder of stacks, each an image of its own.

        Raises
        ------
        CristaeError
            It cannot be read, or reading it ended the process.
        """
        told = self._ask({"look": name}, self._patience.look_s)
        return [_looked(about) for about in told["images"]]

    def open(self, name: str, key: str = "", title: str = "") -> "DistantImage":
        """Open an image.

        Raises
        ------
        CristaeError
            It cannot be read, or reading it ended the process.
        """
        told = self._ask({"open": name, "key": key}, self._patience.open_s)
        about = _looked({"key": key, **told["image"]})
        opened = Opened(told["generation"], told["number"])
        return DistantImage(self, opened, about, told["state"], title)

    def state(self, name: str) -> str:
        """Return what :func:`cristae.volumes.states.state_of` says now."""
        return str(self._ask({"state": name}, self._patience.open_s)["state"])

    def read(self, opened: "Opened", box_zyx: Box, voxels: Voxels) -> None:
        """Fill an array with the voxels of a box of an open image."""
        wish = {"read": opened.number, "start": box_zyx.start, "stop": box_zyx.stop}
        self._ask(wish, self._patience.read_s, voxels, opened.generation)

    def _ask(
        self,
        wish: dict[str, Any],
        longest_s: float,
        voxels: Voxels | None = None,
        generation: int | None = None,
    ) -> dict[str, Any]:
        """Ask the process; one of a certain generation only, where the wish is about what is open in it."""
        with self._lock:
            process = self._running()
            if generation not in (None, self._generation):
                raise ReadingEnded(
                    "Something ended the process that read it, and what was open in it is closed. Open the "
                    "image again."
                )
            told = self._wait_for(lambda: _conversation(process, wish, voxels), longest_s, process)
            told["generation"] = self._generation
        _log_trace(told)
        if "sentence" in told:
            raise _KNOWN.get(told["code"], InvalidInput)(told["sentence"])
        return told

    def _wait_for(
        self,
        conversation: Callable[[], dict[str, Any]],
        longest_s: float,
        process: "subprocess.Popen[bytes]",
    ) -> dict[str, Any]:
        """Return what a conversation with the process gave; end the process if that takes too long."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(longest_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            return conversation()
        except (OSError, ValueError, EOFError) as error:
            status = self._end()
            raise ReadingEnded(_why(late.is_set(), longest_s, status)) from error
        finally:
            timer.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None and not self._is_aborted:
            return self._process
        self._end()
        if self._is_aborted:
            raise ReadingEnded(_STOPS)
        process = self._process = self._started()
        self._generation += 1
        if self._is_aborted:  # asked again, now that abort() knows the process
            process.kill()
        try:
            self._wait_for(lambda: _answer_of(process), self._patience.start_s, process)
        except ReadingEnded as error:
            raise ReadingEnded(_STOPS if self._is_aborted else _NOT_STARTED) from error
        return process

    def _started(self) -> subprocess.Popen[bytes]:
        words = [str(self.root.folder), str(self._patience.memory_bytes), str(os.getpid())]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own process
                # -P: the folder where the server was started may hold a zarr.py.
                [sys.executable, "-P", "-m", "cristae.volumes.reader_process", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise ReadingEnded(_NOT_STARTED) from error
        _widen(process.stdin, process.stdout)
        return process

    def _end(self) -> int:
        """End the process and return its exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            return process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _widen(*pipes: IO[bytes] | None) -> None:
    """Let much pass through pipes at once. That is Linux's, and a user may have used up what it grants."""
    if sys.platform == "linux":
        import fcntl

        for pipe in pipes:
            with contextlib.suppress(OSError):
                if pipe is not None:
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _conversation(
    process: "subprocess.Popen[bytes]", wish: dict[str, Any], voxels: Voxels | None
) -> dict[str, Any]:
    """Say a wish and return the answer; raise OSError or ValueError if none comes."""
    assert process.stdin is not None  # noqa: S101
    process.stdin.write(json.dumps(wish).encode() + b"\n")
    process.stdin.flush()
    return _answer_of(process, voxels)


def _answer_of(process: "subprocess.Popen[bytes]", voxels: Voxels | None = None) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101
    line = process.stdout.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError("no answer") if not line else ValueError("too long an answer")
    told = json.loads(line)
    if "bytes" in told:
        if voxels is None or told["bytes"] != voxels.nbytes:
            raise ValueError("other voxels than were asked for")
        left = memoryview(voxels).cast("B")
        while left:
            count = process.stdout.readinto(left)  # type: ignore[attr-defined]
            if not count:
                raise OSError("cut off")
            left = left[count:]
    return dict(told)


def _why(late: bool, longest_s: float, status: int) -> str:
    if late:
        return f"To read it took longer than {longest_s:.0f} s. It is damaged, or its disk does not answer."
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return (
        f"To read it ended the process that did it ({how}). It is damaged, or wants more "
        "memory than a file under the data root may take."
    )


def _log_trace(told: dict[str, Any]) -> None:
    if "trace" in told:
        _log.warning("A file under the data root was not understood:\n%s", "\n".join(told["trace"]))


def _looked(about: dict[str, Any]) -> Looked:
    """Return what a child told, checked: it has read what a stranger wrote."""
    _log_trace(about)
    if "problem" in about:
        return Looked(str(about["key"]), problem=str(about["problem"]))
    try:
        dtype, size = np.dtype(str(about["dtype"])), about["voxel_size_nm"]
        if dtype.kind not in "biuf":
            raise InvalidInput(f"It holds voxels of type {dtype}; numbers are needed.")
        return Looked(
            key=str(about["key"]),
            shape_czyx=check_shape(tuple(map(int, about["shape_czyx"]))),
            dtype=dtype.name,
            voxel_size=None if size is None else _voxel_size(size, about["display_unit"]),
            notes=tuple(_noted(about)),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReadingEnded("What the process that read it told of it makes no sense.") from error


def _noted(about: dict[str, Any]) -> Iterator[str]:
    """Yield the notes; listings have further ones, of the listing, behind those of the image."""
    for note, is_doubt in itertools.zip_longest(map(str, about["notes"]), about["doubts"]):
        yield Doubt(note) if is_doubt else note


def _voxel_size(zyx_nm: Any, display_unit: Any) -> VoxelSize:
    z, y, x = map(float, zyx_nm)
    return VoxelSize(z, y, x, display_unit=str(display_unit))


class DistantImage:
    """An image under a data root, with the number type of its file; its voxels come from a reader's process.

    Attributes
    ----------
    state
        That of its files before it was opened.
    """

    def __init__(self, reader: Reader, opened: Opened, about: Looked, state: str, title: str) -> None:
        self._reader, self._opened = reader, opened
        self.shape_czyx, self.voxel_size = about.shape_czyx, about.voxel_size
        self.dtype: np.dtype[Any] = np.dtype(about.dtype)
        self.notes, self.name, self.state = about.notes, title, state

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array; large ones come piece by piece."""
        check_box(box_zyx, self.shape_czyx)
        channels = self.shape_czyx[0]
        voxels = np.empty((channels, *box_zyx.shape), self.dtype)
        if voxels.nbytes <= _MOST_TOGETHER:
            self._read(box_zyx, voxels)
            return voxels
        depth, rows, columns = box_zyx.shape
        row_bytes = channels * columns * self.dtype.itemsize
        sections = min(depth, max(1, _MOST_TOGETHER // (row_bytes * rows)))
        piece_rows = rows if sections > 1 else min(rows, max(1, _MOST_TOGETHER // row_bytes))
        for piece in grid((depth, rows, columns), (sections, piece_rows, columns)):
            part = np.empty((channels, *piece.shape), self.dtype)
            self._read(piece.shifted(box_zyx.start), part)
            voxels[(slice(None), *piece.slices)] = part
        return voxels

    def _read(self, box_zyx: Box, voxels: Voxels) -> None:
        try:
            self._reader.read(self._opened, box_zyx, voxels)
        except ReadingEnded as error:
            raise CorruptData(
                f"The box {box_zyx} (z, y, x) of {self.name} cannot be read. {error.sentence}"
            ) from error

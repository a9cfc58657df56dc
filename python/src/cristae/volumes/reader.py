"""Images under a data root, read through a process that may be thrown away.

What a stranger wrote may ask for any amount of memory, or break a decoder: it is opened and read in a child
of bounded memory (:mod:`cristae.volumes.reader_process`), and an answer is waited for a bounded time.
"""

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from cristae.errors import CorruptData, CristaeError, InvalidInput, LimitExceeded, NotFound
from cristae.geometry import Box, grid
from cristae.settings import GIB, MIB
from cristae.volumes.data_root import DataRoot
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.spec import VoxelSize, check_shape

_LONGEST_LINE = 4 * MIB
_MOST_TOGETHER = 256 * MIB
_PIPE_BYTES = MIB
"""So much passes before the two processes must take turns, where the system allows it."""
_KNOWN = {kind.code: kind for kind in (InvalidInput, LimitExceeded, NotFound, CorruptData)}


@dataclass(frozen=True)
class Patience:
    """How much memory a reading process may use, and how long its answers may take, in seconds."""

    memory_bytes: int = 4 * GIB
    look_s: float = 60.0  # on a busy machine most of it goes into starting the process
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


class ReadingEnded(CristaeError):
    """The reading process died or was too slow: the file is no real image, or damaged."""

    code = InvalidInput.code


class Reader:
    """A process that opens and reads what lies under a data root; it is started when it is first asked.

    One at a time may ask. After it has died, the next question starts another one, in which nothing is open.
    """

    def __init__(self, root: DataRoot, patience: Patience | None = None) -> None:
        self.root = root
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

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
        return DistantImage(self, told["number"], about, told["state"], title)

    def state(self, name: str) -> str:
        """Return what :func:`cristae.volumes.states.state_of` says now."""
        return str(self._ask({"state": name}, self._patience.open_s)["state"])

    def read(self, number: int, box_zyx: Box, voxels: Voxels) -> None:
        """Fill an array with the voxels of a box of an open image."""
        wish = {"read": number, "start": box_zyx.start, "stop": box_zyx.stop}
        self._ask(wish, self._patience.read_s, voxels)

    def _ask(self, wish: dict[str, Any], longest_s: float, voxels: Voxels | None = None) -> dict[str, Any]:
        with self._lock:
            process = self._running()
            late = threading.Event()

            def give_up() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(longest_s, give_up)
            timer.daemon = True
            timer.start()
            try:
                told = _conversation(process, wish, voxels)
            except (OSError, ValueError, EOFError) as error:
                status = self._end()
                raise ReadingEnded(_why(late.is_set(), longest_s, status)) from error
            finally:
                timer.cancel()
        if "sentence" in told:
            raise _KNOWN.get(told["code"], InvalidInput)(told["sentence"])
        return told

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            words = [str(self.root.folder), str(self._patience.memory_bytes)]
            self._process = subprocess.Popen(  # noqa: S603 - our own process
                # -P: the folder where the server was started may hold a zarr.py.
                [sys.executable, "-P", "-m", "cristae.volumes.reader_process", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pipesize=_PIPE_BYTES,
            )
        return self._process

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


def _conversation(
    process: "subprocess.Popen[bytes]", wish: dict[str, Any], voxels: Voxels | None
) -> dict[str, Any]:
    """Say a wish and return the answer; raise OSError or ValueError if none comes."""
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(json.dumps(wish).encode() + b"\n")
    process.stdin.flush()
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


def _looked(about: dict[str, Any]) -> Looked:
    """Return what a child told, checked: it has read what a stranger wrote."""
    if "problem" in about:
        return Looked(str(about["key"]), problem=str(about["problem"]))
    dtype = np.dtype(str(about["dtype"]))
    if dtype.kind not in "biuf":
        raise InvalidInput(f"It holds voxels of type {dtype}; numbers are needed.")
    size = about["voxel_size_nm"]
    return Looked(
        key=str(about["key"]),
        shape_czyx=check_shape(tuple(about["shape_czyx"])),
        dtype=dtype.name,
        voxel_size=None if size is None else _voxel_size(size, about["display_unit"]),
        notes=tuple(map(str, about["notes"])),
    )


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

    def __init__(self, reader: Reader, number: int, about: Looked, state: str, title: str) -> None:
        self._reader, self._number = reader, number
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
            self._reader.read(self._number, box_zyx, voxels)
        except ReadingEnded as error:
            raise CorruptData(
                f"The box {box_zyx} (z, y, x) of {self.name} cannot be read. {error.sentence}"
            ) from error

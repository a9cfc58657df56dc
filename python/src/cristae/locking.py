"""Locks between processes that the operating system takes back when their holder dies, however it dies."""

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from cristae.errors import Busy


class FileLock:
    """An exclusive lock on a file, which says who holds it. Two holders in one process exclude each other.

    Parameters
    ----------
    path
        The lock file, in a folder that is there.
    busy
        The sentence for the person, if another one holds the lock; ``{holder}`` in it is the number of its
        process.
    passing
        True removes the file when the lock is given back; False leaves it there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with FileLock(Path(folder) / "lock", "This home is used by the process {holder}."):
    ...         pass
    """

    def __init__(self, path: Path, busy: str, *, passing: bool = False) -> None:
        self._path, self._busy, self._passing = path, busy, passing
        self._file: int | None = None

    def acquire(self, wait_s: float = 0.0) -> Self:
        """Take the lock; try again for ``wait_s`` seconds if another process holds it.

        Raises
        ------
        Busy
            Another one still holds it.
        """
        deadline = time.monotonic() + wait_s
        file = self._opened()
        while not (_try_lock(file) and self._is_at_its_path(file)):
            if not self._is_at_its_path(file):
                # Its holder removed it: a lock on a file without a name keeps nobody out.
                os.close(file)
                file = self._opened()
                continue
            if time.monotonic() >= deadline:
                holder = _read_holder(file)
                os.close(file)
                raise Busy(self._busy.replace("{holder}", holder))
            time.sleep(0.02)
        try:
            os.ftruncate(file, _HOLDER_AT)
            os.lseek(file, _HOLDER_AT, os.SEEK_SET)
            os.write(file, f"{os.getpid()}\n".encode())
        except OSError:
            os.close(file)
            raise
        self._file = file
        return self

    def release(self) -> None:
        """Give the lock back; doing so twice is the same as once."""
        if self._file is None:
            return
        if self._passing and sys.platform != "win32":
            # While it is still locked: who waits for it sees, when it gets the lock, that the file is gone.
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None
        if self._passing and sys.platform == "win32":
            with contextlib.suppress(OSError):  # Windows keeps a file that another one has opened
                self._path.unlink()

    def __del__(self) -> None:
        """Give back what was dropped; the file stays."""
        if self._file is not None:
            os.close(self._file)

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)

    def _is_at_its_path(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


# Windows keeps others from reading the locked byte, so the holder's name stands behind it.
_HOLDER_AT = 1

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        os.lseek(file, 0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _read_holder(file: int) -> str:
    for _ in range(20):  # the holder may be between taking the lock and writing its name
        with contextlib.suppress(OSError):
            os.lseek(file, _HOLDER_AT, os.SEEK_SET)
            holder = os.read(file, 20).decode("ascii", "replace").strip("\0 \n")
            if holder.isdigit():
                return holder
        time.sleep(0.02)
    return "that took it first"

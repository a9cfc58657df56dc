"""A lock on a file that the system gives back when its holder dies, however it dies."""

import os
import sys
from pathlib import Path

from cristae.errors import Busy

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """An exclusive lock between processes, and between two holders in one process.

    Parameters
    ----------
    path
        The lock's file; it stays behind.
    busy_sentence
        What the person reads if another one holds the lock.

    Raises
    ------
    Busy
        Another one holds it.
    """

    def __init__(self, path: Path, busy_sentence: str) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            self._descriptor = None
            raise Busy(busy_sentence) from error

    def release(self) -> None:
        """Give it back; closing the file does that on every system."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

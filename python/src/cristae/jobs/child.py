"""A process of ours beside the server: started, told to end, ended, with all that it started itself."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class ChildProcess:
    """A started process, with pipes to its standard input and from its standard output.

    It has its own process group, so that Ctrl-C in the server's terminal does not reach it and that its own
    children end with it. Plain pipes and one reading thread work the same on every platform and with every
    event loop.

    Parameters
    ----------
    command
        The program and its arguments.
    log
        What it writes to standard error is appended here.
    environment
        Its environment.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own worker, nothing a client said
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # Not where the server was started: that folder may be deleted, or hold a torch.py.
                cwd=log.parent,
                env=dict(environment),
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self._input_lock = threading.Lock()
        self.log = log

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Tell whether it has ended."""
        return self._process.poll() is not None

    def interrupt(self) -> None:
        """Close its input: it saves what is needed to go on later, and ends."""
        with self._input_lock:
            _close(self._process.stdin)

    def terminate(self) -> None:
        """Tell it and its children to end now."""
        if sys.platform == "win32":
            self._process.terminate()
        else:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its children."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # Popen.poll holds the pid until it has been waited for, so that the signal cannot reach a stranger.
        if sys.platform != "win32" and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def wait(self, patience_s: float) -> int:
        """Wait for the end, which is forced after ``patience_s`` seconds, and return the exit status."""
        self.interrupt()
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def _send(self, *parts: bytes) -> None:
        with self._input_lock:
            pipe = self._process.stdin
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(OSError):  # it has died; the reader will notice
                    for part in parts:
                        pipe.write(part)
                    pipe.flush()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None and not pipe.closed:
        with contextlib.suppress(OSError):
            pipe.close()


def status_told(status: int) -> str:
    """Say how a process ended.

    Examples
    --------
    >>> status_told(-9), status_told(3)
    ('signal 9', 'exit status 3')
    """
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def last_lines(log: Path, count: int = 50, most_bytes: int = 16 * 1024) -> str:
    """Return the last lines of a log, as much as fits into ``most_bytes``."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most_bytes))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return "(no log)"

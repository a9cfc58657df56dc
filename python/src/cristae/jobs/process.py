"""One worker process, seen from the server: started, listened to, asked to end, told to end, ended."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from cristae.errors import CorruptData
from cristae.jobs.protocol import CANCEL, MAX_LINE, Message, Order, order_line, parse_message


class WorkerProcess:
    """A started worker.

    It has its own process group, so that Ctrl-C in the server's terminal does not reach it and that its own
    children end with it. Plain pipes and one reading thread work the same on every platform and with every
    event loop.

    Parameters
    ----------
    command
        The program and its arguments.
    order
        Sent as the first line.
    log
        What the worker writes to standard error is appended here.
    environment
        The worker's environment.
    """

    def __init__(
        self, command: Sequence[str], order: Order, log: Path, environment: Mapping[str, str]
    ) -> None:
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
        self._messages: queue.Queue[Message | None] = queue.Queue(maxsize=256)
        self._input_lock = threading.Lock()
        self.log = log
        self._send(order_line(order))
        threading.Thread(target=self._read, name=f"worker-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101
        with output:
            try:
                while line := output.readline(MAX_LINE + 1):
                    self._messages.put(parse_message(line))
            except CorruptData as error:
                with self.log.open("a", encoding="utf-8") as log:
                    log.write(f"{error.sentence} The worker was ended.\n")
                self.kill()
        self._messages.put(None)

    def next_message(self, wait_s: float | None = None) -> Message | None:
        """Return the next message, None after the last one.

        Raises
        ------
        TimeoutError
            If none came within ``wait_s`` seconds.
        """
        try:
            return self._messages.get(timeout=wait_s)
        except queue.Empty as error:
            raise TimeoutError from error

    def cancel(self) -> None:
        """Ask the worker to end; nothing has to be saved."""
        self._send(CANCEL)

    def interrupt(self) -> None:
        """Ask the worker to save what is needed to go on later, and to end."""
        with self._input_lock:
            _close(self._process.stdin)

    def terminate(self) -> None:
        """Tell the worker and its children to end now."""
        if sys.platform == "win32":
            self._process.terminate()
        else:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and its children."""
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

    def _send(self, line: bytes) -> None:
        with self._input_lock:
            pipe = self._process.stdin
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(OSError):  # it has died; the reader will notice
                    pipe.write(line)
                    pipe.flush()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None and not pipe.closed:
        with contextlib.suppress(OSError):
            pipe.close()


def last_lines(log: Path, count: int = 50, most_bytes: int = 16 * 1024) -> str:
    """Return the last lines of a log, as much as fits into ``most_bytes``."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most_bytes))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return "(no log)"

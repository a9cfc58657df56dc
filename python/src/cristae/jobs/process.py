"""One worker process, seen from the server: started, listened to, asked to end, told to end, ended."""

import queue
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from cristae.errors import CorruptData
from cristae.jobs.child import ChildProcess
from cristae.jobs.protocol import CANCEL, FINISH, MAX_LINE, Message, Order, order_line, parse_message


class WorkerProcess(ChildProcess):
    """A started worker.

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
        super().__init__(command, log, environment)
        self._messages: queue.Queue[Message | None] = queue.Queue(maxsize=256)
        self._send(order_line(order))
        threading.Thread(target=self._read, name=f"worker-{self.pid}", daemon=True).start()

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

    def finish(self) -> None:
        """Ask the worker to end early and keep the best that it has."""
        self._send(FINISH)

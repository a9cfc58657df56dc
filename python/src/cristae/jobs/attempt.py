"""One attempt at a job: a worker is started, heard to its end, and ended on request. It runs in a thread."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cristae.events import Event, Progress
from cristae.jobs.child import status_told
from cristae.jobs.process import WorkerProcess
from cristae.jobs.protocol import Ending, Order

_PROGRESS_EVERY_S = 0.25


@dataclass(frozen=True)
class Patience:
    """How long the supervisor waits, in seconds, and how many deaths of a worker it takes.

    ``terminate_s`` after a polite request the worker is told to end, ``kill_s`` after it, it is ended. A job
    whose worker died more than ``max_crashes`` times has failed; each attempt waits twice as long as the one
    before.
    """

    terminate_s: float = 5.0
    kill_s: float = 10.0
    max_crashes: int = 5
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: the worker's last word (None if it died without one), and how it ended."""

    ending: Ending | None
    status: str


class Attempt:
    """One attempt at a job.

    Parameters
    ----------
    command
        The program of a worker and its arguments.
    order
        What it is to do.
    log
        Where its standard error goes.
    environment
        Its environment.
    patience
        How long to wait after a request to end.
    tell
        Called in the thread of :meth:`run` with every event; progress comes at most four times a second.
    """

    def __init__(
        self,
        command: Sequence[str],
        order: Order,
        log: Path,
        environment: Mapping[str, str],
        patience: Patience,
        tell: Callable[[Event], None],
    ) -> None:
        self._command, self._order, self.log, self._environment = command, order, log, environment
        self._patience, self._tell = patience, tell
        self._lock = threading.Lock()
        self._process: WorkerProcess | None = None
        self._asked: str | None = None
        self._is_to_finish = False
        self._timers: list[threading.Timer] = []

    def run(self) -> Outcome:
        """Start the worker, hear it to its end, and return what became of it."""
        try:
            with self._lock:
                process = WorkerProcess(self._command, self._order, self.log, self._environment)
                self._process = process
                if self._is_to_finish:
                    process.finish()
                if self._asked is not None:
                    self._insist(process)
        except OSError as error:
            return Outcome(None, f"could not be started ({error.strerror})")
        try:
            return self._follow(process)
        finally:
            with self._lock:
                self._process = None
                for timer in self._timers:
                    timer.cancel()

    def end(self, *, cancelled: bool) -> None:
        """Ask the worker to end (cancelled: for good; else: to go on later), then tell it, then end it."""
        with self._lock:
            if self._asked == "cancel" or (self._asked and not cancelled):
                return
            self._asked = "cancel" if cancelled else "interrupt"
            if self._process is not None:
                self._insist(self._process)

    def finish(self) -> None:
        """Ask the worker to end early and keep the best that it has; it takes its time."""
        with self._lock:
            self._is_to_finish = True
            if self._process is not None:
                self._process.finish()

    def _insist(self, process: WorkerProcess) -> None:
        if self._asked == "cancel":
            process.cancel()
        else:
            process.interrupt()
        for wait_s, act in (
            (self._patience.terminate_s, process.terminate),
            (self._patience.kill_s, process.kill),
        ):
            timer = threading.Timer(wait_s, act)
            timer.daemon = True
            timer.start()
            self._timers.append(timer)

    def _follow(self, process: WorkerProcess) -> Outcome:
        progress = _Latest(self._tell)
        while True:
            try:
                message = process.next_message(progress.due_in_s())
            except TimeoutError:
                progress.flush()
                continue
            if isinstance(message, Progress):
                progress.hold(message)
                continue
            progress.flush()
            if message is None or isinstance(message, Ending):
                break
            self._tell(message)
        status = process.wait(self._patience.kill_s)
        return Outcome(message, status_told(status))


class _Latest:
    """Passes progress on at most every quarter of a second, and never keeps the latest for longer."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._held: Progress | None = None
        self._told_s = -_PROGRESS_EVERY_S

    def due_in_s(self) -> float | None:
        if self._held is None:
            return None
        return max(0.0, self._told_s + _PROGRESS_EVERY_S - time.monotonic())

    def hold(self, progress: Progress) -> None:
        self._held = progress
        if self.due_in_s() == 0.0:
            self.flush()

    def flush(self) -> None:
        if self._held is not None:
            self._tell(self._held)
            self._held, self._told_s = None, time.monotonic()

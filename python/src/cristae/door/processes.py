"""Processes of this machine that take functions, one pipe to each of them.

The pools of the standard library have one pipe for all results, with a lock: a process that is killed while
it sends one (by the system, when memory runs out) holds the lock for ever, and all wait for it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Lock
from typing import Any

from cristae.door.unit_work import prepare_process

_log = logging.getLogger(__name__)
_spawning = get_context("spawn")
_starting = Lock()

_PATIENCE_S = 10.0
"""A process without a task ends at once."""


class ProcessDied(Exception):
    """A process ended before it had done what it was given."""


class Processes(Executor):
    """An executor over processes; one that dies is replaced, and only its task fails, with ProcessDied.

    Parameters
    ----------
    count
        How many.
    threads
        So many compute in each.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._every = [_Process(threads) for _ in range(count)]
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        for process in self._every:
            self._idle.put(process)
        self._tasks = ThreadPoolExecutor(count, "process")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function called by a process that has nothing to do; processes import it by its name."""
        return self._tasks.submit(self._call, (fn, args, kwargs))

    def _call(self, task: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> Any:
        process = self._idle.get()
        try:
            return process.call(task)
        finally:
            self._idle.put(process)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for those that are at work, then end all."""
        self._tasks.shutdown(wait=wait, cancel_futures=cancel_futures)
        for process in self._every:
            process.end()


class _Process:
    """A process, started when it gets its first task, and again when it has died."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pipe: Connection | None = None

    def call(self, task: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> Any:
        pipe = self._pipe or self._start()
        try:
            pipe.send(task)
            is_done, result = pipe.recv()
        except (EOFError, OSError) as error:
            self.end()
            raise ProcessDied from error
        if is_done:
            return result
        raise result

    def _start(self) -> Connection:
        pipe, theirs = _spawning.Pipe()
        # A daemon is ended with this program, even where nobody came to shut it down.
        process = _spawning.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        try:
            with _starting:
                process.start()
        except OSError as error:
            pipe.close()
            raise ProcessDied from error
        finally:
            theirs.close()  # so that the pipe ends with the process
        self._pipe, self._process = pipe, process
        return pipe

    def end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
            self._process.join(_PATIENCE_S)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


def _serve(pipe: Connection, threads: int) -> None:
    """Call functions until the pipe is closed."""
    prepare_process(threads)
    while True:
        try:
            function, args, kwargs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = True, function(*args, **kwargs)
        except Exception as error:
            _log.debug("A task failed", exc_info=True)
            answer = False, error
        try:
            pipe.send(answer)
        except OSError:
            return  # nobody waits for it any more
        except Exception as error:
            _log.debug("A result cannot be sent", exc_info=True)
            pipe.send((False, TypeError(f"The result cannot be sent to another process: {error}")))

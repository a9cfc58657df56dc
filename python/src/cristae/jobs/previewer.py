"""The process that answers previews: started for the first one, ended when nobody looks or a job needs room.

Unlike a job a preview is worth something for a moment only: nothing is written down, what a newer one of the
same viewer replaces is dropped, and what takes too long ends with its process.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cristae.errors import Busy, Cancelled, CorruptData, CristaeError, ServerStops
from cristae.jobs.child import ChildProcess, last_lines, status_told
from cristae.jobs.frames import frame_parts, read_frame
from cristae.settings import Home, Limits

_log = logging.getLogger(__name__)

type Record = dict[str, Any]
type Answer = tuple[Record, bytes]

_MOST_WAITING = 16
_START_S = 60.0
"""More than Python and torch take to start on a busy machine; the first answer may take so much longer."""

_GOODBYE_S = 1.0
_OVERTAKEN = "Another preview was asked for meanwhile."


class PreviewFailed(CristaeError):
    """The process died, or took too long and was ended; the next preview starts another one."""

    code = "WORKER_CRASHED"


class PreviewProcess(ChildProcess):
    """A started process that answers previews one after the other.

    Parameters
    ----------
    command, log, environment
        As of :class:`ChildProcess`.
    most_bytes
        Behind a frame.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str], most_bytes: int
    ) -> None:
        super().__init__(command, log, environment)
        self._answers: queue.Queue[Answer | None] = queue.Queue()
        self._most_bytes, self._was_asked = most_bytes, False
        threading.Thread(target=self._read, name=f"previews-{self.pid}", daemon=True).start()

    def ask(self, number: int, question: Record, voxels: bytes, patience_s: float) -> Answer:
        """Ask, and return the answer; blocks. Each question has a larger number than the one before.

        Raises
        ------
        PreviewFailed
            The process died, or did not answer within so many seconds and was killed.
        """
        extra_s = 0.0 if self._was_asked else _START_S
        self._was_asked = True
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self.kill()

        timer = threading.Timer(patience_s + extra_s, end)  # it may hang while it is written to, too
        timer.daemon = True
        timer.start()
        try:
            self._send(*frame_parts({**question, "number": number}, voxels))
            answer = self._answers.get()
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        status = status_told(self.wait(_GOODBYE_S))
        if is_late.is_set():
            raise PreviewFailed(
                f"The preview took longer than {patience_s:.0f} s and was ended. Select a smaller part of "
                "the slice, or segment the image."
            )
        _log.warning("The process of previews died (%s); its last words:\n%s", status, last_lines(self.log))
        raise PreviewFailed(
            f"The preview broke off ({status}), perhaps for want of memory. Select a smaller part of the "
            "slice, or close other programs, and look again."
        )

    def stop(self, number: int) -> None:
        """Say that nobody waits for an answer any more; what is computed for it ends early."""
        self._send(*frame_parts({"stop": number}))

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101
        with output, contextlib.suppress(CorruptData):
            while (answer := read_frame(output, self._most_bytes)) is not None:
                self._answers.put(answer)
        self.kill()
        self._process.wait()
        self._answers.put(None)


@dataclass(eq=False)
class _Look:
    """Somebody who waits for a preview; its question has a number, larger than 0, once it has its turn."""

    question: Record
    voxels: bytes
    dropped: "asyncio.Future[None]"
    work: "asyncio.Task[Answer] | None" = None
    number: int = 0


class Previewer:
    """Previews of a home's models. Its methods belong to one event loop.

    Parameters
    ----------
    home
        Where models and extensions are.
    limits
        How large and how long previews may be, and how long the process waits for the next.
    worker_command
        The program of a worker.
    """

    def __init__(self, home: Home, limits: Limits, worker_command: Sequence[str] | None = None) -> None:
        worker = worker_command or (sys.executable, "-m", "cristae.worker", "--home", str(home.root))
        self._command = (*worker, "--previews")
        self._home, self._limits = home, limits
        self._turn = asyncio.Lock()
        self._looks: set[_Look] = set()
        self._newest: dict[str, _Look] = {}
        self._waiting = self._number = 0
        self._process: PreviewProcess | None = None
        self._made_for: object = None
        self._makes_room = self._is_closed = False
        self._idle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = ThreadPoolExecutor(1, "previews")

    async def ask(self, question: Record, voxels: bytes = b"", *, viewer: str = "", state: object) -> Answer:
        """Ask the process, which is started if need be, and return its answer.

        Parameters
        ----------
        question
            Plain JSON values.
        voxels
            What goes with it.
        viewer
            Who asks; an earlier question of the same one is dropped.
        state
            Of what the process has loaded and cannot load anew, such as extensions: if it is another one
            than before, another process is started.

        Raises
        ------
        Cancelled
            The viewer asked for something else meanwhile.
        Busy
            Too many wait.
        PreviewFailed
            The process died or took too long.
        ServerStops
            It was closed.
        """
        self._refuse_closed()
        self._drop(self._newest.get(viewer))
        if self._waiting >= _MOST_WAITING:
            raise Busy(f"{_MOST_WAITING} previews wait already, which is the most. Try again in a moment.")
        look = _Look(question, voxels, asyncio.get_running_loop().create_future())
        self._looks.add(look)
        if viewer:
            self._newest[viewer] = look
        look.work = self._begin(self._take_turn(look, state))
        try:
            # What the process is asked already goes on behind the back of one who is dropped or hangs up.
            await asyncio.wait((look.work, look.dropped), return_when=asyncio.FIRST_COMPLETED)
            if look.dropped.done():
                self._refuse_closed()
                raise Cancelled(_OVERTAKEN)
            return look.work.result()
        finally:
            self._drop(look)
            self._looks.discard(look)
            if self._newest.get(viewer) is look:
                del self._newest[viewer]

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise ServerStops("The server stops. Look again when it is back.")

    def _drop(self, look: _Look | None) -> None:
        """Have one who waits, or is asked about, wait no longer; what has ended stays as it is."""
        if look is None or look.work is None or look.work.done() or look.dropped.done():
            return
        look.dropped.set_result(None)
        look.voxels = b""
        if not look.number:
            look.work.cancel()
        elif self._process is not None:
            # In a thread: a process that hangs does not read.
            asyncio.get_running_loop().run_in_executor(None, self._process.stop, look.number)

    async def _take_turn(self, look: _Look, state: object) -> Answer:
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        self._number += 1
        look.number = self._number
        try:
            self._refuse_closed()
            self._stay()
            if self._makes_room:
                await self._end()
                self._makes_room = False
            process = await self._started(state)
            self._refuse_closed()
            if look.dropped.done():
                raise Cancelled(_OVERTAKEN)
            patience_s = self._limits.preview_patience_s
            answer: Answer = await self._run(process.ask, look.number, look.question, look.voxels, patience_s)
            return answer
        finally:
            self._turn.release()
            loop = asyncio.get_running_loop()
            pause_s = 0.0 if self._makes_room else self._limits.preview_idle_s
            self._idle = loop.call_later(pause_s, lambda: self._begin(self.make_room()))

    async def _started(self, state: object) -> PreviewProcess:
        if self._process is not None and (self._process.has_ended() or self._made_for != state):
            await self._end()
        if self._process is None:
            try:
                self._process = await self._run(
                    PreviewProcess,
                    self._command,
                    self._home.previews / "worker.log",
                    {"OMP_NUM_THREADS": str(os.cpu_count() or 1), **os.environ},
                    self._limits.max_preview_bytes,
                )
            except OSError as error:
                raise PreviewFailed(f"The preview could not be started ({error.strerror}).") from error
            self._made_for = state
            _log.info("Previews are answered by the process %s", self._process.pid)
        return self._process

    async def make_room(self) -> None:
        """End the process, with the memory that its models take; one that is asked just now answers first."""
        self._makes_room = self._turn.locked()
        if not self._makes_room:
            async with self._turn:
                await self._end()

    def _stay(self) -> None:
        """Do not end the process for idleness, since somebody looks."""
        if self._idle is not None:
            self._idle.cancel()

    async def close(self) -> None:
        """End the process, whatever it does; whoever waits hears that the server stops."""
        self._is_closed = True
        for look in self._looks:
            self._drop(look)
        if self._process is not None:
            self._process.kill()
        async with self._turn:
            await self._end()
        self._stay()
        self._thread.shutdown()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it has nothing to save
            await self._run(process.wait, _GOODBYE_S)

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def _begin[T](self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone; then nobody else looks at it

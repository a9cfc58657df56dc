"""The supervisor gives waiting jobs a device and a worker each, and writes down what becomes of them."""

import asyncio
import logging
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from cristae.events import Event, Note
from cristae.jobs.attempt import Attempt, Outcome, Patience
from cristae.jobs.child import last_lines
from cristae.jobs.finishing import ENDS_EARLY_TOO, FINISH_FILE, refuse_to_finish
from cristae.jobs.journal import Journal
from cristae.jobs.leftovers import SPACE_MAY_COME, Leftovers
from cristae.jobs.protocol import Order
from cristae.jobs.records import JobError, JobEvent, JobRecord, JobResult, StateChange
from cristae.jobs.specs import device_of, goes_on
from cristae.jobs.states import JobState
from cristae.settings import Home
from cristae.volumes.durable import write_file_durably

_log = logging.getLogger(__name__)

_JOURNAL_PAUSE_S = 2.0
KILLED = "signal 9"
"""How a process ends that somebody kills; mostly the system, when memory runs out."""


@dataclass(frozen=True)
class Move:
    """Where a job goes after an attempt, and why."""

    to: JobState
    error: JobError | None = None
    result: JobResult | None = None
    crashed: bool = False
    notes: tuple[Event, ...] = field(default=())


def judge(job: JobRecord, outcome: Outcome, *, stopping: bool, max_crashes: int) -> Move:
    """Return where a job goes after an attempt.

    Parameters
    ----------
    job
        The job as it stands, RUNNING or CANCELLING.
    outcome
        What became of the attempt.
    stopping
        True if the server ends: then an attempt without a result goes on in the next server.
    max_crashes
        So many deaths of the worker are forgiven.
    """
    match outcome.ending:
        case JobResult():
            return Move(JobState.DONE, result=outcome.ending)
        case JobError() if not (job.state is JobState.CANCELLING and outcome.ending.code == "CANCELLED"):
            return Move(JobState.FAILED, error=_with_a_way_on(job, outcome.ending))
    if job.state is JobState.CANCELLING:
        return Move(JobState.CANCELLED)
    if stopping:
        going = "goes on" if goes_on(job.spec) else "begins anew"
        return Move(JobState.QUEUED, notes=(Note(f"The server stops; the job {going} when it is back."),))
    deaths = job.crashes + 1
    if deaths > max_crashes:
        sentence = (
            f"{_death_told(outcome.status)}. It broke off {deaths} times in all: try a smaller image, or "
            "close other programs. "
            "The server's log has its last words."
        )
        error = _with_a_way_on(job, JobError("WORKER_CRASHED", sentence))
        return Move(JobState.FAILED, error=error, crashed=True)
    note = Note(f"{_death_told(outcome.status)}. {_continuation(job)}.", True)
    return Move(JobState.QUEUED, crashed=True, notes=(note,))


def _death_told(status: str) -> str:
    if status == KILLED:
        return f"The computation was ended by the system ({status}), perhaps for want of memory"
    return f"The computation broke off ({status})"


def _continuation(job: JobRecord) -> str:
    return "The job goes on from what was saved" if goes_on(job.spec) else "The job begins anew"


def _with_a_way_on(job: JobRecord, error: JobError) -> JobError:
    if error.code not in SPACE_MAY_COME or not goes_on(job.spec):
        return error
    return replace(
        error, sentence=f"{error.sentence} The same job, submitted again, goes on from what was saved."
    )


_NO_DEVICE = ""
"""The place of a job that needs no device."""


@dataclass
class _Run:
    """A job that holds a device, or the place beside them."""

    device: str
    attempt: Attempt


class Supervisor:
    """Runs the jobs of a journal, one on each device, and beside them one at a time that needs none.

    Its methods belong to one event loop.

    Parameters
    ----------
    home
        Where job folders lie.
    journal
        The jobs.
    leftovers
        What jobs leave half-made.
    patience
        How long to wait.
    worker_command
        The program of a worker.
    make_room
        Awaited before a worker starts, so that what can do without memory gives it back.
    data_root
        Where workers find images that nobody sent.
    """

    def __init__(
        self,
        home: Home,
        journal: Journal,
        leftovers: Leftovers,
        *,
        patience: Patience | None = None,
        worker_command: Sequence[str] | None = None,
        make_room: Callable[[], Awaitable[None]] | None = None,
        data_root: Path | None = None,
    ) -> None:
        self._home, self._journal, self._leftovers = home, journal, leftovers
        self._make_room = make_room
        self._patience = patience or Patience()
        self._command = worker_command or (sys.executable, "-m", "cristae.worker", "--home", str(home.root))
        if data_root is not None:
            self._command = (*self._command, "--data-root", str(data_root))
        self._devices: tuple[str, ...] = ()
        self._complete = False
        self._runs: dict[str, _Run] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._not_before: dict[str, float] = {}
        self._moving = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(64, "jobs")

    # Starting and ending

    async def start(self) -> None:
        """Find every job of an earlier server: those that ran go on, those that were to end have ended."""
        self._loop = asyncio.get_running_loop()
        for job in await self._thread(self._journal.open_jobs):
            if job.state is JobState.RUNNING:
                words = _continuation(job).replace("The job", "the job")
                note = Note(f"The server was interrupted; {words}.")
                await self._move(job.job_id, Move(JobState.QUEUED, notes=(note,)))
            elif job.state is JobState.CANCELLING:
                await self._move(job.job_id, Move(JobState.CANCELLED))

    def use(self, devices: Sequence[str], *, complete: bool = True) -> None:
        """Name the devices, fastest first; jobs start from now on.

        Unless they are ``complete``, a job for another one waits.
        """
        self._devices, self._complete = tuple(devices), complete
        self.wake()

    async def stop(self) -> None:
        """Ask every worker to save and end, end those that do not; their jobs wait for the next server."""
        self._stopping.set()
        for job_id in list(self._watchers):
            self._ring(job_id)
        async with self._moving:
            for run in self._runs.values():
                run.attempt.end(cancelled=False)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._threads.shutdown()

    # What others ask

    def is_computing(self) -> bool:
        """Tell whether a worker runs."""
        return bool(self._runs)

    def holder(self, device: str) -> str:
        """Return the id of the job that holds a device, "" if it is free."""
        return next((job_id for job_id, run in self._runs.items() if run.device == device), "")

    async def is_idle(self) -> bool:
        """Return True if no job waits or runs."""
        return not self._runs and not await self._thread(self._journal.open_jobs)

    async def cancel(self, job_id: str) -> JobRecord:
        """Ask a job to end and return it as it stands then; see ``CancelJob`` of the contract."""
        return await self._done(self._cancel(job_id))

    async def finish(self, job_id: str) -> JobRecord:
        """Ask a training to end early and keep the best; see ``FinishTraining`` of the contract.

        Raises
        ------
        Busy
            It is none that runs, or that ran and will go on.
        """
        return await self._done(self._finish(job_id))

    async def _done(self, work: Coroutine[Any, Any, JobRecord]) -> JobRecord:
        # Who asked may hang up in the middle; the worker must hear of what the disk says all the same.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _finish(self, job_id: str) -> JobRecord:
        async with self._moving:
            job = await self._thread(self._journal.get, job_id)
            refuse_to_finish(job)
            note = self._folder(job_id) / FINISH_FILE
            if not note.exists():
                await self._thread(write_file_durably, note, b"")
                await self._thread(self._tell, job_id, Note("It is to end early and keep the best."))
            if job_id in self._runs:
                self._runs[job_id].attempt.finish()
            return job

    async def _cancel(self, job_id: str) -> JobRecord:
        async with self._moving:
            job = await self._thread(self._journal.get, job_id)
            if job.state is JobState.QUEUED:
                job = await self._move(job_id, Move(JobState.CANCELLED))
                self._spawn(self._clear(job))
            elif job.state is JobState.RUNNING:
                job = await self._move(job_id, Move(JobState.CANCELLING))
                self._runs[job_id].attempt.end(cancelled=True)
            return job

    async def forget(self, job_id: str) -> None:
        """Forget a job that has ended, with all that it kept; see ``DeleteJob`` of the contract.

        Raises
        ------
        Busy
            It waits or runs.
        """
        async with self._moving:
            # The journal first: what lies in a folder that no job has is swept some day.
            await self._thread(self._journal.forget, job_id)
            await self._thread(self._leftovers.forget, job_id)
        self._ring(job_id)

    async def watch(self, job_id: str, after: int) -> AsyncIterator[JobEvent]:
        """Yield the events of a job behind ``after``, each once, in order, until its end or the server's."""
        rung = asyncio.Event()
        self._watchers.setdefault(job_id, set()).add(rung)
        try:
            while True:
                rung.clear()
                events = await self._thread(self._journal.events, job_id, after)
                for event in events:
                    after = event.sequence
                    yield event
                    if isinstance(event.body, StateChange) and event.body.state.is_end:
                        return
                if not events:
                    job = await self._thread(self._journal.get, job_id)
                    if self._stopping.is_set() or (job.state.is_end and job.last_sequence <= after):
                        return
                    await rung.wait()
        finally:
            self._watchers[job_id].discard(rung)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    def wake(self) -> None:
        """Let waiting jobs have the devices that are free; to be called after every submission."""
        if not self._stopping.is_set():
            self._spawn(self._look())

    async def _look(self) -> None:
        async with self._moving:
            places = len(self._devices) + 1
            if len(self._runs) >= places:
                return
            for job in await self._thread(self._journal.open_jobs):
                if self._stopping.is_set() or len(self._runs) >= places:
                    return
                if job.state is JobState.QUEUED and self._not_before.get(job.job_id, 0.0) <= time.monotonic():
                    await self._give_device(job)

    # One job

    async def _give_device(self, job: JobRecord) -> None:
        wanted = device_of(job.spec)
        if wanted and wanted not in self._devices:
            if not self._complete:
                return
            sentence = f"The device {wanted} is not there any more; submit the job for another one."
            await self._move(job.job_id, Move(JobState.FAILED, JobError("UNSUPPORTED", sentence)))
            return
        device = self._free_device(wanted)
        if device is None:
            return
        await self._thread(self._take_over, job)
        if self._make_room is not None and device != _NO_DEVICE:
            await self._make_room()
        job = await self._move(job.job_id, Move(JobState.RUNNING))
        attempt = Attempt(
            self._command,
            Order(job.job_id, job.attempt, device, job.spec),
            self._folder(job.job_id) / "worker.log",
            {"OMP_NUM_THREADS": str(os.cpu_count() or 1), **os.environ},
            self._patience,
            lambda event: self._tell(job.job_id, event),
        )
        self._runs[job.job_id] = _Run(device, attempt)
        self._spawn(self._run(job.job_id, attempt))

    def _free_device(self, wanted: str | None) -> str | None:
        """Return a place for a job that wants this device, any ("") or none (None); None if all are taken."""
        taken = {run.device for run in self._runs.values()}
        if wanted is None:
            return None if _NO_DEVICE in taken else _NO_DEVICE
        if wanted:
            return None if wanted in taken else wanted
        if not self._devices:
            return None
        # A job that did not choose waits for a device of the fastest kind: a CPU may take fifty times as
        # long.
        kind = self._devices[0].partition(":")[0]
        same = (name for name in self._devices if name.partition(":")[0] == kind)
        return next((name for name in same if name not in taken), None)

    async def _run(self, job_id: str, attempt: Attempt) -> None:
        outcome = await self._thread(attempt.run)
        async with self._moving:
            job = await self._thread(self._journal.get, job_id)
            stopping = self._stopping.is_set()
            move = judge(job, outcome, stopping=stopping, max_crashes=self._patience.max_crashes)
            if move.crashed:
                words = await self._thread(last_lines, attempt.log)
                _log.warning(
                    "The worker of the job %s died (%s); its last words:\n%s", job_id, outcome.status, words
                )
            job = await self._move(job_id, move)
            pause = self._pause(job) if move.crashed and not job.state.is_end else 0.0
            self._not_before[job_id] = time.monotonic() + pause
            del self._runs[job_id]
        if job.state.is_end:
            self._not_before.pop(job_id, None)
            await self._clear(job)
        elif pause:
            self._loop.call_later(pause, self.wake)
        await self._look()

    def _pause(self, job: JobRecord) -> float:
        pause_s = self._patience.first_pause_s * 2.0 ** (job.crashes - 1)
        return min(pause_s, self._patience.longest_pause_s)

    def _take_over(self, job: JobRecord) -> None:
        """Let a job go on from the work of the same one before it; if that cannot be, it begins anew."""
        try:
            if self._leftovers.take_over(job):
                words = (
                    "The same job was interrupted before, for lack of room; this one goes on from its work."
                )
                self._tell(job.job_id, Note(words))
                if (self._folder(job.job_id) / FINISH_FILE).exists():
                    self._tell(job.job_id, Note(ENDS_EARLY_TOO))
        except (OSError, sqlite3.OperationalError):
            _log.exception("The work of an earlier job could not be given to the job %s", job.job_id)

    async def _clear(self, job: JobRecord) -> None:
        try:
            await self._thread(self._leftovers.clear, job)
        except Exception:
            _log.exception("What the job %s left could not be cleared away", job.job_id)

    # Journal, threads and watchers

    def _folder(self, job_id: str) -> Path:
        return self._home.jobs / job_id

    async def _move(self, job_id: str, move: Move) -> JobRecord:
        """Write a move down; if the disk does not take it, wait until it does."""
        while True:
            try:
                job = await self._thread(
                    self._journal.move,
                    job_id,
                    move.to,
                    error=move.error,
                    result=move.result,
                    crashed=move.crashed,
                    notes=move.notes,
                )
            except sqlite3.OperationalError:
                if self._stopping.is_set():
                    raise
                _log.exception("The journal could not be written; trying again in %s s", _JOURNAL_PAUSE_S)
                await asyncio.sleep(_JOURNAL_PAUSE_S)
            else:
                self._ring(job_id)
                return job

    def _tell(self, job_id: str, event: Event) -> None:
        try:
            self._journal.append(job_id, [event])
        except sqlite3.Error:
            _log.exception("An event of the job %s could not be written", job_id)
            return
        with suppress(RuntimeError):  # the loop has ended, and with it everyone who watched
            self._loop.call_soon_threadsafe(self._ring, job_id)

    def _ring(self, job_id: str) -> None:
        for rung in self._watchers.get(job_id, ()):
            rung.set()

    async def _thread[**P, T](self, work: Callable[P, T], *args: P.args, **names: P.kwargs) -> T:
        return await self._loop.run_in_executor(self._threads, partial(work, *args, **names))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("A task of the supervisor failed", exc_info=task.exception())

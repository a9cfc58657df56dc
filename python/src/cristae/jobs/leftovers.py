"""What jobs leave half-made: kept as long as it can be of use, thrown away afterwards."""

import shutil
import threading
import time
from pathlib import Path

from cristae.errors import NotFound
from cristae.jobs.journal import Journal
from cristae.jobs.records import JobRecord
from cristae.jobs.specs import goes_on, staging_id
from cristae.jobs.states import JobState
from cristae.settings import Home
from cristae.volumes import VolumeStore

SPACE_MAY_COME = ("DISK_FULL", "OUT_OF_MEMORY", "WORKER_CRASHED")
"""Errors after which the same job may well succeed, once somebody has made room."""

_ALWAYS_KEPT = ("worker.log", "lock", "files")


class Leftovers:
    """Checkpoints, ledgers and staged volumes of the jobs of one home.

    Parameters
    ----------
    home
        Where job folders lie.
    journal
        The jobs.
    store
        Where half-made volumes lie.
    kept_s
        So long the work of a job that lacked room waits for the same request, and everything else whose
        owner is gone.
    """

    def __init__(self, home: Home, journal: Journal, store: VolumeStore, kept_s: float) -> None:
        self._home, self._journal, self._store, self._kept_s = home, journal, store, kept_s
        self._lock = threading.Lock()

    def clear(self, job: JobRecord) -> None:
        """Throw away what an ended job needs no more; the worker's log stays, and files that it made."""
        with self._lock:
            if not self._is_still_there(job):
                return
            if job.state is not JobState.DONE:  # it may have been cancelled just when they were there
                self.remove_files(job.job_id)
            if not self._is_waited_for(job):
                self._clear(job.job_id)

    def forget(self, job_id: str) -> None:
        """Throw away all that a job that is not listed any more kept: its work, its log, its files."""
        with self._lock:
            shutil.rmtree(self._home.jobs / job_id, ignore_errors=True)
            self._store.discard(staging_id(job_id))

    def remove_files(self, job_id: str) -> None:
        """Delete the files that a job made; whoever deletes the folder of a job need not call it."""
        shutil.rmtree(self._home.job_files(job_id), ignore_errors=True)

    def take_over(self, job: JobRecord) -> bool:
        """Give a job the work of an earlier one with the same spec that lacked room.

        To be called before every attempt: a server that is killed on the way goes on with it.

        Returns
        -------
        bool
            Whether there was such work.
        """
        with self._lock:
            own = self._home.jobs / job.job_id
            if _work(own):
                return False
            for earlier in self._journal.failed_like(job):
                work = _work(self._home.jobs / earlier.job_id) if self._is_waited_for(earlier) else []
                if work:
                    # The volume first: a ledger without it would vouch for tiles that are not there.
                    self._store.rename_staged(staging_id(earlier.job_id), staging_id(job.job_id))
                    own.mkdir(parents=True, exist_ok=True)
                    for path in work:
                        path.rename(own / path.name)
                    return True
            return False

    def sweep(self) -> None:
        """Throw away what nobody needs any more: of ended jobs, of uploads that nobody went on with."""
        waited_for = {staging_id(job.job_id) for job in self._journal.open_jobs()}
        for folder in sorted(self._home.jobs.glob("*")):
            try:
                job = self._journal.get(folder.name)
            except NotFound:  # of a journal that is gone
                if _age_s(folder) >= self._kept_s:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            if self._is_waited_for(job):
                waited_for.add(staging_id(job.job_id))
            elif job.state.is_end:
                self.clear(job)
        self._store.remove_stale(self._kept_s, keep=waited_for)
        for path in self._home.root.glob(".*.part"):  # a process was killed while it wrote one
            if _age_s(path) >= self._kept_s:
                path.unlink(missing_ok=True)

    def _is_still_there(self, job: JobRecord) -> bool:
        """Tell whether its id stands for this job: it may be forgotten, and another have the id."""
        try:
            return self._journal.get(job.job_id).number == job.number
        except NotFound:
            return False

    def _is_waited_for(self, job: JobRecord) -> bool:
        return (
            job.state is JobState.FAILED
            and goes_on(job.spec)
            and job.error is not None
            and job.error.code in SPACE_MAY_COME
            and time.time() - (job.ended_s or 0.0) < self._kept_s
        )

    def _clear(self, job_id: str) -> None:
        for path in _work(self._home.jobs / job_id):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self._store.discard(staging_id(job_id))


def _work(folder: Path) -> list[Path]:
    """Return what lies in a job's folder beside the log."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name not in _ALWAYS_KEPT)


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime

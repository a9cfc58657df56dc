"""The journal: every job and every event, in one SQLite file that survives a crash and a power cut.

What :meth:`Journal.submit` and :meth:`Journal.move` have returned is on the disk (WAL, synchronous=FULL).
Each change of a job and the event that tells of it are one transaction, so that the events of a job are
numbered 1, 2, 3, ..., whatever happens in between. Of the progress of a job only the newest is kept: a job of
days would leave millions of events that nobody wants any more, and a gap where they were.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cristae.errors import AlreadyExists, CorruptData, LimitExceeded, NotFound, Unsupported
from cristae.events import Event, Progress, from_json
from cristae.jobs.finishing import refuse_to_forget
from cristae.jobs.records import (
    JobError,
    JobEvent,
    JobRecord,
    JobResult,
    StateChange,
    dump,
    error_from_json,
    event_from_json,
    event_to_json,
    result_from_json,
)
from cristae.jobs.specs import Spec, as_asked, spec_from_json, spec_to_json
from cristae.jobs.states import JobState, check_move

SCHEMA = 2

_TABLES = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    spec TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    created_s REAL NOT NULL,
    started_s REAL,
    ended_s REAL,
    progress TEXT,
    error TEXT,
    result TEXT,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    progress_sequence INTEGER
);
CREATE INDEX jobs_by_end ON jobs (ended_s);
CREATE TABLE events (
    job_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time_s REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (job_id, sequence)
) WITHOUT ROWID;
"""

_FROM_1_TO_2 = """
ALTER TABLE jobs ADD COLUMN progress_sequence INTEGER;
UPDATE jobs SET progress_sequence = (
    SELECT MAX(sequence) FROM events
    WHERE events.job_id = jobs.job_id AND json_extract(body, '$.kind') = 'progress'
);
DELETE FROM events WHERE json_extract(body, '$.kind') = 'progress' AND sequence < (
    SELECT progress_sequence FROM jobs WHERE jobs.job_id = events.job_id
);
"""


def _frozen_address(path: Path) -> str:
    """Return how SQLite is to open a journal that may only be read, without a file beside it."""
    # Whoever writes it, or was killed while writing, has changes in a file beside it.
    beside = path.with_name(f"{path.name}-wal")
    at_rest = not (beside.exists() and beside.stat().st_size)
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"


class Journal:
    """The journal of one home. Every method may be called from any thread and takes about a millisecond.

    Parameters
    ----------
    path
        The SQLite file; made if it is not there.
    to_read
        Only what reads is asked for: where this user may not write, the file is not touched.

    Raises
    ------
    Unsupported
        If a newer Cristae wrote the file, or an older one where it may not be written; it is not touched
        then.

    Examples
    --------
    >>> import tempfile
    >>> from cristae.jobs.specs import PredictionSpec
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder) / "journal.sqlite")
    ...     job = journal.submit("job-1", PredictionSpec("mito", "a" * 64), "raw with mito", max_open=10)
    ...     journal.close()
    >>> job.state.value, job.last_sequence
    ('QUEUED', 1)
    """

    def __init__(self, path: Path, *, to_read: bool = False) -> None:
        self._lock = threading.RLock()
        self._frozen = to_read and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        if not self._frozen:
            path.parent.mkdir(parents=True, exist_ok=True)
        place = _frozen_address(path) if self._frozen else path
        self._db = sqlite3.connect(place, uri=self._frozen, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise CorruptData(
                f"The journal {path} cannot be read or written ({error}). If it is damaged, move it away: "
                "the list of jobs is lost then, but no image and no model."
            ) from error
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise Unsupported(
                f"A newer Cristae made this home (journal {version}, this one knows {SCHEMA}). "
                "Update Cristae, or choose another home."
            )
        if self._frozen and version < SCHEMA:
            raise Unsupported(
                f"An older Cristae made this home (journal {version}, this one knows {SCHEMA}). Its owner "
                "brings it up to date by starting the server once."
            )
        if self._frozen:
            return
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if version == 0:
            self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        elif version == 1:
            self._db.executescript(f"BEGIN; {_FROM_1_TO_2} PRAGMA user_version = {SCHEMA}; COMMIT;")

    def close(self) -> None:
        """Close the file; nothing can be asked afterwards."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def submit(self, job_id: str, spec: Spec, title: str, *, max_open: int) -> JobRecord:
        """Queue a job, or return the one that already has this id and this spec.

        Raises
        ------
        AlreadyExists
            If a job with another spec has this id.
        LimitExceeded
            If ``max_open`` jobs wait or run.
        """
        with self._transaction():
            known = self.find(job_id, spec)
            if known is not None:
                return known
            (waiting,) = self._db.execute("SELECT COUNT(*) FROM jobs WHERE ended_s IS NULL").fetchone()
            if waiting >= max_open:
                raise LimitExceeded(
                    f"{waiting} jobs wait or run already, which is the limit of this server. "
                    "Wait until one ends, or cancel one."
                )
            self._db.execute(
                "INSERT INTO jobs (job_id, kind, spec, title, state, created_s) VALUES (?, ?, ?, ?, ?, ?)",
                (job_id, spec.kind, spec_to_json(spec), title, JobState.QUEUED, time.time()),
            )
            self._append(job_id, [event_to_json(StateChange(JobState.QUEUED, 0))])
            return self.get(job_id)

    def find(self, job_id: str, spec: Spec) -> JobRecord | None:
        """Return the job of this id, None if there is none.

        Raises
        ------
        AlreadyExists
            If it has another spec.
        """
        with self._lock:
            row = self._db.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        if spec_to_json(as_asked(spec_from_json(row["spec"]))) != spec_to_json(as_asked(spec)):
            raise AlreadyExists(
                f"The job id {job_id} belongs to another job. Submit under a new id; "
                "an id is used again only to repeat the very same request."
            )
        return _job(row)

    def get(self, job_id: str) -> JobRecord:
        """Return one job, or raise NotFound."""
        with self._lock:
            row = self._db.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound(f"No job has the id {job_id}. The list of jobs tells those that are there.")
        return _job(row)

    def newest(self, count: int, before: int | None = None, *, only_open: bool = False) -> list[JobRecord]:
        """Return at most ``count`` jobs, newest first, of those before the one numbered ``before``.

        ``only_open`` leaves out those that ended.
        """
        limit = 2**62 if before is None else before
        if only_open:
            return [job for job in reversed(self.open_jobs()) if job.number < limit][:count]
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM jobs WHERE number < ? ORDER BY number DESC LIMIT ?", (limit, count)
            ).fetchall()
        return [_job(row) for row in rows]

    def open_jobs(self) -> list[JobRecord]:
        """Return the jobs that wait or run, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM jobs WHERE ended_s IS NULL ORDER BY number").fetchall()
        return [_job(row) for row in rows]

    def failed_like(self, job: JobRecord) -> list[JobRecord]:
        """Return the failed jobs with the very spec of this one, newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM jobs WHERE spec = ? AND state = ? AND number < ? ORDER BY number DESC",
                (spec_to_json(job.spec), JobState.FAILED, job.number),
            ).fetchall()
        return [_job(row) for row in rows]

    def move(
        self,
        job_id: str,
        to: JobState,
        *,
        error: JobError | None = None,
        result: JobResult | None = None,
        crashed: bool = False,
        notes: Iterable[Event] = (),
    ) -> JobRecord:
        """Bring a job to another state and write the event of it, behind ``notes``.

        Going to RUNNING counts a new attempt; ``crashed`` counts a death of the worker.

        Raises
        ------
        MoveError
            If the table of states does not have this move.
        """
        with self._transaction():
            job = self.get(job_id)
            check_move(job.state, to)
            attempt = job.attempt + (to is JobState.RUNNING)
            now = time.time()
            self._db.execute(
                "UPDATE jobs SET state = ?, attempt = ?, crashes = crashes + ?, error = ?, result = ?, "
                "started_s = COALESCE(started_s, ?), ended_s = ? WHERE job_id = ?",
                (
                    to,
                    attempt,
                    int(crashed),
                    None if error is None else dump(asdict(error)),
                    None if result is None else dump(asdict(result)),
                    now if to is JobState.RUNNING else None,
                    now if to.is_end else None,
                    job_id,
                ),
            )
            change = StateChange(to, attempt, error, result)
            self._append(job_id, [*map(event_to_json, notes), event_to_json(change)])
            return self.get(job_id)

    def forget(self, job_id: str) -> None:
        """Delete a job that has ended and its events; one that is not there is forgotten already.

        Raises
        ------
        Busy
            It waits or runs.
        """
        with self._transaction() as db:
            row = db.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
            if row is not None:
                refuse_to_forget(_job(row))
            db.execute("DELETE FROM events WHERE job_id = ?", (job_id,))
            db.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    def append(self, job_id: str, events: Iterable[Event]) -> None:
        """Write events of a running job, all or none; a job that has ended takes none."""
        with self._transaction():
            if not self.get(job_id).state.is_end:
                self._append(job_id, map(event_to_json, events))

    def _append(self, job_id: str, bodies: Iterable[dict[str, Any]]) -> None:
        (sequence,) = self._db.execute(
            "SELECT last_sequence FROM jobs WHERE job_id = ?", (job_id,)
        ).fetchone()
        for body in bodies:
            sequence += 1
            self._db.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?)", (job_id, sequence, time.time(), dump(body))
            )
            if body["kind"] == "progress":
                self._db.execute(
                    "DELETE FROM events WHERE job_id = ? AND sequence = "
                    "(SELECT progress_sequence FROM jobs WHERE job_id = ?)",
                    (job_id, job_id),
                )
                self._db.execute(
                    "UPDATE jobs SET progress = ?, progress_sequence = ? WHERE job_id = ?",
                    (dump(body), sequence, job_id),
                )
        self._db.execute("UPDATE jobs SET last_sequence = ? WHERE job_id = ?", (sequence, job_id))

    def events(self, job_id: str, after: int = 0, count: int = 1000) -> list[JobEvent]:
        """Return at most ``count`` events of a job behind the one numbered ``after``, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM events WHERE job_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                (job_id, min(after, 2**62), count),
            ).fetchall()
        return [
            JobEvent(row["sequence"], row["time_s"], event_from_json(json.loads(row["body"]))) for row in rows
        ]


def _loads(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _job(row: sqlite3.Row) -> JobRecord:
    progress = _loads(row["progress"])
    event = None if progress is None else from_json(progress)
    return JobRecord(
        number=row["number"],
        job_id=row["job_id"],
        kind=row["kind"],
        spec=spec_from_json(row["spec"]),
        title=row["title"],
        state=JobState(row["state"]),
        attempt=row["attempt"],
        crashes=row["crashes"],
        created_s=row["created_s"],
        started_s=row["started_s"],
        ended_s=row["ended_s"],
        progress=event if isinstance(event, Progress) else None,
        error=error_from_json(_loads(row["error"])),
        result=result_from_json(_loads(row["result"])),
        last_sequence=row["last_sequence"],
    )

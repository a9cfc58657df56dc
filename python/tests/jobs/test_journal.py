import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from cristae.errors import AlreadyExists, CorruptData, LimitExceeded, NotFound, Unsupported
from cristae.events import Metrics, Note, Progress
from cristae.jobs.journal import Journal
from cristae.jobs.records import JobError, JobResult, StateChange
from cristae.jobs.specs import PredictionSpec
from cristae.jobs.states import JobState, MoveError

SPEC = PredictionSpec("mito", "a" * 64)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def test_a_job_and_its_events_are_there_after_closing_and_opening(tmp_path):
    first = Journal(tmp_path / "journal.sqlite")
    first.submit("one", SPEC, "title", max_open=10)
    first.move("one", JobState.RUNNING)
    first.append("one", [Progress("Predicting", 0.5, 3.0, "tile 1"), Metrics(1, {"loss": 2.0})])
    result = JobResult(outputs=(("labels", "b" * 64),))
    first.move("one", JobState.DONE, result=result, notes=[Note("Almost.")])
    first.close()
    second = Journal(tmp_path / "journal.sqlite")
    job = second.get("one")
    assert (job.state, job.attempt, job.result, job.error) == (JobState.DONE, 1, result, None)
    assert job.progress == Progress("Predicting", 0.5, 3.0, "tile 1")
    assert job.spec == SPEC
    bodies = [event.body for event in second.events("one")]
    assert [event.sequence for event in second.events("one")] == [1, 2, 3, 4, 5, 6]
    assert bodies[0] == StateChange(JobState.QUEUED, 0)
    assert bodies[1] == StateChange(JobState.RUNNING, 1)
    assert bodies[4] == Note("Almost.")
    assert bodies[5] == StateChange(JobState.DONE, 1, None, result)
    second.close()


def test_the_journal_waits_for_the_disk(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    assert journal._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    journal.close()


def test_the_same_submission_is_the_same_job_and_another_one_is_refused(journal):
    first = journal.submit("one", SPEC, "title", max_open=1)
    assert journal.submit("one", SPEC, "title", max_open=1) == first
    with pytest.raises(AlreadyExists):
        journal.submit("one", PredictionSpec("mito", "b" * 64), "title", max_open=1)
    assert len(journal.newest(10)) == 1


def test_a_submission_beyond_the_limit_is_refused_until_a_job_ends(journal):
    journal.submit("one", SPEC, "title", max_open=1)
    with pytest.raises(LimitExceeded):
        journal.submit("two", SPEC, "title", max_open=1)
    journal.move("one", JobState.CANCELLED)
    journal.submit("two", SPEC, "title", max_open=1)


def test_a_forbidden_move_changes_nothing(journal):
    journal.submit("one", SPEC, "title", max_open=1)
    before = journal.get("one")
    with pytest.raises(MoveError):
        journal.move("one", JobState.DONE)
    assert journal.get("one") == before
    assert len(journal.events("one")) == 1


def test_an_ended_job_takes_no_more_events(journal):
    journal.submit("one", SPEC, "title", max_open=1)
    journal.move("one", JobState.FAILED, error=JobError("DISK_FULL", "No space."))
    journal.append("one", [Note("Too late.")])
    assert journal.get("one").last_sequence == 2
    assert journal.get("one").error == JobError("DISK_FULL", "No space.")


def test_attempts_and_deaths_are_counted_and_the_first_start_is_kept(journal):
    journal.submit("one", SPEC, "title", max_open=1)
    started = journal.move("one", JobState.RUNNING).started_s
    journal.move("one", JobState.QUEUED, crashed=True)
    job = journal.move("one", JobState.RUNNING)
    assert (job.attempt, job.crashes, job.started_s) == (2, 1, started)
    assert job.ended_s is None


def test_numbers_have_no_gap_when_many_threads_write(journal):
    journal.submit("one", SPEC, "title", max_open=1)
    journal.move("one", JobState.RUNNING)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: journal.append("one", [Note(str(number))]), range(200)))
    assert [event.sequence for event in journal.events("one")] == list(range(1, 203))
    assert [event.sequence for event in journal.events("one", after=200)] == [201, 202]
    assert journal.events("one", after=2**63) == []


def test_of_the_progress_only_the_newest_is_kept_and_every_other_event(journal):
    journal.submit("one", SPEC, "title", max_open=1)
    journal.move("one", JobState.RUNNING)
    for number in range(500):
        journal.append("one", [Progress("Predicting", number / 500)])
        if number % 100 == 0:
            journal.append("one", [Note(f"note {number}"), Metrics(number + 1, {"loss": 1.0})])
    journal.move("one", JobState.DONE, result=JobResult("m"))
    events = journal.events("one")
    assert [event.body for event in events if isinstance(event.body, Progress)] == [
        Progress("Predicting", 499 / 500)
    ]
    assert [event.sequence for event in events] == [
        *(1, 2),
        *(number for turn in range(5) for number in (4 + 102 * turn, 5 + 102 * turn)),
        *(512, 513),
    ]
    assert [event.sequence for event in journal.events("one", after=210)] == [310, 311, 412, 413, 512, 513]
    assert journal.get("one").progress == Progress("Predicting", 499 / 500)
    assert journal.get("one").last_sequence == 513


def test_a_journal_of_the_first_schema_is_taken_over_with_its_jobs(tmp_path):
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    for job_id in ("one", "two"):
        journal.submit(job_id, SPEC, "title", max_open=2)
        journal.move(job_id, JobState.RUNNING)
    journal.append("one", [Note("before"), Progress("x", 0.1), Note("between")])
    journal.close()
    with closing(sqlite3.connect(path)) as db:  # as the first schema was: each progress stayed
        db.execute("ALTER TABLE jobs DROP COLUMN progress_sequence")
        body = '{"kind":"progress","stage":"x","fraction":0.2,"seconds_left":null,"detail":""}'
        db.execute("INSERT INTO events VALUES ('one', 6, 0.0, ?)", (body,))
        db.execute("UPDATE jobs SET last_sequence = 6 WHERE job_id = 'one'")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    journal = Journal(path)
    assert [event.sequence for event in journal.events("one")] == [1, 2, 3, 5, 6]
    journal.append("one", [Progress("x", 0.3)])
    journal.append("two", [Progress("x", 0.4), Progress("x", 0.5)])
    assert [event.sequence for event in journal.events("one")] == [1, 2, 3, 5, 7]
    assert [event.sequence for event in journal.events("two")] == [1, 2, 4]
    journal.close()


def test_jobs_are_listed_newest_first_and_in_parts(journal):
    for number in range(5):
        journal.submit(f"job {number}", SPEC, "title", max_open=9)
    newest = journal.newest(2)
    assert [job.job_id for job in newest] == ["job 4", "job 3"]
    assert [job.job_id for job in journal.newest(9, newest[-1].number)] == ["job 2", "job 1", "job 0"]
    assert [job.job_id for job in journal.open_jobs()] == [f"job {number}" for number in range(5)]
    journal.move("job 2", JobState.CANCELLED)
    open_ones = journal.newest(3, only_open=True)
    assert [job.job_id for job in open_ones] == ["job 4", "job 3", "job 1"]
    rest = journal.newest(3, open_ones[-1].number, only_open=True)
    assert [job.job_id for job in rest] == ["job 0"]


def test_an_unknown_job_is_told(journal):
    with pytest.raises(NotFound):
        journal.get("nobody")
    with pytest.raises(NotFound):
        journal.move("nobody", JobState.RUNNING)


def test_a_damaged_journal_is_told_and_not_touched(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"These are not the bytes of a database. " * 200)
    before = path.read_bytes()
    with pytest.raises(CorruptData, match="move it away"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_cristae_is_not_touched(tmp_path):
    path = tmp_path / "journal.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 3")
    db.close()
    before = path.read_bytes()
    with pytest.raises(Unsupported, match="newer Cristae"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_journal_of_an_older_version_is_left_alone_where_it_may_only_be_read(tmp_path, monkeypatch):
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    monkeypatch.setattr("cristae.jobs.journal.os.access", lambda place, mode: False)
    with pytest.raises(Unsupported, match="An older Cristae made this home"):
        Journal(path, to_read=True)
    assert path.read_bytes() == before

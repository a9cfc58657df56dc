import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from cristae.errors import AlreadyExists, LimitExceeded, NotFound, Unsupported
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


def test_jobs_are_listed_newest_first_and_in_parts(journal):
    for number in range(5):
        journal.submit(f"job {number}", SPEC, "title", max_open=9)
    newest = journal.newest(2)
    assert [job.job_id for job in newest] == ["job 4", "job 3"]
    assert [job.job_id for job in journal.newest(9, newest[-1].number)] == ["job 2", "job 1", "job 0"]
    assert [job.job_id for job in journal.open_jobs()] == [f"job {number}" for number in range(5)]


def test_an_unknown_job_is_told(journal):
    with pytest.raises(NotFound):
        journal.get("nobody")
    with pytest.raises(NotFound):
        journal.move("nobody", JobState.RUNNING)


def test_a_journal_of_a_newer_cristae_is_not_touched(tmp_path):
    path = tmp_path / "journal.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 2")
    db.close()
    before = path.read_bytes()
    with pytest.raises(Unsupported, match="newer Cristae"):
        Journal(path)
    assert path.read_bytes() == before

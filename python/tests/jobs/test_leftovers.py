import os
import time

import pytest

from cristae.jobs.journal import Journal
from cristae.jobs.leftovers import Leftovers
from cristae.jobs.records import JobError, JobResult
from cristae.jobs.specs import MeasurementSpec, NamedVolume, PredictionSpec, staging_id
from cristae.jobs.states import JobState
from cristae.settings import Home
from cristae.volumes import VolumeSpec, VolumeStore

SPEC = PredictionSpec("mito", "a" * 64)
ONE, TWO, THREE = (f"{number}1234567-89ab-4def-8123-456789abcdef" for number in range(3))
A_WEEK_S = 7 * 24 * 3600.0


class Place:
    def __init__(self, root):
        self.home = Home(root)
        self.journal = Journal(self.home.journal_file)
        self.store = VolumeStore(root, free_floor_bytes=0)
        self.leftovers = Leftovers(self.home, self.journal, self.store, kept_s=A_WEEK_S)

    def job(self, job_id, code="", spec=SPEC):
        """Submit a job that leaves a ledger and a staged volume; with a code it has failed."""
        job = self.journal.submit(job_id, spec, "title", max_open=9)
        self.leave(job_id)
        if code:
            self.journal.move(job_id, JobState.RUNNING)
            job = self.journal.move(job_id, JobState.FAILED, error=JobError(code, "No."))
        return job

    def leave(self, job_id):
        folder = self.home.jobs / job_id
        folder.mkdir(parents=True)
        for name in ("worker.log", "lock", "tiles.jsonl"):
            (folder / name).write_text(job_id)
        self.store.create(VolumeSpec((1, 1, 4, 4), "uint8"), staging_id=staging_id(job_id)).close()

    def files(self, job_id):
        return sorted(path.name for path in (self.home.jobs / job_id).iterdir())

    def staged(self):
        return {path.name for path in self.store.staging.iterdir()}

    def age(self, path, seconds):
        then = time.time() - seconds
        for inner in [*path.rglob("*"), path]:
            os.utime(inner, (then, then))


def test_a_forgotten_job_leaves_nothing_even_if_its_work_was_kept_for_another_try(place):
    failed, other = place.job(ONE, "DISK_FULL"), place.job(TWO, "DISK_FULL")
    (place.home.checkpoints(failed.job_id)).mkdir()
    place.journal.forget(failed.job_id)
    place.leftovers.forget(failed.job_id)
    assert not (place.home.jobs / ONE).exists()
    assert place.staged() == {staging_id(TWO)}
    assert place.files(TWO) == ["lock", "tiles.jsonl", "worker.log"]
    assert not place.leftovers.take_over(
        place.journal.submit(THREE, PredictionSpec("er", "b" * 64), "", max_open=9)
    )
    place.leftovers.forget(failed.job_id)  # twice is the same as once
    assert other in place.journal.newest(9)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.journal.close()


def test_the_work_of_a_job_that_lacked_room_goes_to_the_same_job(place):
    failed = place.job(ONE, "DISK_FULL")
    place.leftovers.clear(failed)
    place.leftovers.sweep()
    again = place.journal.submit(TWO, SPEC, "title", max_open=9)
    assert place.leftovers.take_over(again)
    assert place.files(TWO) == ["tiles.jsonl"]
    assert place.files(ONE) == ["lock", "worker.log"]
    assert place.staged() == {staging_id(TWO)}
    assert not place.leftovers.take_over(again)  # before its next attempt: it has its own work now


def test_another_job_gets_nothing_of_it_and_one_that_failed_otherwise_leaves_nothing(place):
    place.job(ONE, "DISK_FULL")
    other = place.journal.submit(TWO, PredictionSpec("mito", "b" * 64), "title", max_open=9)
    assert not place.leftovers.take_over(other)
    place.leftovers.clear(place.job(THREE, "INVALID_INPUT"))
    assert place.files(THREE) == ["lock", "worker.log"]
    assert place.staged() == {staging_id(ONE)}


def test_a_taking_over_that_was_cut_short_is_finished_before_the_next_attempt(place):
    place.job(ONE, "OUT_OF_MEMORY")
    again = place.journal.submit(TWO, SPEC, "title", max_open=9)
    place.store.rename_staged(staging_id(ONE), staging_id(TWO))
    assert place.leftovers.take_over(again)
    assert place.files(TWO) == ["tiles.jsonl"]
    assert place.staged() == {staging_id(TWO)}


def test_the_sweep_takes_what_is_old_and_nobody_needs_and_nothing_else(place, tmp_path):
    failed, waiting = place.job(ONE, "DISK_FULL"), place.job(TWO)
    lost = place.home.jobs / THREE
    lost.mkdir()
    (tmp_path / ".server.json.0123.part").write_text("{")
    for path in (lost, place.store.staging, tmp_path / ".server.json.0123.part"):
        place.age(path, 1.1 * A_WEEK_S)
    (tmp_path / ".server.json.4567.part").write_text("{")  # being written now
    place.leftovers.sweep()
    # A job may wait in the queue for more than a week, with work from before an interruption.
    assert place.staged() == {staging_id(failed.job_id), staging_id(waiting.job_id)}
    assert not lost.exists()
    assert [path.name for path in tmp_path.glob(".*.part")] == [".server.json.4567.part"]

    place.journal._db.execute("UPDATE jobs SET ended_s = ended_s - ?", (1.1 * A_WEEK_S,))
    place.leftovers.sweep()
    assert place.files(ONE) == ["lock", "worker.log"]
    assert place.files(TWO) == ["lock", "tiles.jsonl", "worker.log"]
    assert place.staged() == {staging_id(TWO)}
    assert not place.leftovers.take_over(place.journal.submit(THREE, SPEC, "title", max_open=9))


def test_a_late_clearing_takes_nothing_from_another_job_that_has_got_the_same_id(place):
    cancelled = place.journal.submit(ONE, SPEC, "title", max_open=9)
    cancelled = place.journal.move(ONE, JobState.CANCELLED)
    place.journal.forget(ONE)
    place.leftovers.clear(cancelled)  # of a job that is not listed any more
    place.job(ONE)
    place.leftovers.clear(cancelled)
    assert place.files(ONE) == ["lock", "tiles.jsonl", "worker.log"]
    assert place.staged() == {staging_id(ONE)}


MEASURING = MeasurementSpec(NamedVolume("a" * 64))


def test_files_stay_with_a_job_that_is_done_and_go_with_one_that_is_not(place):
    for job_id, end in ((ONE, JobState.DONE), (TWO, JobState.CANCELLED)):
        place.job(job_id, spec=MEASURING)
        place.home.job_files(job_id).mkdir()
        (place.home.job_files(job_id) / "objects.csv").write_text("id")
        place.journal.move(job_id, JobState.RUNNING)
        if end is JobState.CANCELLED:
            place.journal.move(job_id, JobState.CANCELLING)
        result = JobResult() if end is JobState.DONE else None
        place.leftovers.clear(place.journal.move(job_id, end, result=result))
    assert place.files(ONE) == ["files", "lock", "worker.log"]
    assert place.files(TWO) == ["lock", "worker.log"]
    place.leftovers.sweep()
    assert (place.home.job_files(ONE) / "objects.csv").read_text() == "id"
    place.leftovers.remove_files(ONE)
    assert place.files(ONE) == ["lock", "worker.log"]


def test_nothing_is_kept_of_a_job_that_begins_anew(place):
    place.leftovers.clear(place.job(ONE, "DISK_FULL", spec=MEASURING))
    assert place.files(ONE) == ["lock", "worker.log"]
    assert place.staged() == set()

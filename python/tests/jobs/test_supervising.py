"""The supervisor with small worker programs that say what a worker says."""

import asyncio
import dataclasses
import sys
import textwrap

import pytest

from cristae.events import Note, Progress
from cristae.jobs.attempt import Outcome, Patience
from cristae.jobs.journal import Journal
from cristae.jobs.leftovers import Leftovers
from cristae.jobs.protocol import Stopped
from cristae.jobs.records import JobError, JobRecord, JobResult, StateChange
from cristae.jobs.specs import CleaningSpec, NamedVolume, PredictionSpec
from cristae.jobs.states import JobState
from cristae.jobs.supervisor import Supervisor, judge
from cristae.settings import Home
from cristae.volumes import VolumeStore

QUICK = Patience(terminate_s=0.3, kill_s=0.6, max_crashes=2, first_pause_s=0.01, longest_pause_s=0.02)

SAYS_DONE = """
import sys, json
order = json.loads(sys.stdin.readline())
print(json.dumps({"event": {"kind": "note", "sentence": order["device"], "is_warning": False}}), flush=True)
print(json.dumps({"done": {"model_name": "m", "outputs": []}}), flush=True)
"""
WAITS_FOR_CANCEL = """
import sys
sys.stdin.readline()
print('{"event":{"kind":"progress","stage":"x","fraction":0.1,"seconds_left":null,"detail":""}}', flush=True)
sys.stdin.readline()
print('{"stopped":true}', flush=True)
"""
HEARS_NOTHING = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"event":{"kind":"progress","stage":"x","fraction":0.1,"seconds_left":null,"detail":""}}', flush=True)
time.sleep(60)
"""
DIES = "import os; os._exit(9)"
BABBLES = "print('hello', flush=True); import time; time.sleep(60)"


CLEANING = CleaningSpec(NamedVolume("a" * 64), fill_holes=True)
SOME_JOB = JobRecord(
    number=1,
    job_id="one",
    kind="prediction",
    spec=PredictionSpec("m", "a" * 64),
    title="t",
    state=JobState.QUEUED,
    attempt=1,
    crashes=0,
    created_s=0.0,
    started_s=None,
    ended_s=None,
    progress=None,
    error=None,
    result=None,
    last_sequence=1,
)


class House:
    def __init__(self, root, program, devices=("cpu",)):
        self.home, self.devices = Home(root), devices
        self.journal = Journal(self.home.journal_file)
        self.store = VolumeStore(root, free_floor_bytes=0)
        self.leftovers = Leftovers(self.home, self.journal, self.store, kept_s=3600.0)
        self.supervisor = Supervisor(
            self.home,
            self.journal,
            self.leftovers,
            patience=QUICK,
            worker_command=[sys.executable, "-c", textwrap.dedent(program)],
        )

    async def __aenter__(self):
        await self.supervisor.start()
        self.supervisor.use(self.devices)
        return self

    async def __aexit__(self, *_):
        await self.supervisor.stop()
        self.journal.close()

    async def submit(self, job_id, device="", spec=None):
        spec = spec or PredictionSpec("m", "a" * 64, device=device)
        self.journal.submit(job_id, spec, "t", max_open=99)
        self.supervisor.wake()

    async def end(self, job_id):
        return [event.body async for event in self.supervisor.watch(job_id, 0)]

    async def until(self, job_id, *states):
        while self.journal.get(job_id).state not in states:
            await asyncio.sleep(0.01)


def test_a_job_runs_and_its_events_are_seen(tmp_path):
    async def story():
        async with House(tmp_path, SAYS_DONE) as house:
            await house.submit("one")
            bodies = await house.end("one")
            assert bodies == [
                StateChange(JobState.QUEUED, 0),
                StateChange(JobState.RUNNING, 1),
                Note("cpu"),
                StateChange(JobState.DONE, 1, None, JobResult("m")),
            ]
            assert await house.supervisor.is_idle()

    asyncio.run(story())


def test_no_device_is_given_to_two_jobs(tmp_path):
    async def story():
        async with House(tmp_path, WAITS_FOR_CANCEL, ("cuda:0", "cuda:1", "cpu")) as house:
            for number in range(5):
                await house.submit(f"job {number}")
            await house.submit("on the cpu", "cpu")
            await asyncio.gather(
                *(house.until(name, JobState.RUNNING) for name in ("job 0", "job 1", "on the cpu"))
            )
            holders = [house.supervisor.holder(device) for device in ("cuda:0", "cuda:1", "cpu")]
            assert sorted(holders) == ["job 0", "job 1", "on the cpu"]
            # A job that did not choose waits for a GPU, however free the CPU is.
            assert house.journal.get("job 2").state is JobState.QUEUED
            for job in house.journal.open_jobs():
                await house.supervisor.cancel(job.job_id)
            for number in range(5):
                await house.until(f"job {number}", JobState.CANCELLED)

    asyncio.run(story())


def test_jobs_that_need_no_device_run_one_at_a_time_beside_those_that_hold_them(tmp_path):
    async def story():
        async with House(tmp_path, WAITS_FOR_CANCEL, ("cpu",)) as house:
            await house.submit("training")
            await house.until("training", JobState.RUNNING)
            await house.submit("waits for the device")
            for number in range(2):
                await house.submit(f"cleaning {number}", spec=CLEANING)
            await house.until("cleaning 0", JobState.RUNNING)
            assert house.supervisor.holder("cpu") == "training"
            assert house.journal.get("cleaning 1").state is JobState.QUEUED
            assert house.journal.get("waits for the device").state is JobState.QUEUED
            await house.supervisor.cancel("cleaning 0")
            await house.until("cleaning 1", JobState.RUNNING)
            await house.supervisor.cancel("training")
            while house.supervisor.holder("cpu") != "waits for the device":
                await asyncio.sleep(0.01)
            assert house.journal.get("waits for the device").state is JobState.RUNNING

    asyncio.run(story())


def test_jobs_that_need_no_device_do_not_wait_until_the_devices_are_known(tmp_path):
    async def story():
        async with House(tmp_path, SAYS_DONE, devices=()) as house:
            await house.submit("prediction")
            await house.submit("cleaning", spec=CLEANING)
            await house.end("cleaning")
            assert house.journal.get("prediction").state is JobState.QUEUED

    asyncio.run(story())


def test_what_begins_anew_does_not_promise_to_go_on():
    job = dataclasses.replace(SOME_JOB, kind="cleaning", spec=CLEANING, state=JobState.RUNNING)
    full = judge(job, Outcome(JobError("DISK_FULL", "Full."), ""), stopping=False, max_crashes=2)
    assert full.error == JobError("DISK_FULL", "Full.")
    died = judge(job, Outcome(None, "signal 11"), stopping=False, max_crashes=2)
    (note,) = died.notes
    assert note.sentence.endswith("The job begins anew.")
    stopped = judge(job, Outcome(Stopped(), ""), stopping=True, max_crashes=2)
    assert [note.sentence for note in stopped.notes] == [
        "The server stops; the job begins anew when it is back."
    ]


@pytest.mark.parametrize("moment", range(12))
def test_a_cancel_whose_asker_hangs_up_in_the_middle_reaches_the_worker(tmp_path, moment):
    async def story():
        async with House(tmp_path, WAITS_FOR_CANCEL) as house:
            await house.submit("one")
            while house.journal.get("one").progress is None:
                await asyncio.sleep(0.01)
            asking = asyncio.create_task(house.supervisor.cancel("one"))
            for _ in range(moment):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001 * (moment % 3))
            asking.cancel()
            await asyncio.wait([asking])
            if moment:  # at moment 0 nothing had been asked yet
                await asyncio.wait_for(house.until("one", JobState.CANCELLED), 30)

    asyncio.run(story())


SAYS_WHERE = """
import os, sys, json
sys.stdin.readline()
print(json.dumps({"event": {"kind": "note", "sentence": os.getcwd(), "is_warning": False}}), flush=True)
print(json.dumps({"done": {"model_name": "m", "outputs": []}}), flush=True)
"""


def test_a_worker_runs_in_the_folder_of_its_job_wherever_the_server_was_started(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    async def story():
        async with House(tmp_path / "home", SAYS_WHERE) as house:
            await house.submit("one")
            assert Note(str(house.home.jobs / "one")) in await house.end("one")

    asyncio.run(story())


def test_a_worker_that_hears_nothing_is_ended(tmp_path):
    async def story():
        async with House(tmp_path, HEARS_NOTHING) as house:
            await house.submit("one")
            while house.journal.get("one").progress is None:
                await asyncio.sleep(0.01)
            began = asyncio.get_running_loop().time()
            job = await house.supervisor.cancel("one")
            assert job.state is JobState.CANCELLING
            await house.until("one", JobState.CANCELLED)
            assert 0.5 < asyncio.get_running_loop().time() - began < 10

    asyncio.run(story())


@pytest.mark.parametrize("program", [DIES, BABBLES])
def test_a_worker_that_dies_or_babbles_is_tried_again_and_then_given_up(tmp_path, program):
    async def story():
        async with House(tmp_path, program) as house:
            await house.submit("one")
            await house.end("one")
            job = house.journal.get("one")
            assert (job.state, job.attempt, job.error.code) == (JobState.FAILED, 3, "WORKER_CRASHED")
            assert "3 times" in job.error.sentence

    asyncio.run(story())


def test_a_program_that_cannot_be_started_fails_the_job_and_not_the_server(tmp_path):
    async def story():
        house = House(tmp_path, DIES)
        house.supervisor._command = [str(tmp_path / "nothing here")]
        async with house:
            await house.submit("one")
            await house.end("one")
            assert house.journal.get("one").error.code == "WORKER_CRASHED"

    asyncio.run(story())


def test_a_stopping_supervisor_leaves_the_job_for_the_next_one(tmp_path):
    async def story(program, *, first):
        async with House(tmp_path, program) as house:
            if first:
                await house.submit("one")
                while house.journal.get("one").progress is None:
                    await asyncio.sleep(0.01)
            else:
                await house.end("one")

    asyncio.run(story(WAITS_FOR_CANCEL, first=True))
    journal = Journal(Home(tmp_path).journal_file)
    assert (journal.get("one").state, journal.get("one").crashes) == (JobState.QUEUED, 0)
    journal.close()
    asyncio.run(story(SAYS_DONE, first=False))
    journal = Journal(Home(tmp_path).journal_file)
    assert (journal.get("one").state, journal.get("one").attempt) == (JobState.DONE, 2)
    journal.close()


def test_a_restart_finds_running_and_cancelling_jobs(tmp_path):
    journal = Journal(Home(tmp_path).journal_file)
    for name in ("ran", "was to end"):
        journal.submit(name, PredictionSpec("m", "a" * 64), "t", max_open=9)
        journal.move(name, JobState.RUNNING)
    journal.move("was to end", JobState.CANCELLING)
    journal.close()

    async def story():
        async with House(tmp_path, SAYS_DONE) as house:
            await house.end("ran")
            assert house.journal.get("ran").state is JobState.DONE
            assert house.journal.get("was to end").state is JobState.CANCELLED

    asyncio.run(story())


@pytest.mark.parametrize("code", ["DISK_FULL", "OUT_OF_MEMORY", "WORKER_CRASHED"])
def test_a_job_that_lacked_room_says_that_the_same_one_goes_on(code):
    job = dataclasses.replace(SOME_JOB, state=JobState.RUNNING)
    ending = JobError(code, "Something was full.")
    move = judge(job, Outcome(ending, "exit status 0"), stopping=False, max_crashes=5)
    assert move.error.sentence == (
        "Something was full. The same job, submitted again, goes on from what was saved."
    )


def test_a_job_that_failed_for_another_reason_promises_nothing():
    job = dataclasses.replace(SOME_JOB, state=JobState.RUNNING)
    ending = JobError("INVALID_INPUT", "The labels are empty.")
    assert judge(job, Outcome(ending, ""), stopping=False, max_crashes=5).error == ending


def test_a_job_for_a_device_that_has_gone_fails_with_a_sentence(tmp_path):
    async def story():
        async with House(tmp_path, SAYS_DONE) as house:
            await house.submit("one", "cuda:3")
            await house.end("one")
            assert "cuda:3" in house.journal.get("one").error.sentence

    asyncio.run(story())


def test_a_job_for_a_device_that_may_still_be_found_waits_for_it(tmp_path):
    async def story():
        async with House(tmp_path, SAYS_DONE, devices=()) as house:
            house.supervisor.use(["cpu"], complete=False)
            await house.submit("one", "cuda:3")
            assert house.journal.get("one").state is JobState.QUEUED
            house.supervisor.use(["cuda:3", "cpu"])
            await house.end("one")
            assert house.journal.get("one").state is JobState.DONE

    asyncio.run(story())


@pytest.mark.parametrize(
    ("state", "ending", "stopping", "to"),
    [
        (JobState.RUNNING, JobResult("m"), False, JobState.DONE),
        (JobState.CANCELLING, JobResult("m"), False, JobState.DONE),
        (JobState.RUNNING, JobResult("m"), True, JobState.DONE),
        (JobState.RUNNING, JobError("X", "y"), False, JobState.FAILED),
        (JobState.CANCELLING, JobError("X", "y"), False, JobState.FAILED),
        (JobState.CANCELLING, JobError("CANCELLED", "y"), False, JobState.CANCELLED),
        (JobState.CANCELLING, Stopped(), False, JobState.CANCELLED),
        (JobState.CANCELLING, None, False, JobState.CANCELLED),
        (JobState.CANCELLING, None, True, JobState.CANCELLED),
        (JobState.RUNNING, Stopped(), True, JobState.QUEUED),
        (JobState.RUNNING, None, True, JobState.QUEUED),
        (JobState.RUNNING, None, False, JobState.QUEUED),
    ],
)
def test_what_becomes_of_a_job_after_an_attempt(tmp_path, state, ending, stopping, to):
    journal = Journal(tmp_path / "journal.sqlite")
    job = journal.submit("one", PredictionSpec("m", "a" * 64), "t", max_open=1)
    journal.close()
    job = dataclasses.replace(job, state=state)
    move = judge(job, Outcome(ending, "signal 9"), stopping=stopping, max_crashes=5)
    assert move.to is to
    assert move.crashed == (ending is None and not stopping and state is JobState.RUNNING)


def test_the_sixth_death_is_one_too_many(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    job = journal.submit("one", PredictionSpec("m", "a" * 64), "t", max_open=1)
    journal.close()
    for crashes, to in ((4, JobState.QUEUED), (5, JobState.FAILED)):
        job = dataclasses.replace(job, state=JobState.RUNNING, crashes=crashes)
        assert judge(job, Outcome(None, "signal 9"), stopping=False, max_crashes=5).to is to


def test_progress_comes_at_most_every_quarter_of_a_second_and_the_last_is_never_lost():
    from cristae.jobs.attempt import _Latest

    told = []
    latest = _Latest(told.append)
    for number in range(100):
        latest.hold(Progress("x", number / 100))
    latest.flush()
    assert [progress.fraction for progress in told] == [0.0, 0.99]

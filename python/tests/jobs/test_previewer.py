"""Whose turn it is at the process of previews, and how long that process lives."""

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from cristae.errors import Busy, Cancelled, ServerStops
from cristae.jobs import previewer as room
from cristae.jobs.previewer import Previewer, PreviewFailed
from cristae.settings import Home, Limits

ANSWERING = [sys.executable, str(Path(__file__).with_name("answering.py"))]


@asynccontextmanager
async def previewer(folder, **limits):
    made = Previewer(Home(folder), Limits(**limits), ANSWERING)
    try:
        yield made
    finally:
        await made.close()


async def pid_of(made, viewer="", **question):
    record, _ = await made.ask(question, viewer=viewer, state=())
    return record["pid"]


async def gone(pid):
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_one_process_answers_one_after_the_other_with_what_was_sent(tmp_path):
    async def scene():
        async with previewer(tmp_path) as made:
            answers = await asyncio.gather(
                *(made.ask({"sleep_s": 0.05}, bytes([n, 9]), state=()) for n in range(8))
            )
            assert [voxels for _, voxels in answers] == [bytes([9, n]) for n in range(8)]
            assert len({record["pid"] for record, _ in answers}) == 1

    asyncio.run(scene())


def test_no_more_than_sixteen_wait_and_those_of_one_window_are_never_many(tmp_path):
    async def scene():
        async with previewer(tmp_path) as made:
            await pid_of(made)
            first = asyncio.create_task(pid_of(made, sleep_s=30))
            await asyncio.sleep(0.1)
            window = [asyncio.create_task(pid_of(made, "window", sleep_s=0)) for _ in range(100)]
            done, left = await asyncio.wait(window, timeout=1)
            assert len(done) == 99
            assert all(isinstance(task.exception(), Cancelled) for task in done)
            others = [asyncio.create_task(pid_of(made)) for _ in range(15)]
            await asyncio.sleep(0.1)
            with pytest.raises(Busy, match="16 previews wait already"):
                await pid_of(made)
            first.cancel()  # it hangs up: what is computed for it ends early, and the others have their turn
            pids = await asyncio.wait_for(asyncio.gather(*left, *others), 10)
            assert len(set(pids)) == 1

    asyncio.run(scene())


def test_a_newer_question_of_a_window_stops_what_is_computed_for_the_older_one(tmp_path):
    async def scene():
        async with previewer(tmp_path) as made:
            await pid_of(made)
            older = asyncio.create_task(pid_of(made, "window", sleep_s=60))
            await asyncio.sleep(0.1)
            newer = asyncio.create_task(pid_of(made, "window"))
            with pytest.raises(Cancelled, match="Another preview"):
                await asyncio.wait_for(older, 1)
            await asyncio.wait_for(newer, 10)

    asyncio.run(scene())


def test_a_job_that_starts_gets_the_memory_now_or_after_what_is_asked(tmp_path):
    async def scene():
        async with previewer(tmp_path) as made:
            idle = await pid_of(made)
            await made.make_room()
            assert not psutil.pid_exists(idle)
            await made.make_room()  # there is none: nothing to do
            asked = asyncio.create_task(pid_of(made, sleep_s=0.5))
            waiting = asyncio.create_task(pid_of(made))
            await asyncio.sleep(0.3)
            await made.make_room()
            before, after = await asyncio.gather(asked, waiting)
            assert idle != before != after
            await gone(before)
            assert psutil.pid_exists(after)

    asyncio.run(scene())


def test_the_process_ends_when_nobody_asks_and_another_one_is_started_when_its_state_is_old(tmp_path):
    async def scene():
        async with previewer(tmp_path, preview_idle_s=0.3) as made:
            first = await pid_of(made)
            await gone(first)
            second, _ = await made.ask({}, state=("a",))
            third, _ = await made.ask({}, state=("b",))
            assert second["pid"] != third["pid"]
            assert not psutil.pid_exists(second["pid"])

    asyncio.run(scene())


def test_a_process_that_dies_hangs_or_cannot_be_started_is_told_of(tmp_path):
    async def scene():
        async with previewer(tmp_path, preview_patience_s=0.5) as made:
            first = await pid_of(made)
            with pytest.raises(PreviewFailed, match=r"broke off \(exit status 3\)"):
                await pid_of(made, die=True)
            second = await pid_of(made)
            with pytest.raises(PreviewFailed, match="longer than 0 s and was ended"):
                await pid_of(made, sleep_s=60)
            third = await pid_of(made)
            assert len({first, second, third}) == 3
        absent = Previewer(Home(tmp_path), Limits(), ["/no/such/program"])
        with pytest.raises(PreviewFailed, match="could not be started"):
            await pid_of(absent)
        await absent.close()

    asyncio.run(scene())


def test_a_stop_that_is_sent_late_does_not_stop_the_next_window(tmp_path):
    async def scene():
        loop, sends = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        async with previewer(tmp_path) as made:
            await pid_of(made)
            held = loop.run_in_executor(None, sends.wait)
            left = asyncio.create_task(pid_of(made, "left", sleep_s=0.3))
            await asyncio.sleep(0.1)
            left.cancel()
            right = asyncio.create_task(made.ask({"sleep_s": 0.8}, viewer="right", state=()))
            await asyncio.sleep(0.5)  # the process has answered the left one, and is asked the right one
            sends.set()
            await held
            record, _ = await right
            assert not record["was_stopped"]

    asyncio.run(scene())


def test_closing_ends_what_is_computed_and_who_waits_hears_that_the_server_stops(tmp_path, monkeypatch):
    started = []
    process = room.PreviewProcess
    monkeypatch.setattr(room, "PreviewProcess", lambda *given: started.append(process(*given)) or started[-1])

    async def scene():
        async with previewer(tmp_path) as made:
            pid = await pid_of(made)
            asked = [asyncio.create_task(pid_of(made, viewer, sleep_s=60)) for viewer in ("", "", "window")]
            await asyncio.sleep(0.1)
        for task in asked:
            with pytest.raises(ServerStops, match="The server stops"):
                await task
        with pytest.raises(ServerStops):
            await pid_of(made)
        assert [one.pid for one in started] == [pid]
        assert not psutil.pid_exists(pid)

    asyncio.run(scene())

"""Locks whose file goes with them."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from cristae.errors import Busy
from cristae.locking import FileLock


@pytest.mark.parametrize("passing", [False, True])
def test_the_file_of_a_passing_lock_goes_with_it(tmp_path: Path, passing: bool) -> None:
    path = tmp_path / "lock"
    with FileLock(path, "In use by the process {holder}.", passing=passing):
        assert path.exists()
        with pytest.raises(Busy, match=f"In use by the process {os.getpid()}."):
            FileLock(path, "In use by the process {holder}.", passing=passing).acquire()
    assert path.exists() is not passing
    with FileLock(path, "In use by the process {holder}.", passing=passing):
        pass


def test_a_lock_that_a_full_disk_refuses_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FileLock(tmp_path / "lock", "In use by the process {holder}.")

    def full(file: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr(os, "ftruncate", full)
        with pytest.raises(OSError, match="No space left"):
            lock.acquire()
    with FileLock(tmp_path / "lock", "In use by the process {holder}."):
        pass


def test_two_never_hold_a_lock_whose_file_comes_and_goes(tmp_path: Path) -> None:
    inside, worst, rounds = 0, 0, []

    def work() -> None:
        nonlocal inside, worst
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            lock = FileLock(tmp_path / "lock", "In use by the process {holder}.", passing=True)
            try:
                lock.acquire()
            except Busy:
                continue
            inside += 1
            worst = max(worst, inside)
            time.sleep(0)
            inside -= 1
            rounds.append(1)
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == 1
    assert len(rounds) > 3

import argparse
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from cristae import cli
from cristae.commands import stopping
from cristae.commands.endings import ending
from cristae.errors import Cancelled, DiskFull, InvalidInput
from cristae.volumes import durable


def ended(failure: BaseException, home: Path) -> int:
    return ending(failure, argparse.Namespace(command="train", home=home))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_may_not_be_written_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    assert ended(OSError(number, os.strerror(number), "ro/work"), tmp_path) == 1
    told = capsys.readouterr().err
    assert "ro/work may not be read or written by this user" in told
    assert "--home" in told


def test_a_failure_is_one_sentence_on_stderr_and_code_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(InvalidInput("The labels are\n  empty. Draw something."), tmp_path) == 1
    assert capsys.readouterr().err == "cristae: The labels are empty. Draw something.\n"


def test_a_full_disk_is_told_in_sizes_that_fit_and_here_with_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        durable.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(2**40, 0, 300 * 1024)
    )
    with pytest.raises(DiskFull) as full:
        durable.check_free_space(tmp_path, 5 * 2**20, 2**31)
    sentence = (
        "The disk has 300.0 KiB left; 5.0 MiB are needed and 2.0 GiB must stay free. Free some space, then "
        "go on: nothing finished is lost."
    )
    assert full.value.sentence == sentence  # no folder: a client reads it too
    assert ended(full.value, tmp_path) == 1
    assert capsys.readouterr().err == f"cristae: {sentence} It is the disk with {tmp_path}.\n"
    with pytest.raises(DiskFull, match=r"5\.0 MiB are needed\. Free"):
        durable.check_free_space(tmp_path, 5 * 2**20, 0)


def test_a_disk_that_fills_up_in_between_is_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "file")), tmp_path) == 1
    told = capsys.readouterr().err
    assert told.startswith("cristae: The disk is full. Free some space")
    assert str(tmp_path) in told


def test_a_file_that_grew_too_large_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DiskFull) as failure, durable.full_disk_told(tmp_path / "file"):
        raise OSError(errno.EFBIG, "File too large")
    for one in (failure.value, OSError(errno.EFBIG, "File too large", str(tmp_path / "file"))):
        assert ended(one, tmp_path) == 1
        told = capsys.readouterr().err
        assert told.startswith("cristae: The file grew larger than this disk, or this user, may hold one.")
        assert told.endswith(f"It is the disk with {tmp_path}.\n")


def test_a_disk_that_fills_up_while_a_file_is_written_is_named_though_the_system_names_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "write", full)
    with pytest.raises(DiskFull) as failure:
        durable.write_file_durably(tmp_path / "checkpoint", b"kept")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    assert ended(failure.value, tmp_path) == 1
    assert capsys.readouterr().err.endswith(f" It is the disk with {tmp_path}.\n")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="secret") as refused:
        (tmp_path / "secret").read_text()
    assert ended(refused.value, tmp_path) == 1
    assert "secret: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("failure", "whose"),
    [
        (MemoryError(), "this machine"),
        (torch.OutOfMemoryError("CUDA out of memory."), "the device"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "the device"),
    ],
)
def test_too_little_memory_is_said_in_a_sentence_without_a_log(
    failure: Exception, whose: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(failure, tmp_path) == 1
    assert f"The memory of {whose} did not suffice. Close other programs" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_the_unexpected_leaves_a_log_and_no_stack_trace_on_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("deep inside")

    with pytest.raises(ZeroDivisionError) as unexpected:
        fail()
    assert ended(unexpected.value, tmp_path) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Traceback" not in told
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log) in told
    assert "ZeroDivisionError: deep inside" in log.read_text()


def test_a_home_that_cannot_be_written_does_not_hide_the_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert ended(ZeroDivisionError("x"), tmp_path / "file") == 1
    told = capsys.readouterr().err
    log = Path(told.rpartition(" file ")[2].strip().rstrip("."))
    assert "ZeroDivisionError: x" in log.read_text()
    log.unlink()


def test_the_first_control_c_asks_and_the_second_ends_at_once() -> None:
    with stopping.polite_stop() as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped.is_set()
        assert stopping.exit_code() == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_term_signal_is_as_polite_and_tells_so_by_its_code(tmp_path: Path) -> None:
    with stopping.polite_stop() as stopped:
        signal.raise_signal(signal.SIGTERM)
        assert stopped.is_set()
    assert ended(Cancelled("The training was cancelled; run it again to go on."), tmp_path) == 143


def test_the_handlers_of_the_program_are_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopping.polite_stop():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_touched() -> None:
    seen: list[bool] = []

    def work() -> None:
        with stopping.polite_stop() as stopped:
            seen.append(stopped.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


@pytest.mark.skipif(os.name == "nt", reason="a Windows pipe breaks in another way")
def test_a_reader_that_goes_away_is_no_failure_with_a_trace(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cristae.cli", "models", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_an_unknown_model_is_refused_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "show", "mito", "--home", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "no model" in told

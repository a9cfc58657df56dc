"""``torchrun -m cristae train``: two processes train one model, are stopped, killed, and go on."""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.commands import stopping, together
from cristae.commands.endings import ending
from cristae.computing import Launch, launched
from cristae.errors import Cancelled, InvalidInput
from cristae.models import ModelLibrary
from cristae.training import team

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGINT for a child")

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
STEPS = 30
SETTINGS = {
    "dimensions": "2",
    "levels": "2",
    "features": "4",
    "patch_zyx": "1,32,32",
    "batch": "2",
    "precision": "float32",
}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Train on bright discs, 6 sections, the last of which is held out."""
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "home"))
    y, x = np.mgrid[:64, :64]
    labels = np.stack([np.hypot(y - 20 - 3 * z, x - 30) < 12 for z in range(6)])
    noise = np.random.default_rng(0).normal(0, 20, labels.shape)
    tifffile.imwrite(tmp_path / "raw.tif", np.clip(80 + 90 * labels + noise, 1, 255).astype(np.uint8))
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.uint8))
    words = [*TORCHRUN, "-m", "cristae", "train", str(tmp_path / "raw.tif"), str(tmp_path / "labels.tif")]
    words += ["--model", "m", "--steps", str(STEPS), "--validation-z", "5:6", "--voxel-size", "50,5,5"]
    return words + [word for pair in SETTINGS.items() for word in ("--set", "=".join(pair))]


def told_until(process: "subprocess.Popen[str]", line: str) -> str:
    """Return what the process has said up to a line that begins so."""
    assert process.stderr is not None
    told = ""
    for said in process.stderr:
        told += said
        if said.startswith(line):
            return told
    raise AssertionError(told)


def interrupted(command: list[str], behind: str, stop: Callable[["subprocess.Popen[str]"], None]) -> str:
    """Run until a line that begins so, stop it, and return what it said."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        told = told_until(process, behind)
        stop(process)
        out, rest = process.communicate(timeout=120)
        assert process.returncode == 1
        assert out == ""
        return told + rest


def kill_the_second(process: "subprocess.Popen[str]") -> None:
    (second,) = (c for c in psutil.Process(process.pid).children() if c.environ().get("RANK") == "1")
    second.kill()


@pytest.mark.slow
def test_processes_that_are_stopped_and_killed_go_on_and_end_as_one_with_the_doubled_batch(
    command: list[str], tmp_path: Path
) -> None:
    told = interrupted(command, "Training ", lambda process: process.send_signal(signal.SIGINT))
    assert "It runs in 2 processes, the first on the CPU" in told
    assert told.count("The plan:") == 1
    assert "cristae: The training was cancelled." in told

    told = interrupted(command, "The training goes on from step ", kill_the_second)
    assert "cristae: Another process of this training has ended" in told

    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "The training goes on from step " in ended.stderr
    library = ModelLibrary(tmp_path / "home" / "models")
    ours = library.get("m")
    assert ended.stdout == f"The model 'm' is ready: {ours.path}\n"
    assert ours.record["training"]["steps"] == STEPS
    assert not [path for path in (tmp_path / "home" / "work").iterdir() if path.is_dir()]

    doubled = cristae.train(
        tmp_path / "raw.tif", tmp_path / "labels.tif", model="one", steps=STEPS, validation_z=(5, 6),
        voxel_size_nm=(50, 5, 5), settings=SETTINGS | {"batch": "4"}, device="cpu",
    )  # fmt: skip
    one, two = ours.weights(), doubled.weights()
    apart = np.concatenate([np.abs(one[name].astype(float) - two[name]).ravel() for name in one])
    moved = np.concatenate([np.abs(one[name]).ravel() for name in one]).mean()
    assert np.quantile(apart, 0.99) < 0.01 * moved
    assert ours.record["metrics"]["dice"] == pytest.approx(doubled.record["metrics"]["dice"], abs=0.01)


@pytest.mark.slow
def test_what_all_processes_refuse_is_said_once(command: list[str], tmp_path: Path) -> None:
    again = ["--also", str(tmp_path / "raw.tif"), str(tmp_path / "labels.tif")]
    refused = subprocess.run([*command, *again], capture_output=True, text=True)
    assert refused.returncode == 1
    assert [line for line in refused.stderr.splitlines() if line.startswith("cristae: ")] == [
        "cristae: Images 1 and 2 of 2, raw.tif, are the same. Give each image once, and what other people "
        "labelled in it as further annotators."
    ]


@pytest.mark.slow
def test_a_command_that_processes_do_side_by_side_is_refused_once(command: list[str]) -> None:
    refused = subprocess.run([*TORCHRUN, "-m", "cristae", "models"], capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert (
        refused.stderr.count("cristae: torchrun started 2 processes, and each of them would do all of") == 1
    )


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """This is the second of two processes; how long it waits for the first to speak is noted, not waited."""
    waited: list[float] = []
    told = {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "LOCAL_RANK": "1"}
    for name, value in (told | dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), "2")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(together.time, "sleep", waited.append)
    monkeypatch.setattr(together.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(stopping, "_received", [])
    return waited


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (
            "predict a.tif b.tif --model m",
            1,
            "2 processes, and each of them would do all of `cristae predict`",
        ),
        ("doctor", 1, "Run it without torchrun."),
        ("train a.tif b.tif --model m", 1, "There is no file or folder a.tif"),
        ("train a.tif b.tif", 2, "arguments are required: --model"),
    ],
)
def test_a_process_that_is_not_the_first_speaks_only_if_the_first_did_not_end(
    second: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], words: str, code: int, told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert ended(words) == code
    assert second == [together.FIRST_SPEAKS_WITHIN_S]
    assert told in capsys.readouterr().err
    monkeypatch.setenv("LOCAL_RANK", "0")  # the first of its machine
    assert ended(words) == code
    assert len(second) == 1
    assert told in capsys.readouterr().err


def test_a_process_that_torchrun_has_ended_says_nothing(
    second: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stopping, "_received", [signal.SIGTERM])
    assert ended("doctor") == 1
    assert ending(Cancelled("The training was cancelled."), argparse.Namespace()) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == ""
    assert second == []


def ended(words: str) -> int:
    try:
        return cli.main(words.split())
    except SystemExit as wrong:
        return int(wrong.code or 0)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(team.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(team.torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(
    ("here", "device", "told"),
    [
        (2, "cuda:1", "each on a GPU of its own, and cuda:1 is one"),
        (4, "auto", "4 processes were started on this machine, which has 2 GPUs"),
    ],
)
def test_gpus_that_do_not_suffice_for_all_processes_are_told(
    two_gpus: None, here: int, device: str, told: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(told)), team.joined(Launch(0, 4, 0, here), device):
        pass


def test_each_process_takes_the_gpu_of_its_number_on_its_machine(two_gpus: None) -> None:
    assert team.device_of(Launch(3, 4, 1, 2), "auto") == "cuda:1"
    assert team.device_of(Launch(3, 4, 1, 2), "cuda") == "cuda:1"
    assert team.device_of(Launch(3, 4, 1, 2), "cpu") == "cpu"


def test_one_process_of_torchrun_is_one_that_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched() is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launched() == Launch(0, 2, 0, 1)

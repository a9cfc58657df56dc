import json
import os
import shutil
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cristae import cli
from cristae.geometry import Box
from cristae.jobs.journal import Journal
from cristae.jobs.specs import PredictionSpec
from cristae.jobs.states import JobState
from cristae.settings import Home
from cristae.volumes import VolumeSpec, VolumeStore, VoxelSize


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli.main(words) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_models_are_listed_shown_and_deleted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "mito" in said(capsys, "models")
    listed = json.loads(said(capsys, "models", "list", "--json"))
    assert {model["name"] for model in listed["models"]} == {"mito", "neurons"}
    assert "1 mitochondria, 2 vesicles" in said(capsys, "models", "show", "mito")
    assert json.loads(said(capsys, "models", "show", "mito", "--json"))["record"]["target"] == "classes"
    assert "kept no curves" in said(capsys, "models", "curves", "mito", code=1)
    (home / "models" / "broken").mkdir()
    assert "mito" in said(capsys, "models")
    assert cli.main(["models"]) == 0
    assert "The model 'broken' cannot be used." in capsys.readouterr().err
    shutil.rmtree(home / "models" / "broken")
    weights = home / "models" / "neurons" / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    assert cli.main(["models"]) == 0
    listed = capsys.readouterr()
    assert "neurons" not in listed.out
    assert "The model 'neurons' cannot be used. The weights of the model neurons are incomplete" in listed.err
    weights.write_bytes(whole)
    only_broken = home / "another"
    (only_broken / "models" / "broken").mkdir(parents=True)
    assert said(capsys, "models", "list", "--home", str(only_broken)) == ""
    said(capsys, "models", "delete", "mito")
    assert "nothing was deleted" in said(capsys, "models", "delete", "mito", code=1)
    assert [m["name"] for m in json.loads(said(capsys, "models", "--json"))["models"]] == ["neurons"]


def test_the_home_can_be_named_before_and_behind_the_action(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(tmp_path / "other")
    assert "no models yet" in said(capsys, "models", "--home", other, "list")
    assert "no models yet" in said(capsys, "models", "list", "--home", other)
    assert "mito" in said(capsys, "models", "list")


def test_volumes_are_listed_shown_and_deleted_by_the_beginning_of_their_id(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no volumes" in said(capsys, "volumes")
    writer = VolumeStore(home).create(
        VolumeSpec((1, 2, 8, 9), "uint8", VoxelSize(50, 4, 4), name="stack.tif")
    )
    writer.write(Box.of_shape((2, 8, 9)), np.ones((2, 8, 9), np.uint8))
    digest = writer.seal().digest
    assert "stack.tif" in said(capsys, "volumes")
    (listed,) = json.loads(said(capsys, "volumes", "--json"))["volumes"]
    assert (listed["id"], listed["shape_czyx"], listed["voxel_size_nm"]) == (digest, [1, 2, 8, 9], [50, 4, 4])
    assert "name: stack.tif" in said(capsys, "volumes", "show", digest[:8])
    assert "too short" in said(capsys, "volumes", "show", digest[:2], code=1)
    assert "no volume" in said(capsys, "volumes", "delete", "0000" if digest[0] != "0" else "ffff", code=1)
    said(capsys, "volumes", "delete", digest[:8].upper())
    assert json.loads(said(capsys, "volumes", "--json")) == {"volumes": []}


def test_jobs_are_read_from_the_journal_without_a_server(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no jobs" in said(capsys, "jobs")
    assert not Home(home).journal_file.exists()  # looking makes nothing
    journal, job_id = Journal(Home(home).journal_file), str(uuid.uuid4())
    journal.submit(job_id, PredictionSpec("mito", "a" * 64), "stack.tif with mito", max_open=5)
    assert "stack.tif with mito" in said(capsys, "jobs")
    (listed,) = json.loads(said(capsys, "jobs", "--json"))["jobs"]
    assert (listed["job_id"], listed["state"], listed["kind"]) == (job_id, "QUEUED", "prediction")
    assert "queued" in said(capsys, "jobs", "show", job_id[:8])
    assert "No server runs" in said(capsys, "jobs", "cancel", job_id[:8], code=1)
    assert "only a training can end early" in said(capsys, "jobs", "finish", job_id[:8], code=1)
    assert "waits or runs. Cancel it first" in said(capsys, "jobs", "delete", job_id[:8], code=1)
    journal.move(job_id, JobState.CANCELLED)
    assert "has ended already" in said(capsys, "jobs", "finish", job_id[:8], code=1)
    assert "No server runs" in said(capsys, "jobs", "delete", job_id[:8], code=1)
    assert "is cancelled" in said(capsys, "jobs", "cancel", job_id[:8])
    assert "no job" in said(capsys, "jobs", "show", "zzzz", code=1)
    journal.close()


def test_a_job_that_waits_is_listed_however_many_newer_ones_ended(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cristae.commands.jobs.SHOWN", 2)
    with closing(Journal(Home(home).journal_file)) as journal:
        for number in range(6):
            spec = PredictionSpec("mito", "a" * 64)
            journal.submit(f"{number}", spec, f"stack {number} with mito", max_open=6)
        for number in (0, 2, 3, 5):
            journal.move(f"{number}", JobState.CANCELLED)
    listed = json.loads(said(capsys, "jobs", "--json"))["jobs"]
    assert [job["job_id"] for job in listed] == ["5", "4", "1"]


def test_jobs_that_stand_still_because_no_server_runs_are_told_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal, job_id = Journal(Home(home).journal_file), str(uuid.uuid4())
    journal.submit(job_id, PredictionSpec("mito", "a" * 64), "stack.tif with mito", max_open=5)
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    for pid, told in ((killed.pid, True), (os.getpid(), False)):
        Home(home).server_file.write_text(json.dumps({"pid": pid}))
        for words in (["jobs"], ["jobs", "show", job_id]):
            assert cli.main(words) == 0
            assert ("stands still" in capsys.readouterr().err) == told
    Home(home).server_file.unlink()
    assert cli.main(["jobs"]) == 0
    assert "stands still" in capsys.readouterr().err
    journal.move(job_id, JobState.CANCELLED)
    assert cli.main(["jobs"]) == 0
    assert capsys.readouterr().err == ""
    journal.close()


def test_the_doctor_finds_nothing_wrong_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "doctor", "--json"))
    assert found["ok"]
    assert {finding["subject"] for finding in found["findings"]} >= {"python", "device", "home", "server"}


def test_the_doctor_tells_how_much_lies_in_the_home(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, length in (("volumes/a", 3000), ("volumes/b/c", 72), ("staging/d", 5 * 1024**2)):
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_bytes(bytes(length))
    found = json.loads(said(capsys, "doctor", "--json"))["findings"]
    (space,) = (finding["sentence"] for finding in found if finding["subject"] == "space")
    assert "volumes 3.0 KiB, staging 5.0 MiB, jobs 0 B, work 0 B, models " in space


def test_the_doctor_names_what_is_wrong_and_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["doctor", "--home", str(tmp_path / "file")]) == 1
    assert "problem home" in capsys.readouterr().out


COMMANDS = [["models"], ["jobs"], ["volumes"], ["models", "show", "m"], ["serve", "--port", "0"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_home_that_is_no_folder_is_a_sentence(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"The home {home} is a file or lies below one." in said(
            capsys, *command, "--home", str(home), code=1
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_the_root_of_the_disk_is_no_home(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is the root of the disk" in said(capsys, *command, "--home", tmp_path.anchor, code=1)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_home_that_may_not_be_read_is_a_sentence(
    home: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("cristae.settings.os.scandir", refuse)
    assert f"The home {home} may not be read by this user." in said(capsys, *command, code=1)


def test_the_doctor_says_that_a_home_cannot_be_written(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system", str(home / "x"))

    monkeypatch.setattr("cristae.commands.doctor.tempfile.TemporaryFile", refuse)
    assert cli.main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert f"problem home: The home {home} cannot be written (Read-only file system)." in told
    assert "Errno" not in told

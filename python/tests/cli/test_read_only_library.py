"""A shared library of models: its home may be read by this user, and written by somebody else only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

import cristae
from cristae.errors import NotFound
from cristae.geometry import Box
from cristae.jobs.journal import Journal
from cristae.jobs.specs import PredictionSpec
from cristae.models import ModelLibrary
from cristae.volumes import VolumeSpec, VolumeStore

# File modes do not bind root, unless it gives these rights away.
_BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
AS_A_READER = _BOUND if hasattr(os, "getuid") and os.getuid() == 0 else ()

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="modes of folders mean nothing there"),
    pytest.mark.skipif(bool(AS_A_READER) and shutil.which("setpriv") is None, reason="root without setpriv"),
]


def run(*words: str | Path) -> str:
    """Run the command line with the rights of somebody who is not root, and return what it says."""
    ended = subprocess.run(
        [*AS_A_READER, sys.executable, "-m", "cristae.cli", *words], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def read_only(home: Path) -> Iterator[Path]:
    everything = [home, *home.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield home
    for path in everything:
        path.chmod(0o755)


def submit(journal: Journal, number: int) -> None:
    journal.submit(f"0000{number}-job", PredictionSpec("mito", "a" * 64), f"stack {number}", max_open=10)


@pytest.fixture
def volumes_and_jobs(home: Path) -> str:
    """A volume and a job in the home; the volume's digest."""
    writer = VolumeStore(home, free_floor_bytes=0).create(VolumeSpec((1, 2, 3, 4), "uint8", name="stack.tif"))
    writer.write(Box.of_shape((2, 3, 4)), np.ones((2, 3, 4), np.uint8))
    digest = writer.seal().digest
    journal = Journal(home / "journal.sqlite")
    submit(journal, 1)
    journal.close()
    return digest


def everything_in(home: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in [home, *home.rglob("*")]}


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_a_model_of_a_library_that_may_only_be_read_predicts(
    read_only: Path, stack: Path, tmp_path: Path, name: str
) -> None:
    before = everything_in(read_only)
    run("predict", stack, tmp_path / name, "--model", "mito")
    assert (tmp_path / name).exists()
    assert not (tmp_path / f".{name}.partial").exists()
    assert everything_in(read_only) == before
    if name == "out.tif":
        assert (tifffile.imread(tmp_path / name) == cristae.predict(stack, model="mito")).all()


def test_what_is_on_its_way_in_a_library_that_may_only_be_read_is_found_there(
    home: Path, request: pytest.FixtureRequest
) -> None:
    """A process that was killed left it so; only the owner can bring it to its place."""
    library = ModelLibrary(home / "models")
    (home / "models" / "mito").rename(home / "models" / ".ready" / "mito")
    (home / "models" / "broken").mkdir()
    request.getfixturevalue("read_only")
    told = run("models", "list")
    assert "mito" in told
    assert "neurons" in told
    assert "broken" not in told
    assert "1 mitochondria, 2 vesicles" in run("models", "show", "mito")
    assert library.names() == ["broken", "mito", "neurons"]


def test_a_name_that_a_library_lacks_is_told_whether_or_not_it_may_be_written(
    read_only: Path, stack: Path, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [*AS_A_READER, sys.executable, "-m", "cristae.cli", "models", "show", "nucleus"],
        capture_output=True,
        text=True,
    )
    assert ended.stderr == "cristae: There is no model 'nucleus'. There are: mito, neurons.\n"
    with pytest.raises(NotFound, match="There is no model 'nucleus'"):
        cristae.predict(stack, tmp_path / "out.tif", model="nucleus")


def test_volumes_and_jobs_of_a_home_that_may_only_be_read_are_listed(
    volumes_and_jobs: str, read_only: Path
) -> None:
    before = everything_in(read_only)
    assert f"{volumes_and_jobs[:12]}  stack.tif" in run("volumes", "list")
    assert "name: stack.tif" in run("volumes", "show", volumes_and_jobs[:12])
    assert "stack 1" in run("jobs")
    assert "00001-job: stack 1, prediction, queued" in run("jobs", "show", "00001")
    assert everything_in(read_only) == before


def test_jobs_that_a_killed_server_left_beside_its_journal_are_listed(
    volumes_and_jobs: str, home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    at_work = tmp_path / "at work" / "journal.sqlite"
    at_work.parent.mkdir()
    shutil.copy(home / "journal.sqlite", at_work)
    journal = Journal(at_work)
    submit(journal, 2)
    for ending in ("", "-wal", "-shm"):
        shutil.copy(f"{at_work}{ending}", f"{home / 'journal.sqlite'}{ending}")
    journal.close()
    read_only = request.getfixturevalue("read_only")
    before = everything_in(read_only)
    told = run("jobs")
    assert "stack 1" in told
    assert "stack 2" in told
    assert everything_in(read_only) == before


def test_reading_makes_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "none"))
    assert "There are no volumes." in run("volumes")
    assert "There are no jobs." in run("jobs")
    assert not (tmp_path / "none").exists()

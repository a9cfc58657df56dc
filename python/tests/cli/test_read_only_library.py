"""A shared library of models: its home may be read by this user, and written by somebody else only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile

import cristae
from cristae.errors import NotFound
from cristae.models import ModelLibrary

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

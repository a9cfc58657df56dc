"""What is refused at once: torch takes seconds to load."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import sys
from cristae import cli
code = cli.main(sys.argv[1:])
sys.exit("torch was loaded" if "torch" in sys.modules else code)
"""


@pytest.mark.parametrize("broken", ["gone.tif", "no-image.tif"])
@pytest.mark.parametrize(
    "words",
    [
        "train BROKEN stack.tif --model new",
        "train stack.tif BROKEN --model new",
        "train stack.tif labels.tif --also BROKEN stack.tif --model new",
        "predict BROKEN out.tif --model mito",
        "predict stack.tif out.tif --model mito --inside BROKEN",
    ],
)
def test_a_file_that_cannot_be_read_is_told_before_torch_is_loaded(
    words: str, broken: str, home: Path, stack: Path
) -> None:
    folder = stack.parent
    (folder / "no-image.tif").write_text("no image")
    shutil.copy(stack, folder / "labels.tif")
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *words.replace("BROKEN", broken).split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert broken in ended.stderr
    assert "torch was loaded" not in ended.stderr

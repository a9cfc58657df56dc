"""The main job as a user lives it: real ImageJ, plugin jar and server, one macro; and the command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
LEAST_DICE = 0.4
"""To call every voxel boundary scores 0.35."""


def check_scores(told: str) -> None:
    """Both scores stand on a line of their own, and after seconds of training the boundaries are found."""
    lines = [line.rpartition(" ") for line in told.splitlines()]
    said = {name: float(value) for name, _, value in lines if name in ("boundary Dice", "adapted Rand error")}
    assert set(said) == {"boundary Dice", "adapted Rand error"}
    assert said["boundary Dice"] > LEAST_DICE
    assert 0 <= said["adapted Rand error"] < 1


@pytest.mark.slow
def test_a_macro_in_imagej_trains_on_one_part_and_gets_the_labels_of_the_other(tmp_path: Path) -> None:
    macro = tmp_path / "short.ijm"
    text = (ROOT / "examples" / "demo.ijm").read_text(encoding="utf-8")
    macro.write_text(text.replace("minutes=3", "minutes=0.6"), encoding="utf-8")
    out = tmp_path / "with a space"
    hidden = {name: value for name, value in os.environ.items() if name != "DISPLAY"}

    command: list[str | Path] = [sys.executable, ROOT / "scripts" / "demo.py", "--macro", macro, "--out", out]
    told = subprocess.run(command, env=hidden, capture_output=True, text=True, timeout=280, check=False)

    assert told.returncode == 0, told.stdout + told.stderr
    check_scores(told.stdout)

    with tifffile.TiffFile(out / "right-neurons.tif") as labels:
        voxels = labels.asarray()
        calibration = labels.imagej_metadata
        resolution = labels.pages.first.tags["XResolution"].value
    assert calibration is not None
    assert voxels.shape == (50, 100, 70)
    assert (calibration["unit"], calibration["spacing"]) == ("nm", 10.0)
    assert resolution[0] / resolution[1] == pytest.approx(0.1)
    with Image.open(out / "demo.png") as picture:
        assert picture.size[0] > picture.size[1] > 400


@pytest.mark.slow
def test_the_demonstration_of_the_command_line_finds_most_of_the_boundaries_within_seconds(
    tmp_path: Path,
) -> None:
    out = tmp_path / "with a space"
    command: list[str | Path] = [sys.executable, "-m", "cristae.cli", "demo", "--minutes", "0.4"]
    told = subprocess.run(
        [*command, "--folder", out], capture_output=True, text=True, timeout=280, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    check_scores(told.stdout)
    assert tifffile.imread(out / "right-neurons.tif").shape == (50, 100, 70)
    with Image.open(out / "demo.png") as picture:
        assert picture.size[0] > picture.size[1] > 400

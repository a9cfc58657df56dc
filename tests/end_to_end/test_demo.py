"""The main job as a user lives it: real ImageJ, the real plugin jar, the real server, one macro."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_macro_in_imagej_trains_on_one_part_and_gets_the_labels_of_the_other(tmp_path: Path) -> None:
    macro = tmp_path / "short.ijm"
    text = (ROOT / "examples" / "demo.ijm").read_text(encoding="utf-8")
    macro.write_text(text.replace("minutes=2.5", "minutes=0.2"), encoding="utf-8")
    out = tmp_path / "with a space"
    hidden = {name: value for name, value in os.environ.items() if name != "DISPLAY"}

    command: list[str | Path] = [sys.executable, ROOT / "scripts" / "demo.py", "--macro", macro, "--out", out]
    told = subprocess.run(command, env=hidden, capture_output=True, text=True, timeout=280, check=False)

    assert told.returncode == 0, told.stdout + told.stderr
    scores = [line.rpartition(" ") for line in told.stdout.splitlines()]
    said = {
        name: float(value) for name, _, value in scores if name in ("boundary Dice", "adapted Rand error")
    }
    assert set(said) == {"boundary Dice", "adapted Rand error"}
    assert all(0 <= value <= 1 for value in said.values())

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

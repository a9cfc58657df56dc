"""``cristae augment`` writes a stack that ImageJ opens."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cristae import cli

SETTINGS = ("dimensions=2", "levels=2", "features=4", "patch_zyx=1,32,32", "batch=2")
TINY = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    labels = np.zeros((6, 64, 64), np.uint8)
    labels[:, 20:40, 10:50] = 1
    noise = np.random.default_rng(0).normal(0, 20, labels.shape)
    tifffile.imwrite(tmp_path / "raw.tif", np.clip(80 + 90 * labels + noise, 1, 255).astype(np.uint8))
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    return [str(tmp_path / "raw.tif"), str(tmp_path / "labels.tif")]


def test_a_plan_that_has_no_patches_is_refused_before_it_is_told(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["augment", *pair, str(tmp_path / "p.tif"), "--set", "learner=forest"]) == 1
    told = capsys.readouterr().err
    assert "A random forest sees no variants" in told
    assert "The plan:" not in told


def test_patches_and_labels_are_written_as_channels_of_a_stack(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "preview.tif"
    words = ["--patches", "3", "--voxel-size", "50,4,4", "--set", "augment_geometry=full", *TINY]
    assert cli.main(["augment", *pair, str(out), *words, "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "patches": 3}
    with tifffile.TiffFile(out) as file:
        assert file.is_imagej
        stack = file.asarray()
    assert stack.shape == (9, 2, 32, 32)  # three patches of three sections: z, c, y, x
    assert set(np.unique(stack[1::3, 1]).tolist()) <= {0, 1, 255}
    assert bool((stack[::3, 1] == 255).all())


def test_nothing_is_overwritten_unless_asked_for_and_labels_never(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "there.tif"
    out.write_bytes(b"mine")
    assert cli.main(["augment", *pair, str(out), *TINY]) == 1
    assert "there already" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert cli.main(["augment", *pair, pair[1], *TINY, "--overwrite"]) == 1
    assert "would be lost" in capsys.readouterr().err
    further = [shutil.copy(path, tmp_path / f"further-{number}.tif") for number, path in enumerate(pair)]
    for mine in further:
        before = mine.read_bytes()
        words = ["augment", *pair, str(mine), *TINY, "--overwrite", "--also", *map(str, further)]
        assert cli.main(words) == 1
        assert "would be lost" in capsys.readouterr().err
        assert mine.read_bytes() == before


def test_a_name_that_means_no_format_is_refused_before_anything_is_computed(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["augment", *pair, str(tmp_path / "out.png"), *TINY]) == 1
    told = capsys.readouterr().err
    assert "out.png has an ending that means no format" in told
    assert "The plan" not in told


def test_too_many_patches_are_refused(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["augment", *pair, "out.tif", "--patches", "1001"]) == 1
    assert "1 to 1000" in capsys.readouterr().err

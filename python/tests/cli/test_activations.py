import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cristae import cli


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli.main(["activations", *words]) == code
    told = capsys.readouterr()
    return told.err if code else told.out


def test_layers_are_listed_and_the_maps_of_one_are_a_stack_for_imagej(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = said(capsys, str(stack), "--model", "mito").splitlines()
    assert listed[0].split()[:3] == ["layer", "kind", "maps"]
    (line,) = [line for line in listed if line.startswith("encoder.1 ")]
    assert line.split()[1:] == ["ResidualBlock", "6", "1", "x", "2", "x", "2"]
    layers = json.loads(said(capsys, str(stack), "--model", "mito", "--json"))["layers"]
    assert {"name": "encoder.1", "kind": "ResidualBlock", "maps": 6, "reduction_zyx": [1, 2, 2]} in layers

    out = tmp_path / "maps.tif"
    words = [
        str(stack),
        "--model",
        "mito",
        "--layer",
        "encoder.1",
        "--out",
        str(out),
        "--voxel-size",
        "30,4,4",
    ]
    told = said(capsys, *words, "--z", "1:3", "--y", "4:11")
    assert (
        told
        == f"Written: {out}, 6 maps of 2 x 4 x {tifffile.imread(stack).shape[2] // 2} voxels (z, y, x).\n"
    )
    with tifffile.TiffFile(out) as file:
        maps, metadata = file.asarray(), file.imagej_metadata
        resolution = file.pages[0].tags["XResolution"].value
    assert maps.dtype == np.float32
    assert maps.shape == (2, 6, 4, tifffile.imread(stack).shape[2] // 2)  # z, c, y, x
    assert metadata is not None
    assert (metadata["unit"], metadata["spacing"], metadata["channels"]) == ("nm", 30.0, 6)
    assert resolution[0] / resolution[1] == pytest.approx(1 / 8)
    assert "is there already" in said(capsys, *words, code=1)
    assert json.loads(said(capsys, *words, "--overwrite", "--json"))["shape_czyx"][:2] == [
        6,
        1,
    ]  # the middle one


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--layer", "encoder.0"], "--layer and --out go together"),
        (["--out", "maps.tif"], "--layer and --out go together"),
        (["--layer", "encoder.7", "--out", "{tmp}/maps.tif"], "no layer 'encoder.7'"),
        (["--layer", "encoder.0", "--out", "{tmp}/maps.tif", "--z", "0:1000"], "reaches beyond the image"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence_and_no_file(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    given = [word.format(tmp=tmp_path) for word in words]
    assert told in said(capsys, str(stack), "--model", "mito", *given, code=1).splitlines()[-1]
    assert not (tmp_path / "maps.tif").exists()

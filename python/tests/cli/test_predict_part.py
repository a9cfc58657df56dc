"""A part of an image is predicted: inside of a mask, or of ranges of sections, rows and columns."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.errors import InvalidInput


def test_a_mask_says_which_part_is_predicted(home: Path, stack: Path, tmp_path: Path) -> None:
    whole = cristae.predict(stack, model="mito")
    inside = np.zeros((6, 40, 52), np.uint8)
    inside[2:4, 10:30, 10:40] = 255
    mask, out = tmp_path / "mask.tif", tmp_path / "out.tif"
    tifffile.imwrite(mask, inside)
    words = ["predict", str(stack), str(out), "--model", "mito", "--inside", str(mask)]
    assert cli.main(words) == 0
    assert np.array_equal(tifffile.imread(out), whole * (inside > 0))
    objects = cristae.predict(stack, model="neurons", inside=inside)
    assert not objects[inside == 0].any()
    with pytest.raises(InvalidInput, match="is what the result is made of"):
        cristae.predict(stack, mask, model="mito", inside=mask, overwrite=True)


def test_ranges_say_which_part_is_predicted(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = cristae.predict(stack, model="mito"), tmp_path / "out.tif"
    words = ["predict", str(stack), str(out), "--model", "mito", "--z", "2:4", "--x", "10:40"]
    assert cli.main(words) == 0
    expected = np.zeros_like(whole)
    expected[2:4, :, 10:40] = whole[2:4, :, 10:40]
    assert expected.any()
    assert np.array_equal(tifffile.imread(out), expected)
    objects = cristae.predict(stack, model="neurons", y=(0, 20))
    assert objects.any()
    assert not objects[:, 20:].any()
    capsys.readouterr()
    assert cli.main([*words[:-3], "2:7", "--overwrite"]) == 1
    assert "z 2:7 reaches beyond the image, which has 0:6 there." in capsys.readouterr().err
    with pytest.raises(InvalidInput, match=r"Both a mask and ranges of z, y or x are given"):
        cristae.predict(stack, model="mito", inside=whole, z=(0, 2))
    with pytest.raises(InvalidInput, match=r"The argument y is 3; give two whole numbers"):
        cristae.predict(stack, model="mito", y=3)  # type: ignore[arg-type]

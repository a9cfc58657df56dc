"""A folder with a file for each mask, given as labels without saying so: what is said about it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.errors import InvalidInput
from cristae.events import Event, Note

HINT = (
    r"If each file is one mask, choose the target masks \(--target masks\); if each is one object, make one"
)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "home"))
    voxels = np.random.default_rng(0).integers(0, 255, (3, 32, 32)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "raw.tif", voxels, photometric="minisblack")
    return tmp_path / "raw.tif"


def folder_of(place: Path, shape: tuple[int, ...], *names: str) -> Path:
    """Masks of 0 and 255, each with another square."""
    place.mkdir()
    for number, name in enumerate(names):
        mask = np.zeros(shape, np.uint8)
        mask[..., 4 + number : 12 + number, 4:20] = 255
        tifffile.imwrite(place / name, mask, photometric="minisblack")
    return place


@pytest.mark.parametrize(
    ("shape", "names", "found"),
    [
        ((3, 32, 32), ("er.tif", "mito.tif"), "er.tif holds 3 planes"),
        ((32, 32), ("object 1.tif", "object 2.tif"), "1 section is missing in the labels"),
        ((32, 32), ("a1.tif", "a2.tif", "a3.tif", "a4.tif"), "1 section too many"),
    ],
)
def test_a_folder_of_masks_that_does_not_fit_as_sections_is_refused_with_what_it_may_be(
    raw: Path, shape: tuple[int, ...], names: tuple[str, ...], found: str
) -> None:
    masks = folder_of(raw.parent / "masks", shape, *names)
    with pytest.raises(InvalidInput, match=f"{found}.* {HINT}"):
        cristae.train(raw, masks, model="m", steps=1)
    if shape == (3, 32, 32):
        with pytest.raises(InvalidInput, match=f"{found}.* {HINT}"):
            cristae.evaluate(masks, masks)


def test_a_folder_with_a_folder_for_each_mask_is_refused_with_what_it_may_be(raw: Path) -> None:
    (raw.parent / "masks").mkdir()
    for name in ("er", "mito"):
        folder_of(raw.parent / "masks" / name, (32, 32), "1.tif", "2.tif", "3.tif")
    with pytest.raises(InvalidInput, match=f"holds neither .* {HINT}"):
        cristae.train(raw, raw.parent / "masks", model="m", steps=1)


@pytest.mark.parametrize(
    ("names", "warned"), [(("er.tif", "golgi.tif", "mito.tif"), True), (("1.tif", "2.tif", "3.tif"), False)]
)
def test_files_without_numbers_that_fit_as_sections_are_told_in_which_order_they_are_read(
    raw: Path, names: tuple[str, ...], warned: bool
) -> None:
    masks = folder_of(raw.parent / "labels", (32, 32), *names)
    told: list[Event] = []
    small = {"dimensions": "2", "levels": "2", "features": "4", "patch_zyx": "1,32,32", "batch": "1"}
    cristae.train(raw, masks, model="m", steps=1, settings=small, on_event=told.append)
    order = "read as sections, in the order of their names: er, golgi, mito. If each file is one mask"
    assert any(isinstance(e, Note) and e.is_warning and order in e.sentence for e in told) == warned


def test_labels_of_another_shape_in_one_file_get_no_hint_of_folders(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(raw.parent / "two.tif", np.ones((2, 32, 32), np.uint8), photometric="minisblack")
    assert cli.main(["train", str(raw), str(raw.parent / "two.tif"), "--model", "m"]) == 1
    told = capsys.readouterr().err
    assert "1 section is missing" in told
    assert "If each file" not in told

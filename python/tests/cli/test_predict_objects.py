"""Objects of an image that is decoded in several blocks, on the way into a file."""

from pathlib import Path

import cc3d
import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import cristae
from cristae import cli
from cristae.door.workers import LocalWorkers
from cristae.errors import Cancelled, CorruptData, InvalidInput, OutOfMemory
from cristae.events import Progress
from cristae.geometry import Box
from cristae.labels import necks
from cristae.prediction import fitting, instances, units
from cristae.prediction.decoding import blocks_of
from cristae.volumes import open_image
from cristae.volumes.staging import staging_folder

CHOICES = {"voxel_size_nm": (10.0, 10.0, 10.0)}


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack of several blocks and tiles."""
    noise = gaussian_filter(np.random.default_rng(2).normal(size=(6, 200, 300)), (0.5, 2, 2))
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, np.clip(128 + 90 * noise / noise.std(), 0, 255).astype(np.uint8))
    monkeypatch.setattr(
        instances, "blocks_of", lambda shape, multiple, _: blocks_of(shape, multiple, 100_000)
    )
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 40_000)
    return path


def same_partition(one, other):
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(np.unique(side).size == pairs.shape[1] for side in pairs)


def test_the_objects_of_classes_are_their_connected_pieces(home: Path, wide: Path, tmp_path: Path) -> None:
    labels = cristae.predict(wide, model="mito", **CHOICES)
    out = tmp_path / "objects.tif"
    cristae.predict(wide, out, model="mito", kind="instances", **CHOICES)
    found = tifffile.imread(out)
    assert found.dtype == np.uint16
    assert found.max() > 20
    assert same_partition(found, cc3d.connected_components(labels, connectivity=6))
    assert np.array_equal(np.unique(found), np.arange(found.max() + 1))


def test_touching_objects_are_split_into_parts_of_the_pieces(
    home: Path, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What an untrained network finds has no necks: all fragments stay apart.
    monkeypatch.setattr(necks, "NARROW", 2.0)
    monkeypatch.setattr(necks, "SURELY", -100.0)
    pieces = cristae.predict(wide, model="mito", kind="instances", **CHOICES)
    out = tmp_path / "split.tif"
    words = ["predict", str(wide), str(out), "--model", "mito", "--voxel-size", "10,10,10"]
    assert cli.main([*words, "--output", "instances", "--split-touching"]) == 0
    found = tifffile.imread(out)
    assert found.max() > pieces.max()
    assert np.array_equal(found > 0, pieces > 0)
    pairs = np.unique(np.stack([found.ravel(), pieces.ravel()]), axis=1)
    assert pairs.shape[1] == found.max() + 1, "each lies in one piece"
    whole = cristae.predict(
        tifffile.imread(wide), model="mito", kind="instances", split_touching=True, **CHOICES
    )
    assert same_partition(found, whole)


@pytest.mark.parametrize(
    ("model", "kind", "said"),
    [
        ("mito", None, "split in the output instances, not in labels"),
        ("neurons", None, "is for models of classes"),
        ("neurons", "labels", "not in labels"),
    ],
)
def test_what_cannot_be_split_is_refused(
    home: Path, wide: Path, model: str, kind: str | None, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        cristae.predict(wide, model=model, kind=kind, split_touching=True, **CHOICES)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["mito", "neurons"])
def test_what_was_interrupted_goes_on_and_ends_with_the_same_objects(
    home: Path, wide: Path, tmp_path: Path, model: str
) -> None:
    choices = CHOICES | {"model": model, "kind": "instances"}
    whole = cristae.predict(wide, **choices)
    out = tmp_path / "objects.tif"
    asked = iter(range(1000))
    with pytest.raises(Cancelled, match="same command again"):
        cristae.predict(wide, out, should_stop=lambda: next(asked) >= 2, **choices)
    told: list[object] = []
    # Now it ends between two blocks: what the network said is all there.
    stopped = lambda: any(isinstance(e, Progress) and e.stage == "Finding objects" for e in told)  # noqa: E731
    with pytest.raises(Cancelled, match="same command again"):
        cristae.predict(wide, out, on_event=told.append, should_stop=stopped, **choices)
    assert any("2 of" in str(event) and "finished before the interruption" in str(event) for event in told)
    told.clear()
    cristae.predict(wide, out, on_event=told.append, **choices)
    assert not any(isinstance(event, Progress) and event.stage == "Predicting" for event in told)
    assert np.array_equal(tifffile.imread(out), whole)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def stopped_while_objects_were_found(source: object, out: Path, **choices: object) -> None:
    told: list[object] = []
    stopped = lambda: any(isinstance(e, Progress) and e.stage == "Finding objects" for e in told)  # noqa: E731
    with pytest.raises(Cancelled):
        cristae.predict(source, out, on_event=told.append, should_stop=stopped, **choices)


@pytest.mark.parametrize("other", ["image", "shape", "voxel size", "model"])
def test_what_another_prediction_left_does_not_count(
    home: Path, wide: Path, tmp_path: Path, other: str
) -> None:
    out = tmp_path / "objects.tif"
    choices = CHOICES | {"model": "mito", "kind": "instances"}
    stopped_while_objects_were_found(wide, out, **choices)
    assert (staging_folder(out).with_suffix(".answers") / "answers").exists()
    voxels = tifffile.imread(wide)
    if other == "image":
        tifffile.imwrite(wide, 255 - voxels)
    elif other == "shape":
        tifffile.imwrite(wide, voxels[:, :170, ::-1])
    elif other == "voxel size":
        choices["voxel_size_nm"] = (10.0, 20.0, 20.0)
    else:
        choices["model"] = "neurons"
    cristae.predict(wide, out, **choices)
    assert np.array_equal(tifffile.imread(out), cristae.predict(wide, **choices))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_array_never_gets_what_another_one_left(home: Path, wide: Path, tmp_path: Path) -> None:
    out, voxels = tmp_path / "objects.tif", tifffile.imread(wide)
    choices = CHOICES | {"model": "mito", "kind": "instances"}
    stopped_while_objects_were_found(wide, out, **choices)  # what a kill leaves lies there
    cristae.predict(255 - voxels, out, **choices)
    assert np.array_equal(tifffile.imread(out), cristae.predict(255 - voxels, **choices))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_answers_that_the_disk_has_spoilt_are_computed_anew(home: Path, wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "objects.tif"
    choices = CHOICES | {"model": "mito", "kind": "instances"}
    stopped_while_objects_were_found(wide, out, **choices)
    chunk = next(
        p
        for p in (staging_folder(out).with_suffix(".answers") / "answers").rglob("*")
        if p.is_file() and p.name == "0"
    )
    chunk.write_bytes(b"rust")
    with pytest.raises(CorruptData):
        cristae.predict(wide, out, **choices)
    cristae.predict(wide, out, **choices)
    assert np.array_equal(tifffile.imread(out), cristae.predict(wide, **choices))


def test_labels_under_the_same_name_clear_away_what_objects_left(
    home: Path, wide: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tif"
    stopped_while_objects_were_found(wide, out, **(CHOICES | {"model": "mito", "kind": "instances"}))
    cristae.predict(wide, out, model="mito", **CHOICES)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_more_objects_than_16_bits_hold_come_with_32(
    home: Path, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cristae.prediction.decoding.LARGEST_16_BIT_ID", 3)
    out = tmp_path / "objects.zarr"
    cristae.predict(wide, out, model="mito", kind="instances", **CHOICES)
    assert cristae.predict(out, model="mito", **CHOICES).shape == (6, 200, 300)
    from cristae.volumes import open_image

    assert open_image(out).dtype == np.uint32


@pytest.mark.parametrize("model", ["mito", "neurons"])
def test_one_two_and_four_processes_find_the_same_objects_to_the_byte(
    home: Path, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(units, "LEAST_VOXELS", 1)
    monkeypatch.setattr(units, "FEWEST_UNITS", 100)
    choices = CHOICES | {"model": model, "kind": "instances"}
    found = []
    for count in (1, 2, 4):
        out = tmp_path / f"{count}.tif"
        cristae.predict(wide, out, workers=LocalWorkers(count), **choices)
        found.append(out.read_bytes())
    assert found[0] == found[1] == found[2]
    alone = cristae.predict(wide, engine="torch", **choices)
    assert alone.max() > (5 if model == "mito" else 0)
    assert np.array_equal(tifffile.imread(tmp_path / "1.tif"), alone)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_search_by_several_processes_goes_on_with_another_number_of_them(
    home: Path, wide: Path, tmp_path: Path
) -> None:
    out = tmp_path / "objects.zarr"
    choices = CHOICES | {"model": "neurons", "kind": "instances"}
    stopped_while_objects_were_found(wide, out, workers=LocalWorkers(2), **choices)
    told: list[object] = []
    cristae.predict(wide, out, on_event=told.append, **choices)  # what is complete is anybody's
    assert not any(isinstance(event, Progress) and event.stage == "Predicting" for event in told)
    whole = cristae.predict(wide, engine="torch", **choices)
    assert np.array_equal(open_image(out).read(Box.of_shape(whole.shape))[0], whole)


def test_more_processes_than_the_memory_holds_are_refused_before_the_work(
    home: Path, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "available_bytes", lambda: 2 * 96 * 6 * 200 * 200)
    with pytest.raises(OutOfMemory, match=r"in each of 3 processes.* start fewer processes"):
        cristae.predict(
            wide, tmp_path / "o.tif", model="neurons", kind="instances", workers=LocalWorkers(3), **CHOICES
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "wide.tif"]

"""Objects of an image that is decoded in several blocks, on the way into a file."""

from functools import partial
from pathlib import Path

import cc3d
import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import cristae
from cristae.errors import Cancelled
from cristae.events import Progress
from cristae.prediction import fitting, instances
from cristae.prediction.decoding import blocks_of
from cristae.volumes.staging import staging_folder

CHOICES = {"voxel_size_nm": (10.0, 10.0, 10.0)}


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack of several blocks and tiles."""
    noise = gaussian_filter(np.random.default_rng(2).normal(size=(6, 200, 300)), (0.5, 2, 2))
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, np.clip(128 + 90 * noise / noise.std(), 0, 255).astype(np.uint8))
    monkeypatch.setattr(instances, "blocks_of", partial(blocks_of, most=100_000))
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


def test_what_another_image_left_does_not_count(home: Path, wide: Path, tmp_path: Path) -> None:
    out, asked = tmp_path / "objects.tif", iter(range(1000))
    choices = CHOICES | {"model": "mito", "kind": "instances"}
    with pytest.raises(Cancelled):
        cristae.predict(wide, out, should_stop=lambda: next(asked) >= 2, **choices)
    assert staging_folder(out).with_suffix(".objects").exists()
    tifffile.imwrite(wide, 255 - tifffile.imread(wide))
    cristae.predict(wide, out, **choices)
    assert np.array_equal(tifffile.imread(out), cristae.predict(wide, **choices))


def test_more_objects_than_16_bits_hold_come_with_32(
    home: Path, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cristae.prediction.decoding.LARGEST_16_BIT_ID", 3)
    out = tmp_path / "objects.zarr"
    cristae.predict(wide, out, model="mito", kind="instances", **CHOICES)
    assert cristae.predict(out, model="mito", **CHOICES).shape == (6, 200, 300)
    from cristae.volumes import open_image

    assert open_image(out).dtype == np.uint32

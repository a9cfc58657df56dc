"""What is doubted of labels that are measured, and what is said of a table of an earlier run."""

from importlib.util import find_spec

import numpy as np
import pytest

import cristae
from cristae.errors import AlreadyExists, InvalidInput
from cristae.events import Note
from cristae.measuring.doubts import raw_image_told
from cristae.volumes import ArrayImage, VoxelSize

random = np.random.default_rng(0)


def told(labels, **more):
    notes = []
    cristae.measure(labels, on_event=lambda event: notes.append(event), **more)
    return [event.sentence for event in notes if isinstance(event, Note)]


def doubts(labels):
    return [sentence for sentence in told(labels) if "so has a raw image" in sentence]


@pytest.mark.parametrize(
    "raw",
    [
        random.normal(120, 30, (4, 96, 96)).clip(1, 255).astype(np.uint8),
        random.normal(120, 30, (200, 200)).clip(1, 255).astype(np.uint8),
        random.integers(1, 60_000, (8, 40, 40)).astype(np.uint16),
    ],
)
def test_a_raw_image_in_the_place_of_labels_is_doubted(raw):
    (doubt,) = doubts(raw)
    assert "no background" in doubt


def test_labels_are_not_doubted():
    blocks = np.arange(1, 65).reshape(4, 4, 4).repeat(6, 0).repeat(6, 1).repeat(6, 2)  # without background
    columns = np.arange(1, 101).reshape(1, 10, 10).repeat(20, 0).repeat(4, 1).repeat(4, 2)
    specks = np.zeros((8, 40, 40), np.uint16)
    specks.reshape(-1)[::10] = np.arange(1, 1281)  # small ones, far apart
    few = random.integers(1, 20, (40, 40))
    for labels in (blocks, columns, specks, few):
        assert doubts(labels.astype(np.uint16)) == []
    filtered = told(random.integers(1, 255, (4, 64, 64)).astype(np.uint8), where="id < 3")
    assert not any("raw image" in sentence for sentence in filtered)


def test_a_raw_image_of_a_line_is_measured_too():
    assert raw_image_told.__doc__
    assert doubts(np.arange(1, 101, dtype=np.uint8)[None])  # one voxel each


def test_other_voxel_sizes_are_told():
    labels = ArrayImage(np.ones((2, 4, 4), np.uint8), VoxelSize(50, 4, 4))
    raw = ArrayImage(np.ones((2, 4, 4), np.uint8), VoxelSize(50, 8, 8))
    unknown, same = (ArrayImage(np.ones((2, 4, 4), np.uint8), size) for size in (None, VoxelSize(50, 4, 4)))
    sentence = (
        "The raw image states voxels of 50 x 8 x 8 nm (z, y, x), and the labels 50 x 4 x 4: the labels count."
    )
    assert sentence in told(labels, raw=raw)
    assert [s for s in told(labels, other=raw) if "states voxels" in s] == [sentence.replace("raw", "other")]
    assert not [s for s in told(labels, raw=unknown, classes=same) if "states voxels" in s]
    assert not [s for s in told(unknown, raw=raw) if "states voxels" in s]


ENDINGS = [".csv", *([".parquet"] if find_spec("pyarrow") else [])]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_of_contacts_of_an_earlier_run_does_not_stay_beside_a_new_one(tmp_path, ending):
    labels = np.array([[[1, 1, 2]]], np.uint8)
    out, beside = tmp_path / f"cells{ending}", tmp_path / f"cells-contacts{ending}"
    cristae.measure(labels, out, contacts=True)
    out.unlink()
    with pytest.raises(AlreadyExists, match="of an earlier run"):
        cristae.measure(labels, out)
    assert beside.exists()
    assert not out.exists()
    assert f"{beside} of an earlier run was removed: no contacts were asked for." in told(
        labels, out=out, overwrite=True
    )
    assert not beside.exists()


def test_another_file_of_that_name_stays(tmp_path):
    beside = tmp_path / "cells-contacts.csv"
    beside.write_text("people to ask\n")
    cristae.measure(np.array([[[1, 1, 2]]], np.uint8), tmp_path / "cells.csv", overwrite=True)
    assert beside.read_text() == "people to ask\n"


def test_a_table_never_lies_in_an_image(tmp_path):
    store = tmp_path / "cells.zarr"
    store.mkdir()
    (store / "zarr.json").write_text("{}")
    with pytest.raises(InvalidInput, match="would lie in the image"):
        cristae.measure(np.ones((1, 4, 4), np.uint8), store / "cells.csv")

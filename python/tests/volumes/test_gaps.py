"""Chunks that a foreign store does not hold are counted and told; broken ones are named."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorstore
import zarr

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.volumes import gaps, open_image, told_of
from cristae.volumes.data_root import DataRoot
from cristae.volumes.gaps import Stored, chunks_present
from cristae.volumes.image import ArrayImage, Doubt
from cristae.volumes.reader import Reader

VOXELS = np.random.default_rng(0).integers(1, 200, (12, 20, 25)).astype(np.uint8)
CHUNKS = (5, 7, 9)
FIRST_MISSING = r"\[5:10, 0:7, 18:25\], z, y, x"


def files_of(kind: str) -> dict[str, object]:
    return {
        "v2": {"zarr_format": 2},
        "v2 in folders": {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
        "v3": {},
        "v3 side by side": {"chunk_key_encoding": {"name": "default", "separator": "."}},
        "v3 named as v2": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    }[kind]


def chunk_file(array: zarr.Array, *at: int) -> Path:
    return Path(str(array.store.root)) / array.path / array.metadata.encode_chunk_key(at)


def doubts(image) -> list[str]:
    return [note.sentence for note in told_of([image]) if note.is_warning]


@pytest.mark.parametrize("kind", ["v2", "v2 in folders", "v3", "v3 side by side", "v3 named as v2"])
def test_missing_chunks_are_counted_and_the_first_is_named(tmp_path, kind):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2 if "2" in kind[:2] else 3)
    options = {name: value for name, value in files_of(kind).items() if name != "zarr_format"}
    array = group.create_array(
        "raw", shape=VOXELS.shape, dtype="uint8", chunks=CHUNKS, fill_value=7, **options
    )
    array[:] = VOXELS
    assert doubts(open_image(tmp_path / "a.zarr")) == []
    chunk_file(array, 1, 0, 2).unlink()
    chunk_file(array, 2, 2, 2).unlink()
    image = open_image(tmp_path / "a.zarr")
    (told,) = doubts(image)
    assert told.startswith(
        "2 of 27 chunks of a.zarr are not there (the first one is the box [5:10, 0:7, 18:25], z, y, x, in "
        "voxels): 7 is taken for their voxels."
    )
    assert (image.read(Box((5, 0, 18), (10, 7, 25))) == 7).all()


def test_a_block_that_an_n5_array_lacks_is_told_in_z_y_x(tmp_path):
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{tmp_path}/a.n5/"},
        "metadata": {
            "dimensions": VOXELS.T.shape,
            "blockSize": CHUNKS[::-1],
            "dataType": "uint8",
            "compression": {"type": "gzip"},
        },
    }
    tensorstore.open(spec, create=True).result().write(VOXELS.T).result()
    assert open_image(tmp_path / "a.n5").notes == ()
    (tmp_path / "a.n5" / "2" / "0" / "1").unlink()
    (tmp_path / "a.n5" / "0" / "1" / "1").unlink()
    (told,) = doubts(open_image(tmp_path / "a.n5"))
    assert told.startswith(
        "2 of 27 chunks of a.n5 are not there (the first one is the box [5:10, 0:7, 18:25]"
    )
    (tmp_path / "a.n5" / "0" / "1" / "1").write_bytes(b"no block")
    with pytest.raises(CorruptData, match=r"The box \[5:10, 7:14, 0:9\] \(z, y, x\) of a\.n5 cannot be read"):
        open_image(tmp_path / "a.n5").read(Box.of_shape(VOXELS.shape))


@pytest.mark.parametrize("location", ["start", "end"])
def test_chunks_that_a_shard_lacks_are_counted_and_whole_shards_too(tmp_path, location):
    codec = zarr.codecs.ShardingCodec(chunk_shape=(2, 4, 4), index_location=location)
    array = zarr.create(
        shape=(10, 8, 8),
        chunks=(4, 8, 8),
        codecs=[codec],
        dtype="uint8",
        fill_value=0,
        store=tmp_path / "a.zarr",
    )
    array[0:2] = 5
    array[2:4, :4, :4] = 6
    array[8:10] = 9
    present = np.zeros((5, 2, 2), bool)
    present[[0, 4]] = True
    present[1, 0, 0] = True
    (told,) = doubts(open_image(tmp_path / "a.zarr"))
    assert told.startswith(
        f"{(~present).sum()} of 20 chunks of a.zarr are not there (the first one is the box"
    )
    assert "[2:4, 0:4, 4:8]" in told


def test_only_names_of_the_grid_count_as_chunks(tmp_path):
    for name in ("0.0", "1.1", "0.2", "00.0", "0.0.0", "c.0.0", ".zarray"):
        (tmp_path / name).touch()
    stored = Stored(tmp_path, (4, 4), (2, 2), "", ".", 0)
    assert chunks_present(stored).tolist() == [[True, False], [False, True]]


def test_a_store_of_too_many_chunks_is_not_looked_through_and_says_so(tmp_path, monkeypatch):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=VOXELS.shape, dtype="uint8", chunks=CHUNKS, fill_value=0
    )
    array[:5] = VOXELS[:5]
    for name, value in (("MOST_CHUNKS", 26), ("LONGEST_S", -1.0)):
        with monkeypatch.context() as patch:
            patch.setattr(gaps, name, value)
            image = open_image(tmp_path / "a.zarr")
        assert doubts(image) == []
        assert "has 27 chunks: that all are there was not looked at" in image.notes[-1]
    assert len(doubts(open_image(tmp_path / "a.zarr"))) == 1


def test_missing_chunks_are_told_of_what_lies_under_a_data_root_when_it_is_opened(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=VOXELS.shape, dtype="uint8", chunks=CHUNKS, fill_value=0
    )
    array[:] = VOXELS
    chunk_file(array, 1, 0, 2).unlink()
    chunk_file(array, 0, 1, 0).write_bytes(b"broken")
    with Reader(DataRoot(tmp_path)) as reader:
        image = reader.open("a.zarr", title="mine")
        assert [told.startswith("1 of 27 chunks of a.zarr is not there") for told in doubts(image)] == [True]
        with pytest.raises(CorruptData, match=r"The box \[0:5, 7:14, 0:9\] \(z, y, x\)"):
            image.read(Box((0, 2, 0), (12, 20, 25)))


def test_the_broken_chunk_is_named_and_not_what_was_being_read(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr",
        data=np.stack([VOXELS, VOXELS]),
        chunks=(1, *CHUNKS),
        dimension_names=["c", "z", "y", "x"],
    )
    chunk_file(array, 1, 2, 0, 1).write_bytes(b"broken")
    with pytest.raises(
        CorruptData, match=r"The box \[10:12, 0:7, 9:18\] \(z, y, x\) of a\.zarr cannot be read"
    ):
        open_image(tmp_path / "a.zarr").read(Box.of_shape(VOXELS.shape))
    assert json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["shape"] == [2, *VOXELS.shape]


def test_of_several_sparse_stores_one_sentence_tells(tmp_path):
    images = []
    for number in range(3):
        array = zarr.create_array(
            tmp_path / f"{number}.zarr", shape=VOXELS.shape, dtype="uint8", chunks=CHUNKS, fill_value=0
        )
        array[:5] = VOXELS[:5]
        images.append(open_image(tmp_path / f"{number}.zarr"))
    other = ArrayImage(VOXELS, notes=(Doubt("It is dark."),))
    told = list(told_of([images[0], other, images[0], None]))
    assert [note.sentence for note in told] == [*doubts(images[0]), "It is dark."]
    told = list(told_of([other, *images[:2]]))
    assert [note.is_warning for note in told] == [True, True]
    assert told[1].sentence == f"{doubts(images[0])[0]} 1 further image lacks chunks, too."
    (only,) = told_of(images)
    assert only.sentence.endswith("2 further images lack chunks, too.")

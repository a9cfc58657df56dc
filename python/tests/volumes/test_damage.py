"""What the disk changed is noticed, and what is not there is never made up."""

import numpy as np
import pytest
import tensorstore
import yaozarrs
import zarr
from sending import NM, open_upload, random_volume, send, spec_of

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.volumes import LabelClass, VolumeSpec
from cristae.volumes.chunks import ChunkFormat, chunk_name


def sealed(store, kind, voxels, classes=()):
    if kind == "upload":
        return send(open_upload(store, voxels), voxels).seal()
    writer = store.create(spec_of(voxels, classes=classes))
    writer.write(Box.of_shape(voxels.shape[1:]), voxels)
    return writer.seal()


@pytest.fixture(params=["upload", "result"])
def kind(request):
    return request.param


def read_everything(store, digest):
    volume = store.open(digest)
    volume.read(Box.of_shape(volume.shape_czyx[1:]))


def test_every_flipped_bit_is_noticed(store, kind):
    voxels = random_volume((2, 3, 20, 30), "uint16") // 50
    digest = sealed(store, kind, voxels).digest
    files = sorted(path for path in (store.volumes / digest).rglob("*") if path.is_file())
    chance = np.random.default_rng(0)
    for _ in range(400):
        path = files[chance.integers(len(files))]
        whole = path.read_bytes()
        bit = int(chance.integers(8 * len(whole)))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptData):
            read_everything(store, digest)
        path.write_bytes(whole)
    read_everything(store, digest)


def chunk_file(volume, kind, index):
    chunk_format = ChunkFormat.PLAIN if kind == "upload" else ChunkFormat.ZSTD
    return volume.folder / "0" / chunk_name(volume.spec.blocks.coordinates(index), chunk_format)


def test_a_missing_chunk_is_an_error_that_names_its_box(store, kind):
    voxels = random_volume((1, 20, 300, 280))
    volume = sealed(store, kind, voxels)
    for index in range(volume.spec.blocks.count):
        box = volume.spec.blocks.box(index)
        chunk = chunk_file(volume, kind, index)
        whole = chunk.read_bytes()
        chunk.unlink()
        fresh = store.open(volume.digest)
        with pytest.raises(CorruptData) as caught:
            fresh.read(Box(box.start[1:], box.stop[1:]))
        assert caught.value.sentence == (
            f"The stored voxels of the box {box} (c, z, y, x) are missing. Send the image again, or compute "
            "the result again; nothing was invented in their place."
        )
        with pytest.raises(CorruptData, match="missing"):
            fresh.read_block(index)
        chunk.write_bytes(whole)


@pytest.mark.parametrize("size", [0, 3, 4, 5, -1])
def test_a_chunk_that_was_cut_short_is_damaged(store, kind, size):
    volume = sealed(store, kind, random_volume((1, 2, 20, 30)))
    chunk = chunk_file(volume, kind, 0)
    chunk.write_bytes(chunk.read_bytes()[:size])
    with pytest.raises(CorruptData, match="damaged"):
        store.open(volume.digest).read_block(0)


def test_a_chunk_of_another_volume_with_a_right_checksum_is_noticed_by_its_size(store):
    small = sealed(store, "result", random_volume((1, 2, 20, 30)))
    large = sealed(store, "result", random_volume((1, 2, 20, 31)))
    (small.folder / "0/c/0/0/0/0").write_bytes((large.folder / "0/c/0/0/0/0").read_bytes())
    with pytest.raises(CorruptData, match="damaged"):
        small.read_block(0)


@pytest.mark.parametrize("name", ["zarr.json", "0/zarr.json"])
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b'{"attributes": 1}', b"[" * 100_000, b"\xff"]
)
def test_metadata_of_any_kind_is_refused_cleanly(store, name, content):
    volume = sealed(store, "upload", random_volume((1, 1, 4, 4)))
    (volume.folder / name).write_bytes(content)
    with pytest.raises(CorruptData, match="metadata"):
        store.open(volume.digest)
    assert store.list() == []
    (volume.folder / name).unlink()
    with pytest.raises(CorruptData, match="metadata"):
        store.open(volume.digest)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_yaozarrs_and_two_other_readers_agree(store, kind, dtype):
    voxels = random_volume((2, 5, 150, 270), dtype)
    classes = (LabelClass(1, "mito", 0xFF8000), LabelClass(2, "myelin"))
    volume = sealed(store, kind, voxels, classes)
    yaozarrs.validate_zarr_store(volume.folder)
    assert np.array_equal(zarr.open_group(volume.folder, mode="r")["0"][:], voxels)
    source = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(volume.folder / "0")}}
    assert np.array_equal(tensorstore.open(source, read=True).result().read().result(), voxels)


def test_ome_metadata_says_axes_units_scale_and_labels(store):
    voxels = random_volume((1, 2, 4, 4))
    volume = sealed(store, "result", voxels, (LabelClass(1, "mito", 0xFF8001), LabelClass(2, "myelin")))
    ome = zarr.open_group(volume.folder, mode="r").attrs["ome"]
    multiscale = ome["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["c", "z", "y", "x"]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [None, "nanometer", "nanometer", "nanometer"]
    assert multiscale["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1, 50, 4.6, 4.6]}
    ]
    assert ome["image-label"]["colors"] == [{"label-value": 1, "rgba": [255, 128, 1, 255]}]
    assert ome["image-label"]["properties"][1] == {"label-value": 2, "name": "myelin"}
    assert zarr.open_group(volume.folder, mode="r").attrs["cristae"]["display_unit"] == NM.display_unit


def test_a_voxel_size_that_is_not_known_has_no_unit(store):
    writer = store.create(VolumeSpec((1, 1, 2, 2), "float32", name="p"))
    writer.write(Box.of_shape((1, 2, 2)), np.full((1, 2, 2), np.nan, np.float32))
    volume = writer.seal()
    yaozarrs.validate_zarr_store(volume.folder)
    axes = zarr.open_group(volume.folder, mode="r").attrs["ome"]["multiscales"][0]["axes"]
    assert all("unit" not in axis for axis in axes)
    assert store.open(volume.digest).voxel_size is None
    assert np.isnan(store.open(volume.digest).read(Box.of_shape((1, 2, 2)))).all()

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import google_crc32c
import numpy as np
import pytest
import zarr
from sending import NM, block_bytes, open_upload, random_volume, send, spec_of

from cristae.errors import Busy, CorruptData, DiskFull, InvalidInput, LimitExceeded, NotFound
from cristae.geometry import Box
from cristae.volumes import LabelClass, StoredVolume, VolumeSpec, VolumeStore, array_digest, block_shape_for
from cristae.volumes.chunks import ChunkFormat, chunk_name
from cristae.volumes.ome import array_document


def everything(volume):
    return volume.read(Box.of_shape(volume.shape_czyx[1:]))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("shape", [(1, 20, 300, 280), (3, 1, 40, 50), (1, 1, 1, 1)])
def test_what_was_sent_comes_back_with_its_digest(store, shape, dtype):
    voxels = random_volume(shape, dtype)
    volume = send(open_upload(store, voxels), voxels).seal()
    assert volume.digest == array_digest(voxels, NM)
    assert np.array_equal(everything(store.open(volume.digest)), voxels)
    for index in range(volume.spec.blocks.count):
        body, crc = volume.read_block_and_crc(index)
        assert body == volume.read_block(index) == block_bytes(voxels, volume.spec, index)
        assert crc == google_crc32c.value(bytes(body))


def test_zarr_python_reads_the_same_voxels(store):
    voxels = random_volume((2, 18, 150, 270), "uint16")
    volume = send(open_upload(store, voxels), voxels).seal()
    group = zarr.open_group(volume.folder, mode="r")
    assert np.array_equal(group["0"][:], voxels)
    assert group.attrs["cristae"]["digest"] == volume.digest


def test_a_volume_remembers_what_it_is(store):
    voxels = random_volume((1, 2, 30, 40))
    classes = (LabelClass(1, "mitochondria", 0xFF0000), LabelClass(2, "Vésicules"))
    upload = store.open_upload(spec_of(voxels, "myélin.tif", classes), array_digest(voxels, NM))
    volume = store.open(send(upload, voxels).seal().digest)
    assert volume.spec == spec_of(voxels, "myélin.tif", classes)
    assert (volume.name, volume.voxel_size, volume.dtype, volume.notes) == ("myélin.tif", NM, np.uint8, ())
    assert volume.stored_bytes == 2 * 30 * 40 + 4
    assert "myélin.tif" in repr(volume)


def test_the_same_stack_is_not_sent_twice(store):
    voxels = random_volume()
    volume = send(open_upload(store, voxels), voxels).seal()
    again = open_upload(store, voxels)
    assert isinstance(again, StoredVolume)
    assert again.digest == volume.digest


def test_an_upload_goes_on_where_it_was_cut(store, tmp_path):
    voxels = random_volume()
    upload = send(open_upload(store, voxels), voxels, stop=2)
    committed = upload.committed_bytes
    upload.close()
    restarted = VolumeStore(tmp_path / "home", free_floor_bytes=0)
    resumed = open_upload(restarted, voxels)
    assert (resumed.id, resumed.committed_bytes) == (upload.id, committed)
    assert send(resumed, voxels).seal().digest == array_digest(voxels, NM)


def test_the_same_upload_is_one_object_in_a_process(store):
    voxels = random_volume()
    upload = open_upload(store, voxels)
    assert open_upload(store, voxels) is upload
    assert store.upload(upload.id) is upload


def test_only_one_stream_writes_an_upload(store):
    upload = open_upload(store, random_volume())
    with upload.writing(), pytest.raises(Busy, match="Another stream"), upload.writing():
        pass
    with upload.writing():
        pass


def test_another_process_cannot_write_the_same_upload(store, tmp_path):
    upload = open_upload(store, random_volume())
    with pytest.raises(Busy, match="Another process"):
        VolumeStore(tmp_path / "home").upload(upload.id)


def test_sealing_again_answers_the_same_also_after_a_restart(store, tmp_path):
    voxels = random_volume()
    upload = send(open_upload(store, voxels), voxels)
    first = upload.seal()
    assert upload.seal() is first
    assert upload.committed_bytes == upload.total_bytes
    restarted = VolumeStore(tmp_path / "home")
    assert restarted.upload(upload.id).seal().digest == first.digest
    assert restarted.upload(upload.id).committed_bytes == upload.total_bytes
    restarted.delete(first.digest)
    with pytest.raises(NotFound):
        restarted.upload(upload.id)
    assert isinstance(open_upload(restarted, voxels).id, str)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"index": 1}, "block 0 at byte 0 is the next"),
        ({"index": -1}, "block 0 at byte 0 is the next"),
        ({"offset": 1}, "block 0 at byte 0 is the next"),
        ({"crc32c": 1}, "damaged on its way"),
        ({"data": b"short"}, "has 5 bytes"),
    ],
)
def test_a_wrong_block_changes_nothing_and_says_what_is_expected(store, change, sentence):
    voxels = random_volume()
    upload = open_upload(store, voxels)
    data = block_bytes(voxels, upload.spec, 0)
    right = {"index": 0, "offset": 0, "crc32c": google_crc32c.value(data), "data": data}
    with pytest.raises(InvalidInput, match=sentence):
        upload.write(**(right | change))
    assert upload.committed_bytes == 0
    assert upload.write(**right) == len(data)


def test_a_block_too_many_is_refused(store):
    voxels = random_volume((1, 1, 2, 2))
    upload = send(open_upload(store, voxels), voxels)
    with pytest.raises(InvalidInput, match="All blocks are there"):
        upload.write(1, 4, 0, b"")


def test_sealing_too_early_says_how_many_blocks_are_missing(store):
    voxels = random_volume()
    upload = send(open_upload(store, voxels), voxels, stop=3)
    with pytest.raises(Busy, match=r"5 of 8 blocks are missing; send them from block 3"):
        upload.seal()
    assert store.list() == []


def test_a_wrong_promise_throws_the_upload_away(store):
    voxels = random_volume()
    upload = store.open_upload(spec_of(voxels), "ab" * 32)
    with pytest.raises(CorruptData, match="Send the image again"):
        send(upload, voxels).seal()
    assert store.list() == []
    assert list(store.staging.iterdir()) == []
    with pytest.raises(NotFound):
        store.upload(upload.id)
    with pytest.raises(NotFound):
        upload.write(0, 0, 0, b"")


def test_a_block_that_the_disk_lost_is_asked_for_again(store):
    voxels = random_volume()
    upload = send(open_upload(store, voxels), voxels)
    chunk = sorted((store.staging / upload.id).glob("volume/0/c.0.0.*"))[2]
    chunk.write_bytes(bytes(chunk.stat().st_size))
    with pytest.raises(Busy, match="from block 2 on"):
        upload.seal()
    assert send(upload, voxels).seal().digest == array_digest(voxels, NM)


@pytest.mark.parametrize("torn", [b"\x01", b"\x01\x02\x03\x04\x05\x06\x07", bytes(8), bytes(80)])
def test_a_torn_log_ends_where_it_is_torn(store, tmp_path, torn):
    voxels = random_volume()
    upload = send(open_upload(store, voxels), voxels, stop=3)
    committed = upload.committed_bytes
    upload.close()
    with (store.staging / upload.id / "blocks.log").open("ab") as log:
        log.write(torn)
    resumed = VolumeStore(tmp_path / "home").upload(upload.id)
    assert resumed.committed_bytes == committed
    assert send(resumed, voxels).seal().digest == array_digest(voxels, NM)


def test_blocks_not_by_the_rule_are_refused(store):
    shape = (1, 4, 300, 300)
    assert block_shape_for(shape, 1) == (1, 4, 300, 300)
    with pytest.raises(InvalidInput, match="contract asks for"):
        store.open_upload(VolumeSpec(shape, "uint8", block_shape_czyx=(1, 4, 64, 64)), "ab" * 32)


def test_too_many_open_uploads_are_refused(tmp_path):
    store = VolumeStore(tmp_path, max_open_uploads=2, free_floor_bytes=0)
    for seed in range(2):
        open_upload(store, random_volume((1, 1, 4, 4), seed=seed))
    with pytest.raises(LimitExceeded, match="2 uploads are under way"):
        open_upload(store, random_volume((1, 1, 4, 4), seed=3))


def test_an_upload_that_was_given_up_makes_room_when_too_many_are_open(tmp_path, monkeypatch):
    store = VolumeStore(tmp_path, max_open_uploads=2, free_floor_bytes=0)
    voxels = [random_volume((1, 1, 4, 4), seed=seed) for seed in range(3)]
    given_up, going_on = (open_upload(store, voxels[seed]) for seed in range(2))
    monkeypatch.setattr(given_up, "_touched_s", given_up._touched_s - 7200.0)
    third = open_upload(store, voxels[2])
    store.remove_stale(3600)
    assert {folder.name for folder in store.staging.iterdir()} == {going_on.id, third.id}
    with pytest.raises(NotFound):
        store.upload(given_up.id)
    send(going_on, voxels[1]).seal()


def test_the_status_of_an_upload_is_told_while_it_is_sealed(store, monkeypatch):
    voxels = random_volume()
    upload = send(open_upload(store, voxels), voxels)
    begun, go_on = threading.Event(), threading.Event()
    really = upload._publish

    def slowly(folder, digest):
        begun.set()
        assert go_on.wait(60)
        return really(folder, digest)

    monkeypatch.setattr(upload, "_publish", slowly)
    with ThreadPoolExecutor(2) as pool:
        sealing = pool.submit(upload.seal)
        try:
            assert begun.wait(60)
            assert pool.submit(lambda: upload.committed_bytes).result(timeout=30) == upload.total_bytes
            assert store.remove_stale(1e-9) == 0  # nor is it swept meanwhile
        finally:
            go_on.set()
        assert store.exists(sealing.result(60).digest)


def test_a_disk_without_space_refuses_the_upload_before_the_first_byte(tmp_path):
    store = VolumeStore(tmp_path, free_floor_bytes=2**62)
    with pytest.raises(DiskFull, match="Free some space"):
        open_upload(store, random_volume())
    huge = VolumeSpec((1, 2**11, 2**15, 2**15), "uint8")
    with pytest.raises(DiskFull, match=r"2\.0 TiB are needed\. Free"):
        VolumeStore(tmp_path, free_floor_bytes=0).open_upload(huge, "ab" * 32)


@pytest.mark.parametrize("name", ["", "..", "../../etc", "AB" * 16, "ab" * 40, "a/b", "ab\n", "abcdefg\0"])
def test_only_hex_ids_name_folders(store, name):
    for call in (store.open, store.delete, store.exists, store.upload):
        with pytest.raises(InvalidInput):
            call(name)
    if name:
        with pytest.raises(InvalidInput):
            store.create(VolumeSpec((1, 1, 1, 1), "uint8"), staging_id=name)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_symbolic_links_are_not_followed(store, tmp_path):
    voxels = random_volume((1, 1, 4, 4))
    volume = send(open_upload(store, voxels), voxels).seal()
    (store.volumes / ("cd" * 32)).symlink_to(volume.folder)
    with pytest.raises(NotFound):
        store.open("cd" * 32)
    (store.staging / ("ab" * 16)).symlink_to(tmp_path)
    with pytest.raises(CorruptData, match="symbolic link"):
        store.upload("ab" * 16)
    chunk = volume.folder / "0/c.0.0.0.0"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorruptData):
        everything(volume)


def test_volumes_are_listed_newest_first_and_deleted_without_a_trace(store):
    digests = []
    for seed in range(3):
        voxels = random_volume((1, 1, 4, 4), seed=seed)
        digests.append(send(open_upload(store, voxels), voxels).seal().digest)
    assert [volume.digest for volume in store.list()] == digests[::-1]
    assert store.delete(digests[1])
    assert not store.delete(digests[1])
    assert not store.exists(digests[1])
    with pytest.raises(NotFound, match="no such volume"):
        store.open(digests[1])
    assert [volume.digest for volume in store.list()] == [digests[2], digests[0]]


def test_what_lies_in_staging_for_long_is_removed_unless_somebody_works_on_it(store, tmp_path):
    forgotten = open_upload(store, random_volume((1, 1, 4, 4)))
    held = store.create(VolumeSpec((1, 1, 4, 4), "uint8"))
    assert store.remove_stale(3600) == 0
    assert VolumeStore(tmp_path / "home").remove_stale(-1) == 0
    assert store.remove_stale(-1) == 1
    assert [folder.name for folder in store.staging.iterdir()] == [held.id]
    with pytest.raises(NotFound):
        store.upload(forgotten.id)


def test_what_a_killed_process_had_begun_to_delete_goes_with_the_next_sweep(tmp_path):
    store = VolumeStore(tmp_path, free_floor_bytes=0)
    doomed = store.staging / "trash-0123456789abcdef"
    doomed.mkdir()
    (doomed / "chunk").write_bytes(b"x")
    store.remove_stale(older_than_s=3600.0)
    assert list(store.staging.iterdir()) == []


def test_an_upload_of_an_earlier_version_whose_blocks_lie_in_folders_is_read(store):
    voxels = random_volume()
    volume = send(open_upload(store, voxels), voxels).seal()
    for index in range(volume.spec.blocks.count):
        coordinates = volume.spec.blocks.coordinates(index)
        old = volume.folder / "0" / chunk_name(coordinates, ChunkFormat.FOLDERS)
        old.parent.mkdir(parents=True, exist_ok=True)
        (volume.folder / "0" / chunk_name(coordinates, ChunkFormat.PLAIN)).rename(old)
    (volume.folder / "0" / "zarr.json").write_bytes(array_document(volume.spec, ChunkFormat.FOLDERS))
    old_volume = store.open(volume.digest)
    assert np.array_equal(everything(old_volume), voxels)
    assert np.array_equal(zarr.open_array(volume.folder / "0", mode="r")[...], voxels)
    assert isinstance(open_upload(store, voxels), StoredVolume)  # and is not sent again

import os
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sending import NM, random_volume, spec_of

from cristae.errors import Busy, DiskFull, InvalidInput
from cristae.geometry import Box, grid, tiles
from cristae.volumes import VolumeSpec, VolumeStore, array_digest


def write_all(writer, voxels):
    for box in grid(voxels.shape[1:], writer.spec.block_shape_czyx[1:]):
        writer.write(box, voxels[(slice(None), *box.slices)])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_a_result_has_the_digest_of_the_same_voxels_sent_by_a_client(store, dtype):
    voxels = random_volume((2, 18, 150, 270), dtype)
    writer = store.create(spec_of(voxels))
    assert not writer.resumed
    write_all(writer, voxels)
    assert store.list() == []
    told = []
    volume = writer.seal(lambda digest: told.append((digest, store.exists(digest))))
    assert told == [(volume.digest, False)]
    assert volume.digest == array_digest(voxels, NM)
    assert np.array_equal(store.open(volume.digest).read(Box.of_shape(voxels.shape[1:])), voxels)
    assert list(store.staging.iterdir()) == []


def test_labels_are_stored_small(store):
    voxels = np.kron(np.arange(64, dtype=np.uint32).reshape(1, 4, 4, 4), np.ones((1, 5, 40, 40), np.uint32))
    writer = store.create(spec_of(voxels))
    write_all(writer, voxels)
    assert writer.seal().stored_bytes < voxels.nbytes / 50


@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 24), st.integers(1, 24)),
    block=st.tuples(st.just(1), st.integers(2, 4), st.integers(5, 16), st.integers(5, 16)),
    tile=st.tuples(st.integers(3, 9), st.integers(5, 20), st.integers(5, 20)),
    offset=st.tuples(*[st.integers(0, 9)] * 3),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_boxes_need_not_lie_on_the_block_grid(store, shape, block, tile, offset):
    voxels = np.random.default_rng(0).integers(1, 250, shape).astype(np.uint8)
    block = tuple(min(pair) for pair in zip(shape, block, strict=True))
    writer = store.create(VolumeSpec(shape, "uint8", None, block))
    for step in tiles(shape[1:], tile, (1, 1, 1), offset):
        writer.write(step.write_box, voxels[(slice(None), *step.write_box.slices)])
    volume = writer.seal()
    for step in tiles(shape[1:], tile[::-1], (1, 0, 1)):
        assert np.array_equal(volume.read(step.read_box), voxels[(slice(None), *step.read_box.slices)])
    store.delete(volume.digest)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the names in a folder by itself")
@pytest.mark.parametrize("block", [(1, 4, 8, 8), (1, 5, 12, 12)])
def test_after_a_sync_every_file_and_every_folder_of_a_result_is_on_the_disk(store, monkeypatch, block):
    safe = {}
    really = os.fsync

    def fsync(descriptor):
        really(descriptor)
        state = os.fstat(descriptor)
        safe[state.st_ino] = state.st_mtime_ns

    monkeypatch.setattr(os, "fsync", fsync)
    voxels = random_volume((1, 8, 16, 16))
    writer = store.create(VolumeSpec(voxels.shape, "uint8", None, block))
    for box in grid(voxels.shape[1:], (4, 8, 8)):  # whole blocks, or parts of them
        writer.write(box, voxels[(slice(None), *box.slices)])
        writer.sync()
        for path in (store.staging / writer.id / "volume").rglob("*"):
            state = path.stat()
            assert safe.get(state.st_ino) == state.st_mtime_ns, path
    assert np.array_equal(writer.seal().read(Box.of_shape(voxels.shape[1:])), voxels)


def test_a_killed_job_goes_on_with_what_it_wrote(store, tmp_path):
    voxels = random_volume()
    boxes = list(grid(voxels.shape[1:], spec_of(voxels).block_shape_czyx[1:]))
    first = store.create(spec_of(voxels), staging_id="0123456789abcdef")
    for box in boxes[:3]:
        first.write(box, voxels[(slice(None), *box.slices)])
    first.close()
    second = VolumeStore(tmp_path / "home").create(spec_of(voxels), staging_id="0123456789abcdef")
    assert second.resumed
    with pytest.raises(Busy, match="5 of 8 blocks"):
        second.seal()
    for box in boxes[3:]:
        second.write(box, voxels[(slice(None), *box.slices)])
    assert second.seal().digest == array_digest(voxels, NM)


def test_a_job_killed_right_after_it_sealed_finds_its_volume(store, tmp_path, monkeypatch):
    voxels = random_volume((1, 2, 8, 8))
    writer = store.create(spec_of(voxels), staging_id="0123456789abcdef")
    write_all(writer, voxels)
    monkeypatch.setattr(type(writer), "_end", lambda self: self._file_lock.release())
    digest = writer.seal().digest
    monkeypatch.undo()
    again = VolumeStore(tmp_path / "home").create(spec_of(voxels), staging_id="0123456789abcdef")
    assert again.resumed
    assert again.seal().digest == digest
    assert list(store.staging.iterdir()) == []


def test_two_processes_cannot_write_one_result(store, tmp_path):
    writer = store.create(VolumeSpec((1, 1, 2, 2), "uint8"), staging_id="0123456789abcdef")
    with pytest.raises(Busy, match="Another process"):
        VolumeStore(tmp_path / "home").create(
            VolumeSpec((1, 1, 2, 2), "uint8"), staging_id="0123456789abcdef"
        )
    writer.discard()


def test_a_result_of_another_shape_does_not_go_on(store):
    store.create(VolumeSpec((1, 1, 2, 2), "uint8"), staging_id="0123456789abcdef").close()
    with pytest.raises(InvalidInput, match="another shape"):
        store.create(VolumeSpec((1, 1, 2, 3), "uint8"), staging_id="0123456789abcdef")


def test_a_discarded_result_leaves_nothing(store):
    writer = store.create(VolumeSpec((1, 1, 2, 2), "uint8"))
    writer.write(Box.of_shape((1, 2, 2)), np.ones((1, 2, 2), np.uint8))
    writer.discard()
    assert list(store.staging.iterdir()) == []
    assert not store.discard(writer.id)


def test_two_results_of_the_same_voxels_are_one_volume(store):
    voxels = random_volume((1, 2, 8, 8))
    writers = [store.create(spec_of(voxels)) for _ in range(2)]
    for writer in writers:
        write_all(writer, voxels)
    assert {writer.seal().digest for writer in writers} == {array_digest(voxels, NM)}
    assert len(store.list()) == 1


def test_threads_write_neighbouring_boxes_into_one_block(store):
    voxels = random_volume((1, 16, 64, 64))
    writer = store.create(spec_of(voxels))
    boxes = list(grid((16, 64, 64), (4, 16, 16)))

    def write(mine):
        for box in mine:
            writer.write(box, voxels[(slice(None), *box.slices)])

    threads = [threading.Thread(target=write, args=(boxes[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.seal().digest == array_digest(voxels, NM)


def test_a_disk_without_space_stops_the_result_before_it_is_begun(tmp_path):
    with pytest.raises(DiskFull):
        VolumeStore(tmp_path, free_floor_bytes=2**62).create(VolumeSpec((1, 1, 2, 2), "uint8"))

"""A volume that the disk damaged is replaced when the same volume is sent or computed again."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sending import open_upload, random_volume, send, spec_of

from cristae.errors import CorruptData, CristaeError
from cristae.geometry import Box
from cristae.volumes import StoredVolume, VolumeStore

VOXELS = random_volume((1, 20, 300, 280), seed=3)
WHOLE = Box.of_shape(VOXELS.shape[1:])


def sent(store):
    return send(open_upload(store, VOXELS), VOXELS).seal()


def computed(store):
    writer = store.create(spec_of(VOXELS))
    writer.write(WHOLE, VOXELS)
    return writer.seal()


def chunks_of(volume):
    files = (path for path in (volume.folder / "0").rglob("*") if path.is_file())
    return sorted(path for path in files if path.name != "zarr.json")


def change(path):
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def meet_damage(store, digest):
    with pytest.raises(CorruptData, match="again"):
        store.open(digest).read(WHOLE)


def holds(store, digest):
    return np.array_equal(store.open(digest).read(WHOLE), VOXELS)


@pytest.mark.parametrize("first", [sent, computed])
@pytest.mark.parametrize("again", [sent, computed])
@pytest.mark.parametrize("harm", [change, Path.unlink])
def test_what_a_read_found_damaged_is_replaced(store, first, again, harm):
    volume = first(store)
    harm(chunks_of(volume)[0])
    meet_damage(store, volume.digest)
    assert again(store).digest == volume.digest
    assert holds(store, volume.digest)
    assert [path.name for path in store.volumes.iterdir()] == [volume.digest]


def test_blocks_that_are_fetched_find_damage_as_well(store):
    volume = sent(store)
    change(chunks_of(volume)[0])
    with pytest.raises(CorruptData):
        store.open(volume.digest).read_block(0)
    assert not isinstance(open_upload(store, VOXELS), StoredVolume)


@pytest.mark.parametrize("name", ["zarr.json", "0/zarr.json"])
def test_damaged_metadata_needs_no_read_to_be_found(store, name):
    volume = sent(store)
    (volume.folder / name).write_bytes(b"{}")
    assert sent(store).digest == volume.digest
    assert holds(store, volume.digest)


def test_until_then_what_is_sound_is_read_and_the_rest_is_an_error(store):
    volume = sent(store)
    change(chunks_of(volume)[0])
    meet_damage(store, volume.digest)
    last = volume.spec.blocks.count - 1
    upload = send(open_upload(store, VOXELS), VOXELS)
    assert store.open(volume.digest).read_block(last) == volume.read_block(last)
    meet_damage(store, volume.digest)
    upload.seal()
    assert holds(store, volume.digest)


def test_a_volume_that_is_sound_is_not_sent_again(store):
    volume = sent(store)
    volume.read(WHOLE)
    opened = open_upload(store, VOXELS)
    assert isinstance(opened, StoredVolume)
    assert opened.created_s == volume.created_s


def test_a_reader_of_the_old_volume_says_nothing_against_the_new_one(store):
    old = sent(store)
    for chunk in chunks_of(old):
        change(chunk)
    meet_damage(store, old.digest)
    computed(store)  # Its chunks are compressed, so that the old reader does not understand them.
    with pytest.raises(CorruptData):
        old.read(WHOLE)
    assert isinstance(open_upload(store, VOXELS), StoredVolume)


REPLACE = """
import os, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from sending import open_upload, send
from cristae.volumes import VolumeStore

moment, seen = int(sys.argv[3]), 0
def dying(call):
    def step(*arguments):
        global seen
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1
        return call(*arguments)
    return step

voxels = np.load(sys.argv[4])
volumes = VolumeStore(Path(sys.argv[1]), free_floor_bytes=0)
upload = send(open_upload(volumes, voxels), voxels)
Path.rename = dying(Path.rename)
upload.seal()
print("sealed", seen)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_kill_at_every_rename_of_a_replacement_leaves_the_old_or_the_new(store, tmp_path):
    volume = sent(store)
    change(chunks_of(volume)[0])
    meet_damage(store, volume.digest)
    np.save(tmp_path / "voxels.npy", VOXELS)
    template = tmp_path / "template"
    shutil.copytree(store.volumes.parent, template)
    last = volume.spec.blocks.count - 1
    for moment in range(20):
        home = tmp_path / f"home{moment}"
        shutil.copytree(template, home)
        tests = str(Path(__file__).parent)
        words = [sys.executable, "-c", REPLACE, str(home), tests, str(moment), str(tmp_path / "voxels.npy")]
        ended = subprocess.run(words, capture_output=True, text=True)
        after = VolumeStore(home, free_floor_bytes=0)
        assert [path.name for path in after.volumes.iterdir()] == [volume.digest]
        assert after.open(volume.digest).read_block(last) == volume.read_block(last)
        if not isinstance(open_upload(after, VOXELS), StoredVolume):
            sent(after)
        assert holds(after, volume.digest)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ended.stdout.startswith("sealed")
    assert moment >= 3


def test_other_readers_get_the_voxels_or_a_sentence_while_a_volume_is_replaced(store):
    ended, strange = threading.Event(), []

    def read():
        while not ended.is_set():
            try:
                if not np.array_equal(store.open(digest).read(WHOLE), VOXELS):
                    strange.append("other voxels")
            except CristaeError:
                pass
            except Exception as error:
                strange.append(repr(error))

    digest = sent(store).digest
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(10):
            change(chunks_of(store.open(digest))[0])
            meet_damage(store, digest)
            sent(store)
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert not strange

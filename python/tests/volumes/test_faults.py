"""Every step of an upload or a result may fail or be the last: what one sees is whole, the rest goes on."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sending import NM, open_upload, random_volume, send, spec_of

from cristae.errors import CristaeError, DiskFull
from cristae.geometry import Box
from cristae.volumes import StoredVolume, VolumeStore, array_digest, create_output, open_image

SMALL = random_volume((2, 2, 6, 7))
WHOLE = Box.of_shape((2, 6, 7))
CHANGING = ("write", "fsync", "mkdir", "rename", "replace", "ftruncate", "open")


class FailingDisk:
    """Lets `good` changes of the disk succeed; the next one fails, and a failing write is torn."""

    def __init__(self, monkeypatch, good, code, *, for_ever):
        self.left, self.code, self.for_ever, self.failed = good, code, for_ever, False
        for name in CHANGING:
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name, real):
        def call(*arguments, **options):
            changes = name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR)
            if changes and (not self.failed or self.for_ever):
                if self.left == 0:
                    self.failed = True
                    if name == "write":
                        real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                    raise OSError(self.code, os.strerror(self.code))
                self.left -= 1
            return real(*arguments, **options)

        return call


def upload_it(store):
    upload = open_upload(store, SMALL)
    if isinstance(upload, StoredVolume):
        return upload
    return send(upload, SMALL).seal()


def compute_it(store):
    writer = store.create(spec_of(SMALL), staging_id="0123456789abcdef")
    try:
        for z in range(2):
            writer.write(Box((z, 0, 0), (z + 1, 6, 7)), SMALL[:, z : z + 1])
        return writer.seal()
    finally:
        writer.close()


@pytest.mark.parametrize(("code", "for_ever"), [(errno.ENOSPC, True), (errno.EIO, False)])
@pytest.mark.parametrize("work", [upload_it, compute_it])
def test_whichever_step_fails_no_half_made_volume_is_seen_and_the_work_can_go_on(
    tmp_path, monkeypatch, work, for_ever, code
):
    digest = array_digest(SMALL, NM)
    good = -1
    failed = True
    while failed:
        good += 1
        root = tmp_path / f"{good}"
        store = VolumeStore(root, free_floor_bytes=0)
        with monkeypatch.context() as context:
            disk = FailingDisk(context, good, code, for_ever=for_ever)
            said = None
            try:
                work(store)
            except (CristaeError, OSError) as error:
                said = error
        failed = disk.failed
        if said is not None and not isinstance(said, CristaeError) and code == errno.ENOSPC:
            raise said
        assert code != errno.ENOSPC or said is None or isinstance(said, CristaeError), good
        for volume in store.list():
            assert np.array_equal(volume.read(WHOLE), SMALL), good
        assert {entry.name for entry in store.volumes.iterdir()} <= {digest}
        for upload in store._uploads.values():
            upload.close()
        restarted = VolumeStore(root, free_floor_bytes=0)
        assert work(restarted).digest == digest, good
        assert np.array_equal(restarted.open(digest).read(WHOLE), SMALL)
    assert good > 15


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_whichever_step_of_an_output_fails_the_target_is_whole_or_not_there(tmp_path, monkeypatch, suffix):
    def work(path, voxels):
        output = create_output(path, voxels.shape, "uint8", NM, overwrite=True)
        try:
            output.write(WHOLE, voxels)
            output.seal()
        except BaseException:
            output.discard()
            raise

    old = SMALL[:, ::-1].copy()
    good, failed = -1, True
    while failed:
        good += 1
        path = tmp_path / f"{good}" / f"a.{suffix}"
        path.parent.mkdir()
        work(path, old)
        with monkeypatch.context() as context:
            disk = FailingDisk(context, good, errno.ENOSPC, for_ever=False)
            try:
                work(path, SMALL)
            except (CristaeError, OSError):
                assert disk.failed
        failed = disk.failed
        if path.exists():
            found = open_image(path).read(WHOLE)
            assert np.array_equal(found, SMALL) or np.array_equal(found, old), good
        else:
            assert failed
        work(path, SMALL)
        assert np.array_equal(open_image(path).read(WHOLE), SMALL)
    assert good > 5


def test_an_upload_goes_on_when_the_full_disk_has_space_again(tmp_path):
    voxels = random_volume()
    store = VolumeStore(tmp_path, free_floor_bytes=0)
    upload = send(open_upload(store, voxels), voxels, stop=3)
    committed = upload.committed_bytes
    upload._floor = 2**62
    with pytest.raises(DiskFull, match="Free some space"):
        send(upload, voxels)
    assert upload.committed_bytes == committed
    upload._floor = 0
    assert send(upload, voxels).seal().digest == array_digest(voxels, NM)


ZYGOTE = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sending import open_upload, random_volume, send, spec_of
from cristae.geometry import grid
from cristae.volumes import StoredVolume, VolumeStore

voxels = random_volume((1, 33, 520, 520))

def upload(store):
    upload = open_upload(store, voxels)
    if not isinstance(upload, StoredVolume):
        print("committed", upload.committed_bytes, flush=True)
        for index in range(upload.next_block, upload.spec.blocks.count):
            send(upload, voxels, stop=index + 1)
            print("committed", upload.committed_bytes, flush=True)
        upload.seal()

def result(store):
    done = Path(sys.argv[1]) / "ledger"
    writer = store.create(spec_of(voxels), staging_id="0123456789abcdef")
    boxes = list(grid(voxels.shape[1:], (16, 256, 200)))
    first = len(done.read_bytes()) if done.exists() and writer.resumed else 0
    with done.open("ab") as ledger:
        for box in boxes[first:]:
            writer.write(box, voxels[(slice(None), *box.slices)])
            ledger.write(b"x")
            ledger.flush()
    writer.seal()

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        {"upload": upload, "result": result}[sys.argv[3]](VolumeStore(Path(sys.argv[1]), free_floor_bytes=0))
        print("sealed", flush=True)
        os._exit(0)
    print("pid", child, flush=True)
    os.waitpid(child, 0)
    print("end", flush=True)
"""


class Workers:
    """Starts worker processes, each a fork of one that has imported everything, and kills them."""

    def __init__(self, root, work):
        script = root / "zygote.py"
        script.write_text(ZYGOTE)
        self.zygote = subprocess.Popen(
            [sys.executable, str(script), str(root), str(Path(__file__).parent), work],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # a process of several threads is not to fork
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, kill_after=None):
        """Return the positions that a worker told, and whether it came to its end."""
        self.zygote.stdin.write("go\n")
        self.zygote.stdin.flush()
        lines = []
        while not (lines and lines[-1] == "end"):
            lines.append(self.zygote.stdout.readline().strip())
            assert lines[-1], "the process that starts the workers ended"
            if lines[-1].startswith("pid ") and kill_after is not None:
                time.sleep(kill_after)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(lines[-1].split()[1]), signal.SIGKILL)
        told = [line.split() for line in lines if line.startswith("committed ")]
        return [int(words[1]) for words in told if len(words) == 2], "sealed" in lines

    def close(self):
        self.zygote.stdin.close()
        self.zygote.wait(timeout=60)
        self.zygote.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="fork and SIGKILL; on Windows TerminateProcess would be the kill")
@pytest.mark.parametrize("work", ["upload", "result"])
def test_killed_twenty_times_at_random_moments_it_still_ends_with_the_right_digest(tmp_path, work):
    voxels = random_volume((1, 33, 520, 520))
    digest = array_digest(voxels, NM)
    store = VolumeStore(tmp_path, free_floor_bytes=0)
    workers = Workers(tmp_path, work)
    started = time.monotonic()
    assert workers.run()[1]
    runtime = time.monotonic() - started
    chance = np.random.default_rng(0)
    kills, committed = 0, 0
    while kills < 20:
        if store.exists(digest):  # Sealed before the kill came: once more from the beginning.
            store.delete(digest)
            (tmp_path / "ledger").unlink(missing_ok=True)
            committed = 0
        began = time.monotonic()
        positions, ended = workers.run(kill_after=chance.uniform(0, 0.5) * runtime)
        kills += not ended
        if ended:  # the machine became quicker: kill sooner, or this never ends
            runtime = min(runtime, time.monotonic() - began)
        assert positions == sorted(positions)
        if positions:
            assert positions[0] >= committed, "what was told as committed was lost"
            committed = positions[-1]
        for volume in store.list():
            assert volume.digest == digest
            assert np.array_equal(volume.read(Box.of_shape(voxels.shape[1:])), voxels)
    assert workers.run()[1]
    workers.close()
    assert [volume.digest for volume in store.list()] == [digest]
    assert np.array_equal(store.open(digest).read(Box.of_shape(voxels.shape[1:])), voxels)

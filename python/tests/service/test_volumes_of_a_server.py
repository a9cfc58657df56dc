"""The service Volumes, against a real server process."""

import contextlib
import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import psutil
import pytest
from running import RunningServer, image

from cristae.errors import CorruptData, CristaeError, DiskFull, InvalidInput, LimitExceeded, NotFound
from cristae.geometry import Box
from cristae.service import client as client_module
from cristae.service.client import Address, Client, write_request
from cristae.service.messages import spec_message
from cristae.service.status import ERROR_KEY
from cristae.v1 import common_pb2, volumes_pb2, volumes_pb2_grpc
from cristae.volumes import (
    ArrayImage,
    LabelClass,
    VolumeSpec,
    VoxelSize,
    array_digest,
    block_digest,
    volume_digest,
)

VOLUMES = volumes_pb2_grpc.VolumesStub


def spec_of(picture):
    return VolumeSpec(picture.shape_czyx, picture.dtype.name, picture.voxel_size, name=picture.name)


def open_upload(client, picture, digest=None):
    spec = spec_of(picture)
    digest = digest or array_digest(picture._voxels, picture.voxel_size)
    request = volumes_pb2.OpenUploadRequest(spec=spec_message(spec), digest=digest)
    return client._call(VOLUMES, "OpenUpload", request)


def send(client, picture, upload_id, indices):
    requests = (write_request(picture, spec_of(picture), upload_id, index) for index in indices)
    return list(client._stream(VOLUMES, "WriteBlocks", requests))


def seal(client, upload_id):
    return client._call(VOLUMES, "SealUpload", volumes_pb2.SealUploadRequest(upload_id=upload_id))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
def test_what_was_sent_comes_back_with_its_voxel_size(client, dtype):
    size = VoxelSize(50.0, 4.6, 4.6, "micron")
    voxels = image(shape=(2, 5, 70, 90), dtype=dtype)._voxels
    volume_id = client.upload(ArrayImage(voxels, size, "two channels"), (LabelClass(1, "mito", 0xFF0000),))
    assert np.array_equal(client.download(volume_id), voxels)
    (volume,) = (found for found in client.volumes() if found.volume_id == volume_id)
    assert volume.spec.voxel_size == common_pb2.VoxelSize(
        z_nm=50.0, y_nm=4.6, x_nm=4.6, display_unit="micron"
    )
    assert volume.spec.name == "two channels"
    assert [(row.value, row.name, row.rgb) for row in volume.spec.classes] == [(1, "mito", 0xFF0000)]


def test_the_same_image_is_not_sent_twice(client):
    picture = image(seed=1)
    volume_id = client.upload(picture)
    status = open_upload(client, picture)
    assert status.sealed.volume_id == volume_id
    assert status.upload_id == ""
    assert status.committed_bytes == status.total_bytes == 6 * 40 * 50


class Cable:
    """A TCP proxy on loopback that is cut, in both directions, after so many bytes from the client."""

    def __init__(self, target, cut_after):
        host, port = target.rsplit(":", 1)
        self._target, self._cut_after = (host, int(port)), list(cut_after)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                ends = (client, server)
                self._ends += ends
                for end in ends:  # what was taken from one side and not given to the other is lost in a cut
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                threading.Thread(target=self._forward, args=(server, client), daemon=True).start()
                threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()

    def _forward(self, source, sink, counted=False):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                if counted and self._cut_after and passed > self._cut_after[0]:
                    self._cut_after.pop(0)
                    self.cuts += 1
                    break
                sink.sendall(data)
        source.close()
        sink.close()

    def close(self):
        for end in (self._listener, *self._ends):
            end.close()


@pytest.mark.slow
def test_an_upload_cut_twenty_times_sends_at_most_two_blocks_again_per_cut(server, monkeypatch):
    chance = random.Random(20261125)  # noqa: S311
    picture = image(shape=(256, 1024, 1024), seed=2)
    spec = spec_of(picture)
    cut_after = [chance.randrange(100_000, 20 * 2**20) for _ in range(20)]
    assert sum(cut_after) < 240 * 2**20  # so that the last cut comes before the end
    cable = Cable(server.address().target, cut_after)
    sent = []

    def counted(picture, spec, upload_id, index):
        sent.append(index)
        return write_request(picture, spec, upload_id, index)

    monkeypatch.setattr(client_module, "write_request", counted)
    process, ended = psutil.Process(server.process.pid), threading.Event()
    before = process.memory_info().rss
    most = [before]

    def watch_memory():
        while not ended.wait(0.01):
            most[0] = max(most[0], process.memory_info().rss)

    watching = threading.Thread(target=watch_memory)
    watching.start()
    try:
        with Client(lambda: Address(cable.address, server.address().token), patience_s=60) as client:
            volume_id = client.upload(picture)
    finally:
        ended.set()
        watching.join()
        cable.close()
    assert volume_id == array_digest(picture._voxels, None)
    assert cable.cuts == 20
    assert set(sent) == set(range(spec.blocks.count))
    assert len(sent) - spec.blocks.count <= 2 * cable.cuts
    assert most[0] - before <= 64 * 2**20


def test_a_client_keeps_at_most_two_blocks_unanswered(monkeypatch):
    """Against a server that answers nothing: what a cut at any moment can cost."""

    class Silent(volumes_pb2_grpc.VolumesServicer):
        def __init__(self):
            self.received, self.second = 0, threading.Event()

        def WriteBlocks(self, requests, context):  # noqa: N802
            for _ in requests:
                self.received += 1
                if self.received == 2:
                    self.second.set()
            return iter(())

    picture, silent = image(shape=(64, 512, 512)), Silent()
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", 4 * 2**20)])
    volumes_pb2_grpc.add_VolumesServicer_to_server(silent, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with Client(Address(f"127.0.0.1:{port}", "-")) as client:
        status = volumes_pb2.UploadStatus(upload_id="0" * 32, total_bytes=64 * 512 * 512)

        def send_all():
            with contextlib.suppress(CristaeError):
                client._send(picture, spec_of(picture), status)

        sending = threading.Thread(target=send_all)
        sending.start()
        assert silent.second.wait(30)
        time.sleep(0.5)
        assert silent.received == 2
        server.stop(0).wait()
        sending.join(30)
        assert not sending.is_alive()


def test_blocks_of_the_wrong_order_size_or_checksum_are_refused_and_change_nothing(client):
    picture = image(shape=(40, 300, 300), seed=3)
    spec = spec_of(picture)
    upload_id = open_upload(client, picture).upload_id
    good = write_request(picture, spec, upload_id, 0)

    def changed(**fields):
        request = volumes_pb2.WriteBlocksRequest()
        request.CopyFrom(good)
        for name, value in fields.items():
            setattr(request.block, name, value)
        return request

    for bad in (
        changed(index=1),
        changed(offset=1),
        changed(crc32c=good.block.crc32c ^ 1),
        changed(voxels=good.block.voxels[:-1]),
        changed(voxels=b""),
        changed(index=2**63),
    ):
        with pytest.raises(InvalidInput):
            list(client._stream(VOLUMES, "WriteBlocks", iter([bad])))
    with pytest.raises(LimitExceeded):
        list(client._stream(VOLUMES, "WriteBlocks", iter([changed(voxels=b"x" * (2**21 + 1))])))
    request = volumes_pb2.GetUploadStatusRequest(upload_id=upload_id)
    assert client._call(VOLUMES, "GetUploadStatus", request).committed_bytes == 0


def test_a_volume_is_sealed_only_when_complete_and_as_promised(client):
    picture = image(shape=(40, 300, 300), seed=4)
    spec = spec_of(picture)
    upload_id = open_upload(client, picture).upload_id
    send(client, picture, upload_id, range(2))
    with pytest.raises(Exception, match="missing"):
        seal(client, upload_id)
    digest = volume_digest(spec, (block_digest(b"other") for _ in range(spec.blocks.count)))
    lie = open_upload(client, picture, digest).upload_id
    send(client, picture, lie, range(spec.blocks.count))
    with pytest.raises(CorruptData, match="digest"):
        seal(client, lie)
    with pytest.raises(NotFound):
        client._call(VOLUMES, "GetUploadStatus", volumes_pb2.GetUploadStatusRequest(upload_id=lie))
    with pytest.raises(NotFound):
        client.download(digest)


def test_the_newest_stream_of_an_upload_writes_and_the_older_one_is_told(server, client):
    picture = image(shape=(40, 300, 300), seed=5)
    spec = spec_of(picture)
    upload_id = open_upload(client, picture).upload_id
    go_on = threading.Event()

    def slowly():
        yield write_request(picture, spec, upload_id, 0)
        go_on.wait(20)
        yield write_request(picture, spec, upload_id, 1)

    with grpc.insecure_channel(server.address().target) as channel:
        metadata = [("authorization", f"Bearer {server.address().token}")]
        older = VOLUMES(channel).WriteBlocks(slowly(), metadata=metadata, timeout=60)
        request = volumes_pb2.GetUploadStatusRequest(upload_id=upload_id)
        while client._call(VOLUMES, "GetUploadStatus", request).committed_bytes == 0:
            time.sleep(0.02)
        send(client, picture, upload_id, range(1, spec.blocks.count))
        go_on.set()
        with pytest.raises(grpc.RpcError) as error:
            list(older)
        # The newer stream has ended already, or is still there: either way the older one's block is not
        # taken.
        assert error.value.code() in (grpc.StatusCode.ABORTED, grpc.StatusCode.INVALID_ARGUMENT)
        assert dict(error.value.trailing_metadata())[ERROR_KEY] in ("BUSY", "INVALID_INPUT")
    seal(client, upload_id)


def test_a_box_brings_the_blocks_that_touch_it(client):
    picture = image(shape=(40, 300, 300), seed=6)
    volume_id = client.upload(picture)
    spec = spec_of(picture)

    def read(first=0, **box):
        request = volumes_pb2.ReadBlocksRequest(volume_id=volume_id, first_block=first)
        if box:
            request.box.CopyFrom(common_pb2.Box(**box))
        return [block.index for block in client._stream(VOLUMES, "ReadBlocks", request)]

    assert read() == list(range(spec.blocks.count))
    assert read(first=3) == list(range(3, spec.blocks.count))
    assert read(z_start=0, z_stop=1, y_start=0, y_stop=1, x_start=0, x_stop=1) == [0]
    whole = {"z_start": 0, "z_stop": 40, "y_start": 0, "y_stop": 300, "x_start": 0, "x_stop": 300}
    assert read(**whole) == read()
    for wrong in ({"z_stop": 41}, {"y_start": 300}, {"x_start": 5, "x_stop": 5}, {"x_stop": 2**63}):
        with pytest.raises(InvalidInput, match="volume has 0 to"):
            read(**{**whole, **wrong})
    with pytest.raises(InvalidInput, match="blocks 0 to"):
        read(first=spec.blocks.count)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"shape": common_pb2.Shape(c=1, z=0, y=5, x=5)}, InvalidInput),
        ({"shape": common_pb2.Shape(c=1, z=2**41 + 1, y=1, x=1)}, LimitExceeded),
        ({"shape": common_pb2.Shape(c=2**63, z=2**63, y=2**63, x=2**63)}, LimitExceeded),
        ({"shape": common_pb2.Shape(c=65, z=1, y=5, x=5)}, LimitExceeded),
        ({"data_type": 0}, InvalidInput),
        ({"data_type": 99}, InvalidInput),
        ({"block_shape": common_pb2.Shape(c=1, z=1, y=1, x=1)}, InvalidInput),
        ({"voxel_size": common_pb2.VoxelSize(z_nm=0, y_nm=1, x_nm=1)}, InvalidInput),
        ({"voxel_size": common_pb2.VoxelSize(z_nm=float("nan"), y_nm=1, x_nm=1)}, InvalidInput),
        ({"name": "n" * 121}, LimitExceeded),
        ({"classes": [common_pb2.LabelClass(value=2, name="second")]}, InvalidInput),
    ],
)
def test_a_volume_that_cannot_be_is_refused(client, change, kind):
    spec = spec_message(spec_of(image()))
    for name in change:
        spec.ClearField(name)
    spec.MergeFrom(volumes_pb2.VolumeSpec(**change))
    with pytest.raises(kind):
        client._call(VOLUMES, "OpenUpload", volumes_pb2.OpenUploadRequest(spec=spec, digest="0" * 64))


def test_ids_that_are_no_digests_are_refused(client):
    for nasty in ("", "../" * 10, "A" * 64, "0" * 63, "0" * 65, "/etc/passwd", "%00" * 20):
        with pytest.raises(InvalidInput):
            client.download(nasty)
        with pytest.raises(InvalidInput):
            client.delete_volume(nasty)


def test_a_damaged_chunk_is_told_and_never_invented(server, client):
    volume_id = client.upload(image(shape=(40, 300, 300), seed=8))
    chunk = max(
        (path for path in (server.home.volumes / volume_id).rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(CorruptData) as error:
        client.download(volume_id)
    assert str(server.home.root) not in error.value.sentence
    client.delete_volume(volume_id)


@pytest.mark.parametrize("harm", ["changed", "deleted"])
def test_a_damaged_volume_is_replaced_by_sending_the_image_again(server, client, harm):
    sent = image(shape=(40, 300, 300), seed=9)
    volume_id = client.upload(sent)
    chunk = max(
        (path for path in (server.home.volumes / volume_id).rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    if harm == "deleted":
        chunk.unlink()
    else:
        data = bytearray(chunk.read_bytes())
        data[100] ^= 1
        chunk.write_bytes(data)
    with pytest.raises(CorruptData, match="Send the image again"):
        client.download(volume_id)
    assert client.upload(sent) == volume_id
    whole = Box.of_shape(sent.shape_czyx[1:])
    assert np.array_equal(client.download(volume_id), sent.read(whole))
    client.delete_volume(volume_id)


def test_volumes_are_listed_newest_first_page_by_page(client):
    client.upload(image(seed=20))
    client.upload(image(seed=21))
    everything = [volume.volume_id for volume in client.volumes()]
    found, page = [], ""
    while True:
        request = volumes_pb2.ListVolumesRequest(page_size=1, page=page)
        answer = client._call(VOLUMES, "ListVolumes", request)
        found += [volume.volume_id for volume in answer.volumes]
        page = answer.next_page
        if not page:
            break
    assert found == everything
    with pytest.raises(InvalidInput, match="no such page"):
        client._call(VOLUMES, "ListVolumes", volumes_pb2.ListVolumesRequest(page="x"))


def test_bystanders_stay_quick_while_others_upload_and_watch(server, client):
    from running import new_id, training

    job = client.submit_training(training(client, model="bystander", steps=4000), new_id())
    ends = threading.Event()

    def watch():
        with server.client() as mine:
            for _ in mine.watch(job.job_id):
                if ends.is_set():
                    return

    def upload(number):
        with server.client() as mine:
            mine.upload(image(shape=(64, 256, 256), seed=100 + number))

    with ThreadPoolExecutor(64) as watchers, ThreadPoolExecutor(8) as uploads:
        for _ in range(64):
            watchers.submit(watch)
        running = [uploads.submit(upload, number) for number in range(8)]
        waits = []
        while not all(one.done() for one in running):
            began = time.monotonic()
            client.server()
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        for one in running:
            one.result()
        ends.set()
        client.cancel(job.job_id)
    # Not a timing test: on a busy machine this only shows that nobody waits for the uploads to end.
    assert sorted(waits)[int(0.99 * len(waits))] < 2.0


def test_a_full_disk_is_told_and_the_upload_goes_on_when_there_is_space(tmp_path):
    picture = image(shape=(40, 300, 300), seed=9)
    with RunningServer(tmp_path / "home") as server, server.client() as client:
        upload_id = open_upload(client, picture).upload_id
        send(client, picture, upload_id, [0])
        server.stop()
        server.limits["free_floor_bytes"] = 2**60  # as if the disk were full
        server.start()
        assert client.server().version  # finds the new server
        with pytest.raises(DiskFull, match="Free some space"):
            send(client, picture, upload_id, [1])
        with pytest.raises(DiskFull):
            client.upload(image(seed=10))
        assert client.server().version
        server.stop()
        server.limits["free_floor_bytes"] = 0
        server.start()
        volume_id = client.upload(picture)
        assert np.array_equal(client.download(volume_id), picture._voxels)


def test_uploads_beyond_the_limit_wait_for_others_to_end(tmp_path):
    with (
        RunningServer(tmp_path / "home", limits={"max_open_uploads": 2}) as server,
        server.client() as client,
    ):
        open_upload(client, image(seed=1))
        open_upload(client, image(seed=2))
        open_upload(client, image(seed=2))
        with pytest.raises(LimitExceeded, match="2 uploads"):
            open_upload(client, image(seed=3))

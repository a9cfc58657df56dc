"""The Python client, against a server that is slower than a call may last."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from cristae.events import Note
from cristae.service import client as client_module
from cristae.service.client import Address, Client
from cristae.service.refusals import UnavailableError
from cristae.v1 import jobs_pb2, jobs_pb2_grpc, server_pb2, server_pb2_grpc, volumes_pb2, volumes_pb2_grpc
from cristae.volumes import ArrayImage


class SlowSeal(volumes_pb2_grpc.VolumesServicer, server_pb2_grpc.ServerServicer, jobs_pb2_grpc.JobsServicer):
    """Has every block already, and needs some seconds to seal, or to look at the labels of a job."""

    def __init__(self, seconds):
        self.seconds, self.asked, self.present = seconds, 0, True
        self.done = threading.Event()

    def GetServer(self, request, context):  # noqa: N802
        if not self.present:
            context.abort(grpc.StatusCode.UNAVAILABLE, "The server ends.")
        return server_pb2.GetServerResponse(version="1")

    def OpenUpload(self, request, context):  # noqa: N802
        return volumes_pb2.UploadStatus(upload_id="0" * 32, committed_bytes=2, total_bytes=2)

    def SealUpload(self, request, context):  # noqa: N802
        if not self.asked:
            threading.Timer(self.seconds, self.done.set).start()
        self.asked += 1
        self.done.wait(20)
        return volumes_pb2.Volume()

    def SubmitTraining(self, request, context):  # noqa: N802
        self.SealUpload(request, context)
        return jobs_pb2.Job(job_id=request.job_id)


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(client_module, "DEADLINE_S", 1.0)
    servers = []

    def start(servicer):
        server = grpc.server(ThreadPoolExecutor(16))
        volumes_pb2_grpc.add_VolumesServicer_to_server(servicer, server)
        server_pb2_grpc.add_ServerServicer_to_server(servicer, server)
        jobs_pb2_grpc.add_JobsServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append((server, servicer))
        return Client(Address(f"127.0.0.1:{port}", "token"), patience_s=1.0)

    yield start
    for server, servicer in servers:
        servicer.done.set()
        server.stop(0).wait()


def test_sealing_may_take_longer_than_a_call_and_longer_than_the_patience(serve):
    slow = SlowSeal(seconds=4.0)
    with serve(slow) as client:
        assert len(client.upload(ArrayImage(np.zeros((1, 2), np.uint8)))) == 64
    assert slow.asked >= 3


def test_labels_may_be_looked_at_for_longer_than_a_call_and_longer_than_the_patience(serve):
    slow = SlowSeal(seconds=4.0)
    with serve(slow) as client:
        job = client.submit_training(jobs_pb2.TrainingSpec(), "an id")
    assert job.job_id == "an id"
    assert slow.asked >= 3


def test_a_server_that_goes_while_it_seals_is_told(serve):
    slow = SlowSeal(seconds=60.0)
    slow.present = False
    with serve(slow) as client, pytest.raises(UnavailableError):
        client.upload(ArrayImage(np.zeros((1, 2), np.uint8)))


def test_what_is_to_be_known_of_a_list_of_images_is_told_once(monkeypatch):
    pages = {
        "": volumes_pb2.ListFoundVolumesResponse(
            volumes=[volumes_pb2.FoundVolume(name="a.tif")], next_page="b", notes=["It was cut."]
        ),
        "b": volumes_pb2.ListFoundVolumesResponse(
            volumes=[volumes_pb2.FoundVolume(name="b.tif")], notes=["It was cut.", "One was left out."]
        ),
    }
    client = Client(Address("127.0.0.1:9", "-"))
    monkeypatch.setattr(client, "_call_long", lambda kind, method, request: pages[request.page])
    told = []
    assert [one.name for one in client.found_volumes(told.append)] == ["a.tif", "b.tif"]
    assert told == [Note("It was cut."), Note("One was left out.")]

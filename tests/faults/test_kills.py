"""Server and workers are killed at random moments; nothing that was promised is lost, doubled or half-made.

The servers, journals, stores, libraries and worker processes are the product's; in most rounds numpy does
the work of torch, so that fifty kills take minutes (see quick_worker.py).
"""

import collections
import contextlib
import json
import random
import threading
import time

import numpy as np
import psutil
import pytest
from running import RunningServer, image, new_id, prediction, training

from cristae.errors import CristaeError
from cristae.models import ModelLibrary
from cristae.service.client import ENDS
from cristae.v1 import jobs_pb2
from cristae.volumes import VolumeStore

KILLS = 50
SEED = 20261121


class Bystander(threading.Thread):
    """A second client that lists and reads all the time: what it sees is whole, or it is not seen."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self._home, self._ends = home, threading.Event()
        self.looks, self.broken = 0, []

    def run(self):
        store, library = VolumeStore(self._home.root, free_floor_bytes=0), ModelLibrary(self._home.models)
        while not self._ends.wait(0.03):
            try:
                for volume in store.list():
                    for index in range(volume.spec.blocks.count):
                        volume.read_block(index)
                for name in library.names():
                    library.get(name).weights()
            except CristaeError as error:
                self.broken.append(error)
            self.looks += 1

    def end(self):
        self._ends.set()
        self.join(60)
        assert not self.is_alive(), "The second client did not end its last look in a minute"


class Killer:
    """Kills the server, or the worker of a job that has died less than six times, which a job survives."""

    def __init__(self, server, client):
        self._server, self._client = server, client
        self._chance = random.Random(SEED)  # noqa: S311
        self._deaths = collections.Counter()
        self.costliest_start_s = 0.0

    def strike(self):
        workers = self._server.workers()
        job_id = self._client.server().devices[0].job_id
        if workers and self._deaths[job_id] < 5 and self._chance.random() < 0.5:
            self._deaths[job_id] += 1
            for worker in workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kill()
        else:
            self._server.kill()
            self._server.start()
            self.costliest_start_s = max(self.costliest_start_s, self._server.start_cpu_s)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing_double_nothing_and_show_nothing_half_made(tmp_path):
    chance = random.Random(SEED)  # noqa: S311
    raw = image()._voxels
    truth = (raw > np.float32(raw.mean(dtype=np.float64))).astype(np.uint8)
    submitted = {}
    with RunningServer(tmp_path / "home") as server, server.client(patience_s=60) as client:
        server.wait_for_end(client, client.submit_training(training(client, model="base", steps=2)).job_id)
        bystander = Bystander(server.home)
        bystander.start()
        killer = Killer(server, client)
        for _ in range(KILLS):
            if len([job for job in client.jobs() if job.state not in ENDS]) < 3:
                job_id = new_id()
                if chance.random() < 0.5:
                    spec = training(client, model=f"model {len(submitted)}", steps=chance.randint(1, 60))
                    submitted[job_id] = ("training", spec)
                    client.submit_training(spec, job_id)
                else:
                    spec = prediction(client, "base")
                    submitted[job_id] = ("prediction", spec)
                    client.submit_prediction(spec, job_id)
            time.sleep(chance.uniform(0, 0.9))
            killer.strike()
            if chance.random() < 0.3:  # a client that is not sure asks again
                job_id, (kind, spec) = chance.choice(list(submitted.items()))
                again = client.submit_training if kind == "training" else client.submit_prediction
                assert again(spec, job_id).job_id == job_id
        for job_id, (kind, spec) in submitted.items():
            job = server.wait_for_end(client, job_id)
            assert job.state == jobs_pb2.JOB_STATE_DONE, job
            events = list(client.watch(job_id))
            numbers = [event.sequence for event in events]
            assert numbers == sorted(set(numbers))
            assert (numbers[0], numbers[-1]) == (1, job.last_sequence)
            assert sum(event.state.state in ENDS for event in events) == 1
            if kind == "training":
                steps = [event.metrics.step for event in events if event.WhichOneof("event") == "metrics"]
                # A step whose news was lost on its way is not told again; none is told twice.
                assert steps == sorted(set(steps))
                assert job.result.model_name == spec.model_name
            else:
                assert np.array_equal(client.download(job.result.outputs[0].volume_id), truth)
        bystander.end()
        jobs = [job.job_id for job in client.jobs()]
        assert len(jobs) == len(set(jobs)) == len(submitted) + 1
        names = [model.name for model in client.models()]
        wanted = {spec.model_name for kind, spec in submitted.values() if kind == "training"} | {"base"}
        assert sorted(names) == sorted(wanted)
        assert bystander.looks > 10
        assert bystander.broken == []
        # Notes of sealed uploads stay for a week, so that sealing again answers the same; half-made results
        # do not. What was being deleted when a worker was killed goes with the next sweep of the server.
        VolumeStore(server.home.root, free_floor_bytes=0).remove_stale(3600)
        half_made = [path for path in server.home.staging.iterdir() if not (path / "upload.json").exists()]
        assert half_made == []
        assert killer.costliest_start_s < 5.0  # seconds of the processor, until it answers


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_training_and_prediction_survive_kills(tmp_path):
    chance = random.Random(SEED)  # noqa: S311
    settings = {"dimensions": "2", "patch_zyx": "1,32,32", "batch": "1", "features": "4", "levels": "2"}
    settings["downsample_zyx"] = "1,1,1"
    with RunningServer(tmp_path / "home", real_work=True) as server, server.client(patience_s=60) as client:
        killer = Killer(server, client)
        job = client.submit_training(training(client, model="real", steps=1000, settings=settings))
        struck = 0
        for _ in range(2):
            if server.wait_for_worker(client, job.job_id):
                time.sleep(chance.uniform(0.5, 3))
                killer.strike()
                struck += 1
        ended = server.wait_for_end(client, job.job_id)
        assert ended.state == jobs_pb2.JOB_STATE_DONE, ended
        assert struck > 0
        job = client.submit_prediction(prediction(client, "real"))
        if server.wait_for_worker(client, job.job_id):
            time.sleep(chance.uniform(0.2, 2))
            killer.strike()
        ended = server.wait_for_end(client, job.job_id)
        assert ended.state == jobs_pb2.JOB_STATE_DONE, ended
        assert client.download(ended.result.outputs[0].volume_id).shape == (1, 6, 40, 50)
        assert json.loads(server.home.server_file.read_text())["pid"] == server.process.pid

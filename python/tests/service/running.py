"""A real server in a process of its own, and small volumes to send it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import psutil

from cristae.service.client import ENDS, Address, Client
from cristae.settings import Home
from cristae.v1 import jobs_pb2
from cristae.volumes import ArrayImage

QUICK_WORKER = Path(__file__).with_name("quick_worker.py")

_PROGRAM = """
import json, sys
from pathlib import Path
from cristae.service import serve
from cristae.settings import Home
options = json.loads(sys.argv[2])
for name in {"tls_certificate", "tls_key", "data_root"} & set(options):
    options[name] = Path(options[name])
serve(Home(Path(sys.argv[1])), **options)
"""


class RunningServer:
    """A server on loopback; its jobs are done by numpy instead of torch unless ``real_work`` is set."""

    def __init__(self, root, *, real_work=False, limits=None, wait=True, **options):
        self.home = Home(Path(root))
        self.home.root.mkdir(parents=True, exist_ok=True)
        if not real_work:
            options["worker_command"] = [sys.executable, str(QUICK_WORKER), "--home", str(root)]
        self.limits = {"free_floor_bytes": 0, **(limits or {})}
        self.options = options
        self.process = None
        self.start(wait=wait)

    def start(self, *, wait=True):
        environment = {**os.environ, "CRISTAE_LIMITS": json.dumps(self.limits), "OMP_NUM_THREADS": "1"}
        # A server that was killed leaves its file behind; only the new one's counts.
        with (self.home.root / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(self.home.root), json.dumps(self.options)],
                env=environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        if wait:
            self.wait_until_ready()
            # Not by the clock: what else the machine does says nothing about the server.
            used = psutil.Process(self.process.pid).cpu_times()
            self.start_cpu_s = used.user + used.system

    def wait_until_ready(self, patience_s=60.0):
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                if json.loads(self.home.server_file.read_text())["pid"] == self.process.pid:
                    return
            if self.process.poll() is not None:
                raise AssertionError(f"The server ended:\n{self.output()}")
            time.sleep(0.02)
        raise AssertionError(f"The server did not start:\n{self.output()}")

    def address(self):
        record = json.loads(self.home.server_file.read_text())
        if record["pid"] != self.process.pid:
            return Address("127.0.0.1:9", "-")
        return Address(record["address"], self.home.token_file.read_text().strip())

    def client(self, **options):
        return Client(self.address, **options)

    def output(self):
        return (self.home.root / "output.txt").read_text(errors="replace")

    def log(self):
        return self.home.log_file.read_text(errors="replace")

    def workers(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def wait_for_worker(self, client, job_id, patience_s=120.0):
        """Return True once a worker runs, False if the job ended before one was seen."""
        deadline = time.monotonic() + patience_s
        while client.job(job_id).state not in ENDS:
            if self.workers():
                return True
            assert time.monotonic() < deadline, self.told_of(client.job(job_id), "no worker of it ran")
            time.sleep(0.05)
        return False

    def wait_for_end(self, client, job_id, patience_s=240.0):
        """Return the job in its end state."""
        deadline = time.monotonic() + patience_s
        while (job := client.job(job_id)).state not in ENDS:
            assert time.monotonic() < deadline, self.told_of(job, "it did not end")
            time.sleep(0.05)
        return job

    def told_of(self, job, what):
        """Say what was waited for in vain, with what the server and the worker wrote last."""
        worker = self.home.jobs / job.job_id / "worker.log"
        words = worker.read_text(errors="replace")[-2000:] if worker.exists() else "(no worker's log)"
        return f"{what}:\n{job}\nserver.log:\n{self.log()[-4000:]}\nworker.log:\n{words}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, patience_s=30.0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            for worker in self.workers():
                worker.kill()


def new_id():
    return str(uuid.uuid4())


def image(shape=(6, 40, 50), seed=0, dtype=np.uint8, name="stack.tif"):
    return ArrayImage(np.random.default_rng(seed).integers(0, 200, shape).astype(dtype), name=name)


def labels(shape=(6, 40, 50), name="labels"):
    voxels = np.zeros(shape, np.uint8)
    voxels[:, shape[1] // 4 : shape[1] // 2] = 1
    return ArrayImage(voxels, name=name)


def training(client, model="mito", steps=5, seed=0, **more):
    """Upload a pair and return a training of it; ``steps`` of the quick worker take 10 ms each."""
    pair = jobs_pb2.LabelledVolume(
        image_volume_id=client.upload(image(seed=seed)), labels_volume_id=client.upload(labels())
    )
    budget = jobs_pb2.Budget(steps=steps)
    return jobs_pb2.TrainingSpec(model_name=model, volumes=[pair], budget=budget, **more)


def prediction(client, model="mito", seed=0, **more):
    return jobs_pb2.PredictionSpec(model_name=model, image_volume_id=client.upload(image(seed=seed)), **more)

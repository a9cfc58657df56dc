"""What is predicted together: noise, by a network that sleeps; and a Dask cluster that does it."""

import os
import shutil
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

import cristae
from cristae.door.workers import Workers
from cristae.extensions import use_extensions
from cristae.geometry import grid
from cristae.models import ModelLibrary
from cristae.networks import AddedConfig, Preprocessing, Statistics
from cristae.prediction import load_predictor
from cristae.prediction.devices import voxels_at_once
from cristae.prediction.tiling import tiling
from cristae.prediction.units import units_of
from cristae.settings import Home
from cristae.volumes import VolumeSpec, create_output, open_image

MODEL = "sleeping"
HALO_ZYX = (1, 2, 3)
PATIENCE_S = 300


@dataclass(frozen=True)
class Subject:
    """A volume and a home with a model for it."""

    home: Home
    raw: Path
    shape_zyx: tuple[int, int, int]

    def first_tiles(self) -> dict[int, int]:
        """Return the CRC-32 of the input of each unit's first tile, as the network's log has it: its unit."""
        predictor = load_predictor(ModelLibrary(self.home.models).find(MODEL), "cpu", engine="torch")
        frame = predictor.frame(open_image(self.raw))
        most = voxels_at_once(predictor.config, predictor.device)
        found = {}
        for number, unit in enumerate(units_of(VolumeSpec((1, *self.shape_zyx), "uint8"))):
            cut = tiling(self.shape_zyx, (1, 1, 1), HALO_ZYX, most_voxels=most, part_zyx=unit)
            found[zlib.crc32(frame.read(cut.tiles[0].read_box))] = number
        return found


def prepare(folder: Path, shape_zyx: tuple[int, int, int]) -> Subject:
    """Write the volume and the home."""
    home = Home(folder / "home").make()
    home.extensions.mkdir()
    shutil.copy(Path(__file__).with_name("sleeping_network.py"), home.extensions)
    use_extensions(home.extensions)
    add_model(home)
    raw = folder / "raw.zarr"
    random = np.random.default_rng(0)
    output = create_output(raw, (1, *shape_zyx), "uint8")
    for box in grid(shape_zyx, (16, *shape_zyx[1:])):
        output.write(box, random.integers(0, 255, box.shape, dtype=np.uint8))
    output.seal()
    return Subject(home, raw, shape_zyx)


def add_model(home: Home) -> None:
    """Put a model with the network that sleeps into the library; its last layer takes over the two maps."""
    config = AddedConfig(
        name=MODEL,
        dims=3,
        in_channels=1,
        out_channels=2,
        features=1,
        levels=1,
        halo_zyx=HALO_ZYX,
        stride_zyx=(1, 1, 1),
    )
    record = {
        "name": MODEL,
        "target": "classes",
        "classes": [{"value": 1, "name": "darker", "rgb": 255}],
        "channels": 1,
        "voxel_size_nm": None,
        "display_unit": "nm",
        "working_voxel": {"downsample_zyx": [1, 1, 1]},
        "network": config.to_dict(),
        "preprocessing": Preprocessing(3, "training", Statistics((128.0,), (64.0,))).to_dict(),
        "halo_zyx": list(HALO_ZYX),
        "plan": {"sentences": ["It was made by hand."], "settings": {}},
        "metrics": {},
        "data": [],
        "outputs": ["labels", "probabilities"],
    }
    weights = {"head.weight": np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1, 1)}
    ModelLibrary(home.models).add(record, weights | {"head.bias": np.zeros(2, np.float32)})


def predict(subject: Subject, out: Path, workers: Workers | None = None) -> None:
    """Predict the volume into an OME-Zarr."""
    cristae.predict(subject.raw, out, model=MODEL, engine="torch", workers=workers, home=subject.home.root)


def unbroken(subject: Subject, folder: Path) -> Path:
    """Predict by this process, without any sleep; return the result, in a new folder."""
    folder.mkdir()
    predict(subject, folder / "labels.zarr")
    return folder / "labels.zarr"


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files of an OME-Zarr but the one that tells when it was made."""
    files = (path for path in folder.rglob("*") if path.is_file() and path != folder / "zarr.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@contextmanager
def environment(told: dict[str, str]) -> Iterator[None]:
    """Set variables, for this process and those that it starts."""
    before = dict(os.environ)
    os.environ.update(told)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Cluster:
    """A Dask scheduler and workers of one thread each, all processes of this machine that can be killed."""

    def __init__(self, workers: int, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._workers, self._log = workers, log
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._nannies: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start scheduler and workers, and wait until all are there."""
        from distributed import Client  # not above: workers of this machine load this file, too

        self.end()
        host, port = self.address.removeprefix("tcp://").split(":")
        self._scheduler = self._started("dask_scheduler", "--host", host, "--port", port, "--no-dashboard")
        words = (self.address, "--nthreads", "1", "--no-dashboard", "--local-directory", self._log.parent)
        self._nannies = [self._started("dask_worker", *map(str, words)) for _ in range(self._workers)]
        with Client(self.address, timeout=PATIENCE_S, set_as_default=False) as client:
            client.wait_for_workers(self._workers, timeout=PATIENCE_S)

    def _started(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *words]
            return subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def is_whole(self) -> bool:
        """Whether the scheduler is alive."""
        return self._scheduler is not None and self._scheduler.poll() is None

    @property
    def scheduler(self) -> psutil.Process:
        """The scheduler's process."""
        return psutil.Process(self._scheduler.pid)

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that compute; each is watched over, and replaced when it dies, by another one."""
        return [worker for nanny in self._nannies for worker in computing_children(nanny.pid)]

    def end(self) -> None:
        """Kill all of them."""
        if self._scheduler is None:
            return
        for process in (*self._nannies, self._scheduler):
            for one in (*children(process.pid), process):
                one.kill()
            process.wait()


@contextmanager
def dask_cluster(workers: int, log: Path) -> Iterator[Cluster]:
    """Start a cluster, and kill it in the end."""
    cluster = Cluster(workers, log)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.end()


def children(pid: int) -> list[psutil.Process]:
    """Return the processes that a process has started, and those that these have."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def computing_children(pid: int) -> list[psutil.Process]:
    """Return those of them that compute."""
    found = []
    for child in children(pid):
        try:
            if any("spawn_main" in word for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue  # it has just ended
    return found

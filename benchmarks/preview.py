"""What a preview costs beside the network: asking, measuring, sending, normalising, answering.

A real server in a process of its own, over loopback, with the model loaded. By turns: previews as Fiji asks
for them (plan, voxels, answer; the grey values of the image are measured once), and the bare forward of the
same voxels, made ready beforehand, in this process with as many threads. What counts is the time that all
processes computed together, so that other programs do not decide. The network is the one that the program
plans for serial sections, trained for some steps.

    python benchmarks/preview.py [--rounds 15] [--steps 4]
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
import psutil
import torch

import cristae
from cristae.geometry import Box
from cristae.models import ModelLibrary
from cristae.networks.devices import describe
from cristae.networks.statistics import gathered_statistics
from cristae.prediction import Predictor, load_predictor
from cristae.prediction.devices import voxels_at_once
from cristae.prediction.tiling import tiling
from cristae.service.client import Address, Client
from cristae.service.messages import box_message, box_of, spec_message
from cristae.settings import Home
from cristae.v1 import previews_pb2
from cristae.volumes import ArrayImage, VolumeSpec
from step import SUBJECTS, data

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "preview.md"
MOST_TIMES_BARE, MOST_MS_MORE = 1.3, 50.0


@dataclass(frozen=True)
class Look:
    """What is looked at: a part of an image of so many voxels, (z, y, x)."""

    told: str
    shape_zyx: tuple[int, int, int]
    region: Box


LOOKS = (
    Look("a slice of 512 x 512", (8, 512, 512), Box((4, 0, 0), (5, 512, 512))),
    Look("512 x 512 selected in 2048 x 2048", (8, 2048, 2048), Box((4, 700, 700), (5, 1212, 1212))),
)
SECTIONS = SUBJECTS[0]


@dataclass(frozen=True)
class Measured:
    """Seconds that all processes computed for a preview, and for the bare forward."""

    look: Look
    voxels: int
    bare_s: float
    preview_s: float

    @property
    def goal_s(self) -> float:
        """What it may take."""
        return MOST_TIMES_BARE * self.bare_s + MOST_MS_MORE / 1e3


def image_of(look: Look) -> ArrayImage:
    """Return an image of that shape, of the kind that the model was trained on."""
    pattern = data(SECTIONS)[0]
    times = [-(-whole // side) for whole, side in zip(look.shape_zyx, pattern.shape, strict=True)]
    voxels = np.tile(pattern, times)[tuple(slice(side) for side in look.shape_zyx)]
    return ArrayImage(voxels, SECTIONS.voxel_size)


class Window:
    """Looks at one image, as Fiji does: what it measured once is kept."""

    def __init__(self, client: Client, image: ArrayImage, look: Look) -> None:
        self._client, self._image = client, image
        spec = spec_message(VolumeSpec(image.shape_czyx, image.dtype.name, image.voxel_size))
        self._subject = previews_pb2.PreviewSubject(
            model_name=SECTIONS.name,
            shape=spec.shape,
            data_type=spec.data_type,
            voxel_size=spec.voxel_size,
            region=box_message(look.region),
            device="cpu",
        )
        self._measured: dict[bytes, previews_pb2.GreyStatistics] = {}

    def look(self) -> int:
        """Look once; return how many voxels were sent."""
        plan = self._client.plan_preview(self._subject)
        voxels = self._image.read(box_of(plan.box))
        request = previews_pb2.PreviewPartRequest(
            subject=self._subject,
            box=plan.box,
            voxels=voxels.tobytes(),
            statistics=map(self._statistics, plan.samples),
        )
        self._client.preview_part(request)
        return int(voxels.size)

    def _statistics(self, sample: previews_pb2.GreySample) -> previews_pb2.GreyStatistics:
        key = sample.SerializeToString(deterministic=True)
        if key not in self._measured:
            found = gathered_statistics(self._image.read(box_of(one)) for one in sample.boxes)
            self._measured[key] = previews_pb2.GreyStatistics(mean=found.mean, deviation=found.measured_std)
        return self._measured[key]


def bare(predictor: Predictor, image: ArrayImage, look: Look) -> Callable[[], object]:
    """Return the forward of what a preview has to compute, made ready."""
    frame = predictor.frame(image)
    cut = tiling(
        frame.shape_zyx,
        frame.step_zyx,
        frame.halo_zyx(predictor.halo_zyx),
        most_voxels=voxels_at_once(predictor.config, predictor.device)
        * int(np.prod(frame.preprocessing.downsample_zyx)),
        part_zyx=look.region,
    )
    prepared = [frame.read(tile.read_box) for tile in cut.tiles]
    return lambda: [predictor.forward(one) for one in prepared]


def computed_s(server: int) -> float:
    """Return how long this process, the server and its children have computed."""
    ours = psutil.Process(server)
    processes = (psutil.Process(), ours, *ours.children(recursive=True))
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def cost_s(work: Callable[[], object], server: int, times: int) -> float:
    """Return how long all processes compute for something, on average."""
    before = computed_s(server)
    for _ in range(times):
        work()
    return (computed_s(server) - before) / times


def measure(client: Client, server: int, home: Path, look: Look, rounds: int) -> Measured:
    """Measure both by turns, a few at a time: the clocks of processes go in steps of 10 ms."""
    image = image_of(look)
    predictor = load_predictor(ModelLibrary(home / "models").get(SECTIONS.name), "cpu", engine="torch")
    forward, window = bare(predictor, image, look), Window(client, image, look)
    voxels = window.look()
    forward()
    bare_s, preview_s = [], []
    for number in range(rounds):
        bare_s.append(cost_s(forward, server, 4))
        preview_s.append(cost_s(window.look, server, 4))
        told = f"bare {bare_s[-1] * 1e3:.0f} ms, preview {preview_s[-1] * 1e3:.0f} ms"
        print(f"{look.told}, round {number + 1}: {told}", flush=True)
    return Measured(look, voxels, median(bare_s), median(preview_s))


def page(measured: list[Measured], rounds: int, steps: int) -> str:
    """Return what was measured as a page."""
    rows = "\n".join(
        f"| {m.look.told} | {m.voxels / 1e6:.2f} | {m.bare_s * 1e3:.0f} | {m.preview_s * 1e3:.0f} "
        f"| {m.preview_s / m.bare_s:.2f} | {m.goal_s * 1e3:.0f} |"
        for m in measured
    )
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    return f"""# Previews: what is done beside the network

Written by `benchmarks/preview.py --rounds {rounds} --steps {steps}`. {machine}, torch {torch.__version__},
{describe(torch.device("cpu"))}.

Milliseconds that all processes computed together, so that other programs do not decide. *Preview* is all that
Fiji waits for, over gRPC with the model loaded: the plan, sending, normalising, the network, the answer; the
grey values of an image are measured once, before. *Bare* is the network alone on the same voxels, with the
context that it needs. By turns, medians of {rounds} rounds. The goal: {MOST_TIMES_BARE} times the bare
forward and {MOST_MS_MORE:.0f} ms. The network is that of the plan for serial sections.

| what is looked at | million voxels sent | bare | preview | times bare | goal |
|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    """Measure, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4, help="of the training")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, size = Path(folder) / "home", SECTIONS.voxel_size
        cristae.train(
            *data(SECTIONS),
            model=SECTIONS.name,
            steps=chosen.steps,
            voxel_size_nm=(size.z_nm, size.y_nm, size.x_nm),
            device="cpu",
            home=home,
        )
        program = "import sys; from pathlib import Path; from cristae.service import serve; "
        program += "from cristae.settings import Home; serve(Home(Path(sys.argv[1])))"
        environment = {"OMP_NUM_THREADS": str(torch.get_num_threads()), **os.environ}
        server = subprocess.Popen([sys.executable, "-c", program, str(home)], env=environment)
        try:
            with Client(lambda: Address.of_home(Home(home))) as client:
                client.server()
                measured = [measure(client, server.pid, home, look, chosen.rounds) for look in LOOKS]
        finally:
            server.terminate()
            server.wait(30)
    text = page(measured, chosen.rounds, chosen.steps)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if all(m.preview_s <= m.goal_s for m in measured) else 1


if __name__ == "__main__":
    sys.exit(main())

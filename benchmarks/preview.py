"""What a preview costs beside the network: asking, measuring, sending, normalising, answering.

A real server in a process of its own, over loopback, with the model loaded. By turns: a preview as Fiji asks
for it (plan, grey values, voxels, answer), and the bare forward of the same voxels, made ready beforehand, in
this process with as many threads. The median of all rounds counts on both sides. The networks are those that
the program plans for serial sections and for isotropic volumes, trained for some steps.

    python benchmarks/preview.py [--rounds 15] [--steps 8]
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
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
from step import SUBJECTS, Subject, data

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "preview.md"
MOST_TIMES_BARE, MOST_MS_MORE = 1.3, 50.0


@dataclass(frozen=True)
class Look:
    """What is looked at: a part of an image of so many voxels, (z, y, x)."""

    told: str
    subject: str
    shape_zyx: tuple[int, int, int]
    region: Box
    has_goal: bool


LOOKS = (
    Look("a slice of 512 x 512", "sections", (8, 512, 512), Box((4, 0, 0), (5, 512, 512)), True),
    Look(
        "512 x 512 selected in 2048 x 2048",
        "sections",
        (8, 2048, 2048),
        Box((4, 700, 700), (5, 1212, 1212)),
        True,
    ),
    Look(
        "128 x 128 selected in a volume", "volume", (96, 320, 320), Box((48, 96, 96), (49, 224, 224)), False
    ),
)


@dataclass(frozen=True)
class Measured:
    """Seconds of a preview and of the bare forward, medians, and of the first preview of all."""

    look: Look
    voxels: int
    bare_s: float
    preview_s: float

    @property
    def goal_s(self) -> float:
        """What it may take."""
        return MOST_TIMES_BARE * self.bare_s + MOST_MS_MORE / 1e3


def image_of(look: Look, subject: Subject) -> ArrayImage:
    """Return an image of that shape, of the kind that the model was trained on."""
    pattern = data(subject)[0]
    times = [-(-whole // side) for whole, side in zip(look.shape_zyx, pattern.shape, strict=True)]
    voxels = np.tile(pattern, times)[tuple(slice(side) for side in look.shape_zyx)]
    return ArrayImage(voxels, subject.voxel_size)


def preview(client: Client, image: ArrayImage, look: Look) -> int:
    """Look once, as Fiji does; return how many voxels were sent."""
    spec = spec_message(VolumeSpec(image.shape_czyx, image.dtype.name, image.voxel_size))
    subject = previews_pb2.PreviewSubject(
        model_name=look.subject,
        shape=spec.shape,
        data_type=spec.data_type,
        voxel_size=spec.voxel_size,
        region=box_message(look.region),
        device="cpu",
    )
    plan = client.plan_preview(subject)
    measured = [gathered_statistics(image.read(box_of(one)) for one in row.boxes) for row in plan.samples]
    voxels = image.read(box_of(plan.box))
    client.preview_part(
        previews_pb2.PreviewPartRequest(
            subject=subject,
            box=plan.box,
            voxels=voxels.tobytes(),
            statistics=[
                previews_pb2.GreyStatistics(mean=one.mean, deviation=one.measured_std) for one in measured
            ],
        )
    )
    return int(voxels.size)


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


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(client: Client, home: Path, look: Look, subject: Subject, rounds: int) -> Measured:
    """Measure both by turns."""
    image = image_of(look, subject)
    predictor = load_predictor(ModelLibrary(home / "models").get(look.subject), "cpu", engine="torch")
    forward = bare(predictor, image, look)
    voxels = preview(client, image, look)
    forward()
    bare_s, preview_s = [], []
    for number in range(rounds):
        bare_s.append(seconds(forward))
        preview_s.append(seconds(lambda: preview(client, image, look)))
        print(
            f"{look.told}, round {number + 1}: bare {bare_s[-1] * 1e3:.0f} ms, "
            f"preview {preview_s[-1] * 1e3:.0f} ms",
            flush=True,
        )
    return Measured(look, voxels, median(bare_s), median(preview_s))


def page(measured: list[Measured], first_s: float, rounds: int, steps: int) -> str:
    """Return what was measured as a page."""
    rows = "\n".join(
        f"| {m.look.told} ({m.look.subject}) | {m.voxels / 1e6:.2f} | {m.bare_s * 1e3:.0f} "
        f"| {m.preview_s * 1e3:.0f} | {m.preview_s / m.bare_s:.2f} "
        f"| {f'{m.goal_s * 1e3:.0f}' if m.look.has_goal else '-'} |"
        for m in measured
    )
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    return f"""# Previews: what is done beside the network

Written by `benchmarks/preview.py --rounds {rounds} --steps {steps}`. {machine}, torch {torch.__version__},
{describe(torch.device("cpu"))}.

Milliseconds. *Preview* is all that Fiji waits for, over gRPC with the model loaded: the plan, measuring
grey values, sending, normalising, the network, the answer. *Bare* is the network alone on the same voxels,
with the context that it needs. By turns, medians of {rounds} rounds. The goal for 512 x 512 pixels:
{MOST_TIMES_BARE} times the bare forward and {MOST_MS_MORE:.0f} ms. The first preview of all, which starts the
process and loads torch and the model, took {first_s:.1f} s.

| what is looked at (data) | million voxels sent | bare | preview | times bare | goal |
|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    """Measure, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=8, help="of the trainings")
    chosen = parser.parse_args()
    subjects = {subject.name: subject for subject in SUBJECTS}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        for subject in SUBJECTS:
            size = subject.voxel_size
            cristae.train(
                *data(subject),
                model=subject.name,
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
                look = LOOKS[0]
                image = image_of(look, subjects[look.subject])
                first_s = seconds(lambda: preview(client, image, look))
                measured = [
                    measure(client, home, look, subjects[look.subject], chosen.rounds) for look in LOOKS
                ]
        finally:
            server.terminate()
            server.wait(30)
    text = page(measured, first_s, chosen.rounds, chosen.steps)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if all(m.preview_s <= m.goal_s for m in measured if m.look.has_goal) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What OpenVINO is worth on CPUs: a tile in torch and in OpenVINO, by turns, and whether they agree.

The networks are those that the program plans for serial sections and for isotropic volumes, trained for some
steps on smooth objects in noise; the tile is the one that a prediction of a larger image takes. Each round
gives a ratio of two that ran right after each other, and the median of the rounds counts.

    python benchmarks/engines.py [--rounds 11] [--steps 60]
"""

import argparse
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
import openvino
import torch

import cristae
from cristae.geometry import Box
from cristae.models import ModelPackage
from cristae.networks.devices import describe
from cristae.prediction import load_predictor
from cristae.prediction.devices import voxels_at_once
from cristae.prediction.engines import MOST_DIFFERENCE
from cristae.prediction.tiling import tiling
from cristae.volumes import ArrayImage
from step import SUBJECTS, Subject, data

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "engines.md"
LEAST_TIMES_QUICKER = 1.7
LARGER = {"sections": (16, 2048, 2048), "volume": (256, 256, 256)}
"""The images that are cut into tiles, (z, y, x)."""


@dataclass(frozen=True)
class Measured:
    """Seconds of a tile, round by round, and the greatest difference of a probability, 0 to 1."""

    subject: Subject
    told: str
    torch_s: list[float]
    openvino_s: list[float]
    difference: float

    @property
    def ratio(self) -> float:
        """How many times quicker OpenVINO is."""
        return median(own / other for own, other in zip(self.torch_s, self.openvino_s, strict=True))


def trained(subject: Subject, steps: int, home: Path) -> ModelPackage:
    """Train the network that is planned for a subject."""
    image, labels = data(subject)
    size = subject.voxel_size
    return cristae.train(
        image,
        labels,
        model=subject.name,
        steps=steps,
        voxel_size_nm=(size.z_nm, size.y_nm, size.x_nm),
        device="cpu",
        home=home,
    )


def measure(subject: Subject, rounds: int, steps: int, home: Path) -> Measured:
    """Measure both engines on one tile, by turns."""
    model = trained(subject, steps, home)
    ways = {name: load_predictor(model, "cpu", engine=name) for name in ("torch", "openvino")}
    own = ways["torch"]
    pattern, shape = data(subject)[0], LARGER[subject.name]
    times = [-(-whole // side) for whole, side in zip(shape, pattern.shape, strict=True)]
    image = np.tile(pattern, times)[tuple(slice(side) for side in shape)]
    frame = own.frame(ArrayImage(image, subject.voxel_size))
    most = voxels_at_once(own.config, own.device) * int(np.prod(frame.preprocessing.downsample_zyx))
    cut = tiling(frame.shape_zyx, frame.step_zyx, frame.halo_zyx(own.halo_zyx), most_voxels=most)
    tile = frame.read(cut.tiles[0].read_box)
    logits = {}
    for name, predictor in ways.items():
        predictor.settle(lambda: tile, len(cut.tiles))
        logits[name] = predictor.forward(tile)  # the first call is slower, whoever makes it
    shares = [torch.softmax(one, dim=1) for one in logits.values()]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, predictor in ways.items():
            start = time.perf_counter()
            predictor.predict(tile, "labels", Box.of_shape(cut.tile_zyx))
            seconds[name].append(time.perf_counter() - start)
        told = ", ".join(f"{name} {took[-1] * 1e3:.0f} ms" for name, took in seconds.items())
        print(f"{subject.name}, round {number + 1}: {told}", flush=True)
    size = " x ".join(map(str, cut.tile_zyx))
    features = ", ".join(map(str, own.config.features))
    return Measured(
        subject,
        f"{own.config.dims}D, {features} features, tile {size}",
        seconds["torch"],
        seconds["openvino"],
        float((shares[0] - shares[1]).abs().max()),
    )


def page(measured: list[Measured], rounds: int, steps: int) -> str:
    """Return what was measured as a page."""
    rows = "\n".join(
        f"| {m.subject.name} ({m.told}) | {median(m.torch_s) * 1e3:.0f} | {median(m.openvino_s) * 1e3:.0f} "
        f"| {m.ratio:.2f} | {m.difference:.0e} |"
        for m in measured
    )
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    return f"""# Engines: what OpenVINO is worth on this CPU

Written by `benchmarks/engines.py --rounds {rounds} --steps {steps}`. {machine}, torch {torch.__version__},
OpenVINO {openvino.__version__}, {describe(torch.device("cpu"))}. Shapes are z, y, x.

Milliseconds in which a tile becomes labels, in 32 bit. By turns in one process; medians of {rounds} rounds,
and the ratio is that of the two of a round. The networks are those that are planned for such data, trained
for {steps} steps. The goals: {LEAST_TIMES_QUICKER} times quicker, and no probability further off than
{MOST_DIFFERENCE}. Where OpenVINO is not clearly quicker, `--engine auto` computes with torch.

| data (network) | torch | OpenVINO | times quicker | greatest difference of a probability |
|---|---|---|---|---|
{rows}
"""


def main() -> int:
    """Measure, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=60, help="of the trainings")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        measured = [measure(subject, chosen.rounds, chosen.steps, Path(home)) for subject in SUBJECTS]
    text = page(measured, chosen.rounds, chosen.steps)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    kept = (m.ratio >= LEAST_TIMES_QUICKER and m.difference <= MOST_DIFFERENCE for m in measured)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main())

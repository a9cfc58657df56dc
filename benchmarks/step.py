"""What a step of a training costs beside the network: reading, variants of patches, averaging, clipping.

In one process, by turns, and the least of all rounds counts: a step of the trainer, its patches read in a
thread beside, without variants and with all of them; against nothing but the forward pass, the loss, the
backward pass and the optimiser on one and the same batch. The networks are those that the program plans for
serial sections and for isotropic volumes.

    python benchmarks/step.py [--rounds 6] [--steps 4] [--precision auto]
"""

import argparse
import copy
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cristae.networks.devices import choose_device, describe, memory_format
from cristae.training import Budget, TrainingRequest, inspect_and_plan
from cristae.training.first_weights import first_network
from cristae.training.losses import LOSSES, compared
from cristae.training.optimiser import AdamW
from cristae.training.patches import prepare_patches
from cristae.training.trainer import Trainer
from cristae.training.wishes import Wishes
from cristae.volumes import ArrayImage, VoxelSize

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "step.md"
MOST_TIMES_BARE = 1.15
ALL = {f"augment_{group}": "full" for group in ("geometry", "intensity", "sections")}
NONE = {"augmentation": "0"}


@dataclass(frozen=True)
class Subject:
    """A kind of data, with the network that is planned for it."""

    name: str
    shape_zyx: tuple[int, int, int]
    voxel_size: VoxelSize


SUBJECTS = (
    Subject("sections", (8, 1024, 1024), VoxelSize(50, 5, 5)),
    Subject("volume", (96, 160, 160), VoxelSize(10, 10, 10)),
)


@dataclass(frozen=True)
class Measured:
    """The least seconds of a step, and of what it consists of beside the network."""

    subject: Subject
    told: str
    bare_s: float
    plain_s: float
    all_s: float
    reading_s: float
    variants_s: float

    @property
    def ratio(self) -> float:
        """Of a step with all variants to the bare one."""
        return self.all_s / self.bare_s


def data(subject: Subject) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image and its labels: smooth objects in noise."""
    random = np.random.default_rng(0)
    isotropic = subject.voxel_size.z_nm == subject.voxel_size.x_nm
    sigma = (5, 5, 5) if isotropic else (1, 12, 12)
    field = gaussian_filter(random.normal(size=subject.shape_zyx), sigma)
    labels = (field > field.std()).astype(np.uint8)
    image = 150 - 60.0 * labels + random.normal(0, 15, labels.shape)
    return image.clip(1, 255).astype(np.uint8), labels


def trainer_of(subject: Subject, settings: dict[str, str], precision: str, folder: Path) -> Trainer:
    """Return a trainer that is about to take its first step."""
    image, labels = (ArrayImage(voxels, subject.voxel_size) for voxels in data(subject))
    request = TrainingRequest(
        [(image, labels)],
        "step",
        budget=Budget(steps=100_000),
        settings={**settings, "validation": "0", "precision": precision},
    )
    plan = inspect_and_plan(request)
    trainer = Trainer(
        plan=plan,
        network=first_network(plan.network, 0, None, ["object"]),
        patches=prepare_patches(request, plan, lambda event: None),
        validation=(),
        preview=None,
        device=choose_device(),
        folder=folder,
        work={},
        on_event=lambda event: None,
        wishes=Wishes(should_stop=lambda: False, should_finish=lambda: False),
    )
    trainer.resume()
    return trainer


def bare_step(trainer: Trainer) -> Callable[[], None]:
    """Return a step of nothing but the network, its loss and the optimiser, on a batch that stays."""
    device = trainer.device
    network = copy.deepcopy(trainer.network)
    optimiser = AdamW(network, trainer.plan.choices.weight_decay)
    loss_of = LOSSES[trainer.plan.choices.loss]
    batches = trainer.batches()
    _, x, targets = next(batches)
    batches.close()
    x = x.to(device).contiguous(memory_format=memory_format(network.config.dims, device))
    targets = targets.to(device)
    mixed = trainer.choices.precision == "bfloat16"

    def step() -> None:
        network.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = network(x)
        loss = loss_of(compared(logits, targets, None))
        optimiser.clear()
        loss.backward()
        optimiser.step(1e-3)

    return step


def seconds(work: Callable[[], object], times: int, device: torch.device) -> float:
    """Return the seconds that it takes, in the mean of so many times."""
    start = clock_s(device)
    for _ in range(times):
        work()
    return (clock_s(device) - start) / times


def clock_s(device: torch.device) -> float:
    """Return the time on a GPU; on a CPU what all threads of this process have computed, reading included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def measure(subject: Subject, precision: str, rounds: int, steps: int, folder: Path) -> Measured:
    """Measure all ways of a step by turns."""
    trainers = {
        "plain": trainer_of(subject, NONE, precision, folder / f"{subject.name}-plain"),
        "all": trainer_of(subject, ALL, precision, folder / f"{subject.name}-all"),
    }
    varied = trainers["all"]
    device, bare = varied.device, bare_step(varied)
    bare()  # the first step is slower, whoever takes it
    least = dict.fromkeys(("bare", "plain", "all", "reading", "variants"), float("inf"))

    def note(way: str, took_s: float) -> None:
        least[way] = min(least[way], took_s)

    for number in range(rounds):
        note("bare", seconds(bare, steps, device))
        for way, trainer in trainers.items():
            batches = trainer.batches()
            trainer.advance(batches)  # its batch was not read beside a step, as that of all others is
            note(way, seconds(lambda t=trainer, b=batches: t.advance(b), steps, device))
            batches.close()  # waits for the batch that is read ahead
        batches = varied.batches()
        _, x, targets = next(batches)
        batches.close()
        x, targets = x.to(device), targets.to(device)
        note("variants", seconds(lambda x=x, y=targets: varied.patches.varied(1, x, y), steps, device))
        note("reading", seconds(lambda: _read_batch(varied), 1, device))
        told = ", ".join(f"{way} {took * 1e3:.0f}" for way, took in least.items())
        print(f"{subject.name}, round {number + 1}, least ms: {told}", flush=True)
    choices = varied.choices
    size = " x ".join(map(str, choices.patch_zyx))
    told = f"{choices.dimensions}D, {choices.batch} patches of {size} voxels, {choices.precision}"
    return Measured(subject, told, *(least[way] for way in ("bare", "plain", "all", "reading", "variants")))


def _read_batch(trainer: Trainer) -> None:
    """Read one batch, and the one that is read ahead with it: twice the work of a batch."""
    batches = trainer.batches()
    next(batches)
    batches.close()


def page(measured: list[Measured], rounds: int, steps: int) -> str:
    """Return what was measured as a page."""
    rows = "\n".join(
        f"| {m.subject.name} ({m.told}) | {m.bare_s * 1e3:.0f} | {m.plain_s * 1e3:.0f} | {m.all_s * 1e3:.0f} "
        f"| {m.ratio:.2f} | {m.reading_s / 2 * 1e3:.0f} | {m.variants_s * 1e3:.0f} |"
        for m in measured
    )
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    return f"""# A step of the training: what is done beside the network

Written by `benchmarks/step.py --rounds {rounds} --steps {steps}`. {machine}, torch {torch.__version__},
{describe(choose_device())}.

Milliseconds of a step; on a CPU those that all threads of the process computed, so that other programs do
not decide, and the thread that reads patches counts in full. *Bare* is the forward pass, the loss, the
backward pass and the optimiser on one batch; *plain* a step of the trainer with nothing but flips and quarter
turns; *all* the same with every group of variants at `full`. By turns in one process, the least of {rounds}
rounds of {steps} steps. Reading a batch and making its variants were also measured by themselves. The goal:
all / bare <= {MOST_TIMES_BARE}.

| data (network) | bare | plain | all | all / bare | of it reading | variants |
|---|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    """Measure, print and write the page; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=4, help="in each round")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = [
            measure(subject, chosen.precision, chosen.rounds, chosen.steps, Path(folder))
            for subject in SUBJECTS
        ]
    text = page(measured, chosen.rounds, chosen.steps)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if max(m.ratio for m in measured) <= MOST_TIMES_BARE else 1


if __name__ == "__main__":
    raise SystemExit(main())

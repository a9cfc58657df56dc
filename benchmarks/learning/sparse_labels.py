"""How much of the accuracy is left when only a tenth is annotated as strokes, or two sections of eight.

Strokes are learned from once as the plan has it, and once with pseudo-labels for what lies between them.

The data are those of benchmarks/vnc.py: sections 0-7 are trained on, 10-11 scored at full resolution.
Strokes are smooth curves of a brush 7 pixels wide; each begins anywhere in a class and stays in it, and they
are drawn until a tenth of the voxels of each class, background too, carries a label. All trainings take as
many steps, and nothing else is chosen but what --set says, for all of them.

    python benchmarks/learning/sparse_labels.py --data FOLDER [--seeds 3] [--steps 600] [--set size=small]
"""

import argparse
import math
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import numpy as np
import torch
from numpy.typing import NDArray
from splits import Split, read_split

import cristae
from cristae.networks.devices import choose_device, describe

BRUSH = 7
LENGTH = 120
SHARE = 0.1
UNKNOWN = 255
TWO = (2, 5)
REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "sparse-labels.md"
GOALS = {"strokes": 0.95, "strokes, pseudo-labels": 0.95, "two sections of eight": 0.90}
"""Of the IoU with all labels."""


def strokes(classes: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Return the labels (z, y, x) that strokes leave of dense ones; UNKNOWN elsewhere."""
    generator = np.random.default_rng(seed)
    drawn = np.full_like(classes, UNKNOWN)
    z, y, x = np.indices((1, BRUSH, BRUSH)) - np.array([0, BRUSH // 2, BRUSH // 2]).reshape(3, 1, 1, 1)
    disc = np.stack([y, x], axis=-1)[0][np.hypot(y, x)[0] <= BRUSH / 2]
    for number in np.unique(classes):
        places = np.argwhere(classes == number)
        missing = math.ceil(SHARE * len(places))
        while missing > 0:
            z, *start = places[generator.integers(len(places))]
            for dots in _curve(np.array(start, float), generator, disc):
                inside = ((dots >= 0) & (dots < classes.shape[1:])).all(axis=1)
                rows, columns = dots[inside].T
                if not inside.all() or (classes[z, rows, columns] != number).any():
                    break
                missing -= int((drawn[z, rows, columns] == UNKNOWN).sum())
                drawn[z, rows, columns] = number
    return drawn


def _curve(at: NDArray[Any], generator: np.random.Generator, disc: NDArray[Any]) -> Any:
    """Yield the pixels under the brush, dot by dot along a curve that bends slowly."""
    angle, bend = generator.uniform(0, 2 * math.pi), generator.normal(0, 0.03)
    for _ in range(LENGTH):
        yield np.rint(at).astype(int) + disc
        at = at + np.array([math.sin(angle), math.cos(angle)])
        angle += bend + generator.normal(0, 0.05)


def trained(split: Split, labels: NDArray[np.uint8], steps: int, seed: int, **given: Any) -> Any:
    """Train on labels, and return IoU and the plan in words."""
    with tempfile.TemporaryDirectory() as home:
        model = cristae.train(
            split.raw, labels, model="sparse", steps=steps, seed=seed,
            voxel_size_nm=split.voxel_size_nm, home=home, **given,
        )  # fmt: skip
        predicted = cristae.predict(split.test_raw, model=model, home=home, voxel_size_nm=split.voxel_size_nm)
    return split.score(np.asarray(predicted))[1], model.record["plan"]["sentences"]


def report(
    rows: Mapping[str, list[float]], plans: Mapping[str, list[str]], steps: int, settings: Mapping[str, str]
) -> str:
    """Return the page for docs/benchmarks."""
    dense = mean(rows["all labels"])
    lines = "\n".join(
        f"| {name} | {', '.join(f'{iou:.3f}' for iou in ious)} | {mean(ious):.3f} | "
        f"{mean(ious) / dense:.1%} | {f'{GOALS[name]:.0%}' if name in GOALS else ''} |"
        for name, ious in rows.items()
    )
    told = "\n\n".join(
        f"With {name}:\n\n" + "\n".join(f"- {sentence}" for sentence in plan) for name, plan in plans.items()
    )
    chosen = "".join(f", {name}={value}" for name, value in settings.items())
    day = datetime.now(UTC).date().isoformat()
    place = f"{platform.machine()}, torch {torch.__version__}, {describe(choose_device())}"
    return f"""# Sparse labels

Written by `benchmarks/learning/sparse_labels.py` on {day}
({place}).
Mitochondria in ssTEM sections, 50 x 4.6 x 4.6 nm (Gerhard et al. 2013), trained on sections 0-7, scored on
10-11 at full resolution, {steps} steps each{chosen}. Strokes of a brush {BRUSH} pixels wide cover {SHARE:.0%}
of the voxels of each class; the rest is unknown.

| annotated | IoU of each seed | mean | of all labels | goal |
|---|---|---|---|---|
{lines}

The plans that the program made:

{told}
"""


def main() -> int:
    """Train on each kind of labels with all seeds, print a line for each, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder with the folder vnc")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all trainings")
    arguments = parser.parse_args()
    settings = dict(text.split("=", 1) for text in arguments.set)
    if arguments.data is None:
        print("sparse_labels: skipped, because its data are not in the repository. Give --data FOLDER.")
        return 0
    split = read_split("vnc", arguments.data)
    two = np.full_like(split.labels, 0)
    two[list(TWO)] = split.labels[list(TWO)]
    rows: dict[str, list[float]] = {}
    plans: dict[str, list[str]] = {}
    for seed in range(arguments.seeds):
        drawn = strokes(split.classes, seed)
        kinds: dict[str, tuple[NDArray[np.uint8], int | None, dict[str, str]]] = {
            "all labels": (split.labels, None, {}),
            "strokes": (drawn, UNKNOWN, {}),
            "strokes, pseudo-labels": (drawn, UNKNOWN, {"pseudo": "on"}),
            "two sections of eight": (two, None, {}),
        }
        for name, (labels, unknown, more) in kinds.items():
            start = time.monotonic()
            iou, plans[name] = trained(
                split, labels, arguments.steps, seed, unknown=unknown, settings=settings | more
            )
            rows.setdefault(name, []).append(iou)
            print(f"{name}, seed {seed}: IoU {iou:.3f}, {time.monotonic() - start:.0f} s", flush=True)
    page = REPORT.with_stem("-".join([REPORT.stem, *settings.values()]))
    page.write_text(report(rows, plans, arguments.steps, settings), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

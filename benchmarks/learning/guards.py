"""What parts of the training guard against that equal recordings of one stack cannot show.

`run.py` scores on sections that were recorded as those that were trained on. Here the same models are scored
on sections that were not: of another contrast, noisier, or between neighbours that are lost or shifted.
Besides: how honest the probabilities are, how good the weights are all along the training, in case it ends
early, and a class of few voxels (synapses).

    python benchmarks/learning/guards.py --data FOLDER [--seeds 3] [--steps 300]
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import numpy as np
import tifffile
import torch
from learners import left_out
from numpy.typing import NDArray
from page import difference, pooled
from splits import Split, read_split

import cristae

REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "guards.md"
OWN = "(the program's own)"
CHOICES: Mapping[str, tuple[str, dict[str, str], str | None]] = {
    OWN: ("mitochondria", {}, None),
    "augment_intensity=off": ("mitochondria", {"augment_intensity": "off"}, None),
    "augment_sections=light": ("mitochondria", {"augment_sections": "light"}, None),
    "without averaging": ("mitochondria", {}, "averaging"),
    "without calibration": ("mitochondria", {}, "calibration"),
    "synapses, " + OWN: ("synapses", {}, None),
    "synapses, rare_share=0": ("synapses", {"rare_share": "0"}, None),
}
"""What is learned, the choices, and the part that is left out."""

SIZE = {"patch_zyx": "1,256,256", "batch": "8"}
"""Of all: small patches, so that seven choices and three seeds take an hour."""

CONTRASTS = (0.6, 1.6)
NOISE = 15.0
SHIFT = 20
BINS = 15
RARE = "synapses, IoU"
BETTER = {"calibration error": -1}
"""Figures of which less is better."""


def recorded_otherwise(raw: NDArray[np.uint8]) -> dict[str, list[NDArray[np.uint8]]]:
    """Return the sections (z, y, x) as they might have been recorded, in one or more ways of each kind."""
    grey = raw.astype(np.float32) / 255
    noise = np.random.default_rng(0).normal(0, NOISE, raw.shape)
    return {
        "as recorded": [raw],
        "other contrast": [(255 * grey**power).round().astype(np.uint8) for power in CONTRASTS],
        "noisier": [(raw + noise).clip(0, 255).round().astype(np.uint8)],
    }


def between(raw: NDArray[np.uint8], section: int) -> dict[str, NDArray[np.uint8]]:
    """Return the sections with the neighbours of one lost (black) or shifted."""
    lost, shifted = raw.copy(), np.roll(raw, SHIFT, axis=(1, 2))
    lost[np.arange(len(raw)) != section] = 0
    shifted[section] = raw[section]
    return {"neighbours lost": lost, "neighbours shifted": shifted}


def calibration_error(probability: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of the foreground (Naeini et al. 2015) in equal bins."""
    share = probability.ravel() / 255.0
    bins = np.minimum((share * BINS).astype(int), BINS - 1)
    voxels = np.bincount(bins, minlength=BINS)
    said = np.bincount(bins, share, BINS)
    true = np.bincount(bins, truth.ravel(), BINS)
    return float(np.abs(said - true).sum() / voxels.sum())


def figures(split: Split, steps: int, seed: int, settings: Mapping[str, str], home: str) -> dict[str, float]:
    """Train once, and return everything that is measured of the model."""
    given: dict[str, Any] = {"voxel_size_nm": split.voxel_size_nm, "home": home}
    model = cristae.train(
        split.raw,
        split.labels,
        model="guarded",
        steps=steps,
        seed=seed,
        settings={**SIZE, **settings},
        **given,
    )

    def iou(raw: NDArray[np.uint8], sections: tuple[int, int] = split.scored) -> float:
        found = np.asarray(cristae.predict(raw, model=model, kind="labels", **given))
        return replace(split, scored=sections).score(found)[1]

    if split.name == "synapses":
        return {RARE: iou(split.test_raw)}
    found = {
        kind: mean(iou(raw) for raw in ways) for kind, ways in recorded_otherwise(split.test_raw).items()
    }
    neighbours: dict[str, list[float]] = defaultdict(list)
    for section in range(*split.scored):
        for kind, raw in between(split.test_raw, section).items():
            neighbours[kind].append(iou(raw, (section, section + 1)))
    found |= {kind: mean(values) for kind, values in neighbours.items()}
    sections = slice(*split.scored)
    shares = np.asarray(cristae.predict(split.test_raw, model=model, kind="probabilities", **given))
    foreground = shares[1] if shares.ndim == 4 else shares
    found["calibration error"] = calibration_error(foreground[sections], split.truth[sections] == 1)
    found["Dice all along"] = mean(
        values["dice"] for values in model.record["history"][:-1] if "dice" in values
    )
    return found


def report(found: Mapping[str, Mapping[str, Mapping[int, float]]], steps: int) -> str:
    """Return the page for docs/benchmarks."""
    lines = []
    for figure in dict.fromkeys(name for figures in found.values() for name in figures):
        rows = {name: figures[figure] for name, figures in found.items() if figure in figures}
        own, deviation = next(iter(rows.values())), pooled([list(row.values()) for row in rows.values()])
        lines += ["", f"## {figure}", "", "| choice | each seed | mean | difference |", "|---|---|---|---|"]
        for name, row in rows.items():
            told = "" if row is own else difference(row, own, deviation, BETTER.get(figure, 1))
            each = ", ".join(f"{value:.3f}" for value in row.values())
            lines.append(f"| {name} | {each} | {mean(row.values()):.3f} | {told} |")
    day = datetime.now(UTC).date().isoformat()
    place = f"{platform.machine()}, {os.cpu_count()} CPU cores, torch {torch.__version__}"
    return (
        f"""# What parts of the training guard against

Written by `benchmarks/learning/guards.py` on {day} ({place}). Sections of
ssTEM, 50 x 4.6 x 4.6 nm (Gerhard et al. 2013), trained on sections 0-7 as they were recorded, scored on
10-11, {steps} steps of {SIZE["batch"]} patches of {SIZE["patch_zyx"].replace(",", " x ")} voxels.
Other contrast: grey values to the power of {CONTRASTS[0]} and {CONTRASTS[1]}. Noisier: a standard deviation
of {NOISE:g} of 255 grey values is added. Neighbours of the section that is scored: black, or shifted by
{SHIFT} pixels along both axes. Figures are IoU, but for the calibration error (how far the probability of the
class is from its frequency, in {BINS} bins; less is better) and the mean Dice of all validations before the
last (what a training has that ends early). A difference of less than two standard errors, by the scatter of
seeds, may be chance.
"""
        + "\n".join(lines)
        + "\n"
    )


def main() -> int:
    """Train with all choices and seeds, print a line for each, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder with the folder vnc")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    if arguments.data is None:
        print("guards: skipped, because its data are not in the repository. Give --data FOLDER.")
        return 0
    mitochondria = read_split("vnc", arguments.data)
    mask = (tifffile.imread(arguments.data / "vnc" / "synapses.tif") > 0).astype(np.uint8)
    synapses = replace(mitochondria, name="synapses", labels=mask[:8], truth=mask[9:12])
    found: dict[str, dict[str, dict[int, float]]] = {name: defaultdict(dict) for name in CHOICES}
    for seed in range(arguments.seeds):
        for name, (what, settings, part) in CHOICES.items():
            start = time.monotonic()
            split = synapses if what == "synapses" else mitochondria
            with tempfile.TemporaryDirectory() as home, left_out(part):
                measured = figures(split, arguments.steps, seed, settings, home)
            for figure, value in measured.items():
                found[name][figure][seed] = value
            told = ", ".join(f"{figure} {value:.3f}" for figure, value in measured.items())
            print(f"{name}, seed {seed}: {told}, {time.monotonic() - start:.0f} s", flush=True)
        REPORT.write_text(report(found, arguments.steps), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

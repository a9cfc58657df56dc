"""What the ways to need fewer labels are worth, on mitochondria of a part of a tissue that looks otherwise.

The data are those of benchmarks/vnc.py. The left half of the sections, 0-7 labelled, makes the base model.
The right half stands for another specimen: fainter, brighter and noisier than the left one. There, one or
four sections are labelled, and sections 10-11 are scored at full resolution. All take as many
steps.

    python benchmarks/learning/fewer_labels.py --data FOLDER [--seeds 2] [--steps 300] [--only WORD]
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

import cristae

VOXEL_SIZE_NM = (50.0, 4.6, 4.6)
READ, SCORED = slice(9, 12), (1, 3)
SIZE = {"features": "8", "levels": "4", "patch_zyx": "1,256,256", "batch": "4"}
NETWORK = {"downsample_zyx": "1,2,2", "validation": "0", "dimensions": "2", "context": "1"}
REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "fewer-labels.md"


@dataclass(frozen=True)
class Way:
    """One way to train on the right half: so many labelled sections, from the base model or not, choices."""

    name: str
    sections: int
    from_base: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


WAYS = (
    Way("from scratch", 1),
    Way("from scratch", 4),
    Way("from scratch", 8),
    Way("from the base model", 1, from_base=True),
    Way("from the base model, encoder frozen", 1, from_base=True, settings={"freeze": "encoder"}),
    Way("from the base model", 4, from_base=True),
    Way("from scratch, pseudo-labels", 1, settings={"pseudo": "on"}),
    Way("from the base model, pseudo-labels", 1, from_base=True, settings={"pseudo": "on"}),
    Way("from scratch, a quarter of the steps pre-trained", 1, settings={"pretrain": "0.25"}),
)


def other_specimen(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image as another preparation might look: less contrast, brighter, noisier."""
    noise = np.random.default_rng(0).normal(0, 8, raw.shape)
    return (70 + 0.6 * raw.astype(np.float32) + noise).clip(1, 255).astype(np.uint8)


class Bench:
    """The data, the base model, and what was reached."""

    def __init__(self, folder: Path, home: str, steps: int) -> None:
        raw, mask = (tifffile.imread(folder / name) for name in ("raw.tif", "mitochondria.tif"))
        half = raw.shape[2] // 2
        self.raw, self.mask = other_specimen(raw[..., half:]), mask[..., half:]
        self.home, self.steps = home, steps
        self.given = {"steps": steps, "voxel_size_nm": VOXEL_SIZE_NM, "home": home}
        cristae.train(
            raw[..., :half], mask[..., :half], model="base", z=(0, 8), settings=SIZE | NETWORK, **self.given
        )

    def scored(self, model: str) -> float:
        """Return Dice of a model on the sections that nobody trained on."""
        labels = cristae.predict(self.raw[READ], model=model, voxel_size_nm=VOXEL_SIZE_NM, home=self.home)
        return float(cristae.evaluate(labels, self.mask[READ], z=SCORED)["classes"]["1"]["dice"])

    def run(self, way: Way, seed: int) -> float:
        """Train in this way, and return Dice."""
        settings = {"batch": SIZE["batch"], "patch_zyx": SIZE["patch_zyx"], "validation": "0"}
        if not way.from_base:
            settings |= SIZE | NETWORK
        cristae.train(
            self.raw, self.mask, model="way", seed=seed, z=(0, way.sections), empty_sections="background",
            start_from="base" if way.from_base else None, settings={**settings, **way.settings}, **self.given,
        )  # fmt: skip
        return self.scored("way")


def report(rows: list[tuple[Way, list[float]]], base: float, steps: int) -> str:
    """Return the page for docs/benchmarks."""
    lines = "\n".join(
        f"| {way.name} | {way.sections} | {', '.join(f'{d:.3f}' for d in dice)} | {mean(dice):.3f} |"
        for way, dice in rows
    )
    day = datetime.now(UTC).date().isoformat()
    place = f"{platform.machine()}, {os.cpu_count()} CPU cores, torch {torch.__version__}"
    return f"""# Fewer labels

Written by `benchmarks/learning/fewer_labels.py` on {day} ({place}). Mitochondria in ssTEM sections, 50 x
4.6 x 4.6 nm (Gerhard et al. 2013). The base model was trained on the left halves of 8 sections; the right
halves, made fainter, brighter and noisier, stand for another specimen, of which sections 10-11 are scored.
{steps} steps each; the base model itself, without any label of the other specimen, has Dice {base:.3f} there.

| training | labelled sections | Dice of each seed | mean |
|---|---|---|---|
{lines}
"""


def main() -> int:
    """Run all ways with all seeds, print a line for each, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("CRISTAE_VNC"), help="folder of vnc")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--only", default="", help="only ways whose name holds this; no page is written")
    arguments = parser.parse_args()
    if arguments.data is None:
        print("fewer_labels: skipped, because its data are not in the repository. Give --data FOLDER.")
        return 0
    rows: list[tuple[Way, list[float]]] = []
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(arguments.data), home, arguments.steps)
        base = bench.scored("base")
        print(f"the base model as it is: Dice {base:.3f}", flush=True)
        for way in WAYS:
            if arguments.only not in way.name:
                continue
            started = time.monotonic()
            dice = [bench.run(way, seed) for seed in range(1, arguments.seeds + 1)]
            rows.append((way, dice))
            told = ", ".join(f"{d:.3f}" for d in dice)
            print(
                f"{way.name}, {way.sections} sections: {told}, {time.monotonic() - started:.0f} s", flush=True
            )
            if not arguments.only:
                REPORT.write_text(report(rows, base, arguments.steps), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How well neurons are told apart, beside a plain watershed on the same probabilities.

A network is trained on one part of a volume, and another part is decoded in two ways: as Cristae does it,
and by scikit-image as is usual: the distance to what is more likely boundary than not, its maxima that stand
out by h, a watershed from them. The watershed gets the best of several h, chosen on the scored part itself.
Scored by scikit-image, the true background ignored, against the connected pieces of the true neurons within
that part. What was found is cut into its connected pieces there, too: an object that leaves the part and
comes back is one, rightly, and would count as a merge of its pieces. What was trained is kept under build/
and not trained again; the data `fib25` (Janelia FlyEM, NeuroProof examples) may not be copied here.

    python benchmarks/learning/neurons.py --data FOLDER [--split fib25] [--seeds 3] [--minutes 20 | --steps N]
        [--set size=small]
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import cc3d
import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, metrics, morphology, segmentation

import cristae
from cristae.labels import boundary_classes

ROOT = Path(__file__).parents[2]
NOTES, REPORT = (ROOT / "docs" / "benchmarks" / f"neurons.{ending}" for ending in ("jsonl", "md"))
HEIGHTS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
ARE_GOAL, VI_GOAL, BETTER_GOAL = 0.08, 1.1, 0.2
INTERIOR, BOUNDARY = 1, 2


@dataclass(frozen=True)
class Split:
    """What is learned from, what is predicted, and which box (z, y, x) of that is scored."""

    question: str
    learned: tuple[slice, slice, slice]
    predicted: tuple[slice, slice, slice]
    scored: tuple[slice, slice, slice]


ALL = slice(None)
SPLITS = {
    "fib25": Split(
        "trained on z 0-79, scored on z 95-124",
        (slice(0, 80), ALL, ALL),
        (slice(85, 125), ALL, ALL),
        (slice(10, 40), ALL, ALL),
    ),
    "gala": Split(
        "trained on columns 0-119, scored on columns 130-199",
        (ALL, ALL, slice(0, 120)),
        (ALL, ALL, slice(120, 200)),
        (ALL, ALL, slice(10, 80)),
    ),
}
VOXEL_NM = (10.0, 10.0, 10.0)


def read(name: str, data: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the image and the neurons (z, y, x)."""
    folder = data / name
    return tifffile.imread(folder / "raw.tif"), tifffile.imread(folder / "neurons.tif")


@dataclass(frozen=True)
class Training:
    """How a model is trained: its budget, by the words of :func:`cristae.train`, choices and seed."""

    budget: dict[str, float]
    settings: dict[str, str]
    seed: int


def trained(name: str, asked: Training, raw: NDArray[Any], ids: NDArray[Any]) -> Any:
    """Return the model, from an earlier run if there is one."""
    home = ROOT / "build" / "neurons"
    told = [f"{value:g}{unit}" for unit, value in asked.budget.items()]
    told += [f"{key} {value}" for key, value in asked.settings.items()]
    model = f"{name}-{'-'.join(told)}-{asked.seed}"
    if (home / "models" / model).exists():
        return model, home
    where = SPLITS[name].learned
    return (
        cristae.train(
            raw[where],
            ids[where],
            model=model,
            target="instances",
            seed=asked.seed,
            settings=asked.settings,
            voxel_size_nm=VOXEL_NM,
            home=home,
            **asked.budget,
        ),
        home,
    )


def by_scikit_image(probabilities: NDArray[np.uint8], height: float) -> NDArray[np.int32]:
    """Return the objects of a plain watershed."""
    boundary = probabilities[BOUNDARY] / np.float32(255)
    mask = probabilities[INTERIOR].astype(int) + probabilities[BOUNDARY] > 127
    depth = ndimage.distance_transform_edt(mask & (boundary < 0.5))
    tops = morphology.h_maxima(depth, height)
    return segmentation.watershed(boundary, measure.label(tops), mask=mask)


def scores(predicted: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """Return the adapted Rand error and the variation of information in bits."""
    uncut, _, _ = metrics.adapted_rand_error(truth, predicted, ignore_labels=(0,))
    found = pieces(predicted)
    error, _, _ = metrics.adapted_rand_error(truth, found, ignore_labels=(0,))
    split, merge = metrics.variation_of_information(truth, found, ignore_labels=(0,))
    return {
        "are": float(error),
        "are_uncut": float(uncut),
        "vi_split": float(split),
        "vi_merge": float(merge),
        "vi": float(split + merge),
    }


def pieces(ids: NDArray[Any]) -> NDArray[Any]:
    """Return the connected pieces of each id, by faces, edges and corners."""
    return np.asarray(cc3d.connected_components(np.ascontiguousarray(ids)))


def boundary_dice(classes: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the Dice of the boundaries that the network found."""
    found, true = classes == BOUNDARY, boundary_classes(truth, None) == BOUNDARY
    return float(2 * (found & true).sum() / (found.sum() + true.sum()))


def answers(name: str, data: Path, asked: Training) -> Iterator[dict[str, Any]]:
    """Train, predict, and score each way to decode."""
    raw, ids = read(name, data)
    split = SPLITS[name]
    model, home = trained(name, asked, raw, ids)
    how = {"model": model, "home": home, "voxel_size_nm": VOXEL_NM}
    image = raw[split.predicted]
    truth = pieces(ids[split.predicted][split.scored])
    probabilities = np.asarray(cristae.predict(image, kind="probabilities", **how))
    dice = {"boundary_dice": boundary_dice(probabilities.argmax(axis=0)[split.scored], truth)}
    plain = [
        scores(by_scikit_image(probabilities, height)[split.scored], truth) | {"h": height}
        for height in HEIGHTS
    ]
    yield {"way": "watershed"} | dice | min(plain, key=lambda one: one["are"])
    for way, flips in (("cristae", False), ("cristae, flips", True)):
        found = np.asarray(cristae.predict(image, kind="instances", flips=flips, **how))
        yield {"way": way} | dice | scores(found[split.scored], truth)


def noted() -> list[dict[str, Any]]:
    """Return what was measured so far."""
    return [json.loads(line) for line in NOTES.read_text().splitlines()] if NOTES.exists() else []


def main() -> int:
    """Measure what was asked for, and write the page anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the folders fib25 and gala")
    parser.add_argument("--split", choices=sorted(SPLITS), action="append")
    parser.add_argument("--seeds", type=int, default=3)
    limits = parser.add_mutually_exclusive_group()
    limits.add_argument("--minutes", type=float, default=20.0)
    limits.add_argument("--steps", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    chosen = parser.parse_args()
    budget = {"minutes": chosen.minutes} if chosen.steps is None else {"steps": chosen.steps}
    told = " ".join(f"{value:g} {unit}" for unit, value in budget.items())
    if chosen.steps is None and not torch.cpu._is_avx512_bf16_supported():
        told += ", CPU without bfloat16"
    told = ", ".join([told, *chosen.settings])
    settings = dict(setting.split("=", 1) for setting in chosen.settings)
    for name in (chosen.split or sorted(SPLITS)) if chosen.data else ():
        for seed in range(chosen.seeds):
            for answer in answers(name, chosen.data, Training(budget, settings, seed)):
                note = {"split": name, "budget": told, "seed": seed} | answer
                note |= {"day": datetime.now(UTC).date().isoformat()}
                print(note, flush=True)
                kept = [old for old in noted() if any(old[key] != note[key] for key in IDENTITY)]
                lines = [json.dumps(one) for one in (*kept, note)]
                NOTES.write_text("\n".join(lines) + "\n", encoding="utf-8")
    REPORT.write_text(_page(noted()), encoding="utf-8")
    return 0


IDENTITY = ("split", "budget", "seed", "way")
WAYS = ("watershed", "cristae", "cristae, flips")


def _page(notes: list[dict[str, Any]]) -> str:
    lines = [
        "# Neurons, told apart",
        "",
        "Written by `benchmarks/learning/neurons.py` from `neurons.jsonl`: adapted Rand error and variation",
        "of information (bits) by scikit-image, means and standard deviations over seeds; less is better.",
        "Truth and what was found are cut into connected pieces of the scored part; *uncut*: the error of",
        "what was found as it is, where an object that leaves the part and comes back counts as a merge.",
        "*Watershed* is scikit-image's on the same probabilities, with the best of several h for each seed;",
        "*flips*: with test-time flips, the mean over the mirror images in the plane: four times the time.",
        f"Goals: an error of at most {ARE_GOAL} and {VI_GOAL} bits on fib25 with the standard budget, and at",
        f"least {BETTER_GOAL:.0%} less than the watershed.",
    ]
    for split, budget in sorted({(note["split"], note["budget"]) for note in notes}):
        of_both = [note for note in notes if (note["split"], note["budget"]) == (split, budget)]
        lines += ["", f"## {split}: {SPLITS[split].question}; {budget}", ""]
        dice = _spread([note["boundary_dice"] for note in of_both if note["way"] == "cristae"])
        lines += [f"Dice of the boundaries: {dice}.", ""]
        lines += [
            "| decoded by | seeds | adapted Rand error | uncut | VI | split | merge |",
            "|---" * 7 + "|",
        ]
        for way in WAYS:
            runs = [note for note in of_both if note["way"] == way]
            if not runs:
                continue
            keys = ("are", "are_uncut", "vi", "vi_split", "vi_merge")
            cells = [_spread([run[key] for run in runs]) for key in keys]
            lines.append(f"| {way} | {len(runs)} | {' | '.join(cells)} |")
        ratios = [
            mean(n[key] for n in of_both if n["way"] == "cristae")
            / mean(n[key] for n in of_both if n["way"] == "watershed")
            for key in ("are", "vi")
        ]
        lines += [
            "",
            f"Cristae's error is {ratios[0]:.2f} times, its VI {ratios[1]:.2f} times the watershed's.",
        ]
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    return "\n".join([*lines, "", f"Page written on {machine}."]) + "\n"


def _spread(values: list[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())

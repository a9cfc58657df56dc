"""Which learner makes the most of few labels and few minutes: Cristae, nnU-Net, a random forest.

The same split, the same machine, one after the other, scored by the same lines of code. Every run is noted in
``docs/benchmarks/learning.jsonl`` as soon as it has ended, and the page is made of all that is noted: the
comparison can be run in parts, on one machine. The data may not be copied into this repository.

    python benchmarks/learning/run.py --data FOLDER --split vnc --learner nnunet --minutes 5 [--seeds 3]
    python benchmarks/learning/run.py --data FOLDER --split vnc --learner cristae --minutes 5 --set loss=dice
"""

import argparse
import json
import os
import platform
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import torch
from learners import learn
from splits import read_split

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"
NOTES, REPORT = PAGES / "learning.jsonl", PAGES / "learning.md"


def measure(
    data: Path, split_name: str, learner: str, minutes: float, seed: int, settings: list[str]
) -> None:
    """Train, predict and score once; note what came out."""
    split = read_split(split_name, data)
    chosen = dict(setting.split("=", 1) for setting in settings)
    for answer in learn(learner, split, minutes, seed, chosen):
        dice, iou = split.score(answer.predicted)
        note = {
            "split": split_name,
            "question": split.question,
            "learner": learner,
            "minutes": minutes,
            "settings": " ".join(settings),
            "way": answer.way,
            "seed": seed,
            "dice": round(dice, 4),
            "iou": round(iou, 4),
            "steps": answer.steps,
            "train_s": round(answer.train_s, 1),
            "predict_s": round(answer.predict_s, 1),
            "plan": answer.plan,
            "day": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, torch {torch.__version__}",
        }
        with NOTES.open("a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")
        print(
            f"{split_name} {learner} {minutes:g} min {note['settings']} {answer.way} seed {seed}: "
            f"Dice {dice:.3f}, IoU {iou:.3f}, {answer.steps} steps",
            flush=True,
        )


def report(notes: list[dict]) -> str:
    """Return the page: a table for each split, a row for each learner, budget and choice."""
    lines = [
        "# Learning from few labels, side by side",
        "",
        "Written by `benchmarks/learning/run.py` from `learning.jsonl`, with every run. Mean and,",
        "with more than one seed, standard deviation. Minutes are those of the training; nnU-Net's do not",
        "count its preprocessing, Cristae's count everything. nnU-Net always predicts with mirror images.",
    ]
    for name in sorted({note["split"] for note in notes}):
        rows = defaultdict(list)
        for note in notes:
            if note["split"] == name:
                rows[note["learner"], note["minutes"], note["settings"], note["way"]].append(note)
        lines += ["", f"## {name}: {rows[next(iter(rows))][0]['question']}", ""]
        titles = ["learner", "minutes", "choices", "predicted", "seeds", "Dice", "IoU", "steps"]
        titles += ["training, s", "prediction, s"]
        lines += [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
        for (learner, minutes, settings, way), runs in sorted(rows.items()):
            dice, iou = (spread([run[key] for run in runs]) for key in ("dice", "iou"))
            steps, *seconds = (mean(run[key] for run in runs) for key in ("steps", "train_s", "predict_s"))
            lines.append(
                f"| {learner} | {minutes:g} | {settings} | {way} | {len(runs)} | {dice} | {iou} "
                f"| {steps:.0f} | {seconds[0]:.0f} | {seconds[1]:.0f} |"
            )
    machines = sorted({f"{note['machine']} ({note['day']})" for note in notes})
    return "\n".join([*lines, "", "Measured on: " + "; ".join(machines) + "."]) + "\n"


def spread(values: list[float]) -> str:
    """Return mean and standard deviation."""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def main() -> None:
    """Run what was asked for and write the page anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the folders vnc and fib25")
    parser.add_argument("--split", choices=("vnc", "fib25"))
    parser.add_argument("--learner", choices=("cristae", "forest", "nnunet"), default="cristae")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    chosen = parser.parse_args()
    if chosen.split is not None:
        if chosen.data is None:
            parser.error("--split needs --data FOLDER: the data are not in the repository.")
        for seed in range(chosen.seeds):
            measure(chosen.data, chosen.split, chosen.learner, chosen.minutes, seed, chosen.settings)
    if not NOTES.exists():
        parser.error("No run is noted yet: give --split and --data.")
    notes = [json.loads(line) for line in NOTES.read_text(encoding="utf-8").splitlines()]
    REPORT.write_text(report(notes), encoding="utf-8")


if __name__ == "__main__":
    main()

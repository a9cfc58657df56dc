"""Which learner makes the most of few labels and few minutes: Cristae, nnU-Net, a random forest.

The same split, the same machine, one after the other, scored by the same lines of code. A run is noted in
``docs/benchmarks/learning.jsonl`` as soon as it has ended and not made again, and the page is made of all
that is noted: the comparison can be run in parts, on one machine. The data may not be copied into this
repository.

    python benchmarks/learning/run.py --data FOLDER --split vnc --learner nnunet --minutes 5 [--seeds 3]
    python benchmarks/learning/run.py --data FOLDER --split vnc --steps 600 --set loss=dice
    python benchmarks/learning/run.py --data FOLDER --split vnc --steps 600 --without averaging

With a budget of steps the result does not depend on what else the machine does: so are Cristae's single
choices compared, each with the other ones as the program makes them.
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import torch
from learners import PARTS, Asked, learn
from page import page
from splits import read_split

DEFAULTS = "augment_sections=off"
"""What the program's own choice is that was another one in runs before; those have no such mark."""

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"
NOTES, REPORT = PAGES / "learning.jsonl", PAGES / "learning.md"


def measure(data: Path, split_name: str, asked: Asked) -> None:
    """Train, predict and score once, unless that was done; note what came out."""
    what = {"split": split_name, "learner": asked.learner, "budget": asked.budget, "choices": asked.choices}
    what |= {"seed": asked.seed} | ({"defaults": DEFAULTS} if asked.learner == "cristae" else {})
    if any(what.items() <= note.items() for note in noted()):
        return
    split = read_split(split_name, data)
    for answer in learn(asked, split):
        dice, iou = split.score(answer.predicted)
        note = what | {
            "question": split.question,
            "way": answer.way,
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
            f"{split_name} {asked.learner} {asked.budget} {asked.choices} {answer.way} seed {asked.seed}: "
            f"Dice {dice:.3f}, IoU {iou:.3f}, {answer.steps} steps",
            flush=True,
        )


def noted() -> list[dict]:
    """Return what was measured so far."""
    lines = NOTES.read_text(encoding="utf-8").splitlines() if NOTES.exists() else []
    return [json.loads(line) for line in lines]


def main() -> None:
    """Run what was asked for and write the page anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the folders vnc and fib25")
    parser.add_argument("--split", choices=("vnc", "fib25"))
    parser.add_argument("--learner", choices=("cristae", "forest", "nnunet"), default="cristae")
    limits = parser.add_mutually_exclusive_group()
    limits.add_argument("--minutes", type=float, default=5.0)
    limits.add_argument("--steps", type=int, help="Cristae's, instead of minutes")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    parser.add_argument("--without", choices=PARTS, help="leave out a part that no choice leaves out")
    chosen = parser.parse_args()
    if chosen.split is not None:
        if chosen.data is None:
            parser.error("--split needs --data FOLDER: the data are not in the repository.")
        for seed in range(chosen.seeds):
            asked = Asked(
                chosen.learner, chosen.minutes, chosen.steps, seed, tuple(chosen.settings), chosen.without
            )
            measure(chosen.data, chosen.split, asked)
    if not (notes := noted()):
        parser.error("No run is noted yet: give --split and --data.")
    REPORT.write_text(page(notes), encoding="utf-8")


if __name__ == "__main__":
    main()

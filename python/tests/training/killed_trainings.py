"""Trainings that kill themselves in the middle of a step: ``killed_trainings.py FOLDER`` does them all."""

import os
import signal
import sys
from pathlib import Path

from small_trainings import KINDS, request_for

from cristae.events import Event, Progress
from cristae.training import TrainingRequest, inspect_and_plan, pretraining, train, trainer

STEPS, LAST_STEP = 8, 5
"""Of the whole, and the one that is taken but not saved any more."""

CHOICES: dict[str, dict[str, str]] = {
    **{name: {} for name in KINDS},
    "classes in sections, validated": {},
    "classes in sections, impatient": {"patience": "0.3"},
    "classes in sections, in mixed precision": {"precision": "bfloat16"},
    "classes in volumes, in mixed precision": {"precision": "bfloat16", "patch_zyx": "16,16,16"},
    "classes in sections, going on from a model": {"freeze": "encoder"},
    "pre-training, killed in it": {},
}


def killed_request(name: str, library: Path) -> TrainingRequest:
    """Return the training of this name; `library` has a model to go on from."""
    kinds = (name, name.rpartition(",")[0], "classes in volumes, with every variant")
    kind = next(kind for kind in kinds if kind in KINDS)
    start = library if "going on" in name else None
    held_out = (8, 16) if name.endswith(("validated", "impatient")) else None
    return request_for(kind, steps=STEPS, start_from=start, validation_z=held_out, **CHOICES[name])


def run_and_die(name: str, folder: Path) -> None:
    """Train until a step is taken that no checkpoint knows, and kill this process there."""
    stage = "Pre-training" if "killed in it" in name else "Training"
    last = 3 if "re-training" in name else LAST_STEP  # each half has four

    def on_event(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == stage and event.detail.startswith(f"step {last} "):
            os.kill(os.getpid(), signal.SIGKILL)

    trainer._CHECKPOINT_EVERY_S = trainer._TOLD_EVERY_S = 0.0
    pretraining._SAVED_EVERY_S = pretraining._TOLD_EVERY_S = 0.0
    request = killed_request(name, folder / "library")
    plan = inspect_and_plan(request, "cpu")
    train(request, plan, folder=folder / name, on_event=on_event, device="cpu")


def main(folder: Path) -> None:
    """Do all of them, each in a process of its own that has loaded everything already."""
    for name in CHOICES:
        child = os.fork()
        if child == 0:
            run_and_die(name, folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"{name}: ended with {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

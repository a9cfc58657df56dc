"""The real worker with numpy in the place of torch, so that it starts in a fraction of a second.

Lock, order, events, ledger, staging, sealing, library: all of that is the product's. Only what
`cristae.training` and `cristae.prediction` compute is replaced: a model that remembers one grey value, a
prediction that compares with it.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

import cristae
from cristae.errors import Cancelled, DiskFull, OutOfMemory
from cristae.events import Metrics, Note, PlanMade, Progress
from cristae.geometry import Box
from cristae.models.previews import PREVIEW_FILE
from cristae.models.record import SCHEMA
from cristae.volumes import LabelClass
from cristae.volumes.durable import replace_file, write_file_durably

STEP_S = 0.01
FEWEST_STEPS = 2


@dataclass
class Budget:
    preset: str = "quick"
    minutes: float | None = None
    steps: int | None = None


@dataclass
class TrainingRequest:
    pairs: list
    model_name: str
    target: str = "classes"
    unknown: int | None = None
    empty_sections: str = "unknown"
    classes: tuple = ()
    budget: Budget = field(default_factory=Budget)
    z: tuple | None = None
    validation_z: tuple | None = None
    start_from: object = None
    settings: dict = field(default_factory=dict)
    seed: int = 0
    digests: tuple = ()
    job_id: str = ""


@dataclass
class Plan:
    sentences: tuple
    settings: dict
    labelled_steps: int
    fewest_steps: int


@dataclass
class TrainedModel:
    record: dict
    weights: dict
    preview: bytes


def inspect_and_plan(request, device="auto", *, on_event):
    on_event(Progress("Reading the labels", 0.0))
    steps = request.budget.steps
    return Plan((f"It takes {steps} steps.",), dict(request.settings), steps, FEWEST_STEPS)


def train(request, plan, *, folder, on_event, should_stop, should_finish, device):
    on_event(PlanMade(plan.sentences, plan.settings))
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "step.json"
    first = json.loads(note.read_text())["step"] if note.exists() else 0
    raw, _ = request.pairs[0]
    classes = request.classes or (LabelClass(1, "class 1", 0xFF8800),)
    steps = request.budget.steps or 5
    for step in range(first + 1, steps + 1):
        if should_stop():
            raise Cancelled("The training was stopped.")
        if should_finish():
            on_event(Note(f"Ends early with step {step}."))
            break
        misbehave(request.model_name, step, folder)
        time.sleep(STEP_S)
        write_file_durably(note, json.dumps({"step": step}).encode())
        replace_file(folder / PREVIEW_FILE, b"picture of step %d" % step)
        on_event(Progress("Training", step / steps, (steps - step) * STEP_S, f"step {step} of {steps}"))
        on_event(Metrics(step, {"loss": 1 / step, "nothing": float("nan")}))
    threshold = float(raw.read(Box.of_shape(raw.shape_czyx[1:])).mean())
    record = {
        "schema": SCHEMA,
        "name": request.model_name,
        "target": request.target,
        "classes": [{"value": row.value, "name": row.name, "rgb": row.rgb} for row in classes],
        "channels": raw.shape_czyx[0],
        "voxel_size_nm": None,
        "display_unit": "nm",
        "working_voxel": {"downsample_zyx": [1, 1, 1]},
        "network": {"out_channels": len(classes) + 1},
        "preprocessing": {},
        "plan": {"sentences": list(plan.sentences), "settings": plan.settings},
        "metrics": {"dice": 0.5},
        "halo_zyx": [0, 0, 0],
        "data": [],
        "outputs": ["labels", "probabilities"],
    }
    picture = b"last picture" if request.model_name != "without picture" else b""
    return TrainedModel(record, {"threshold": np.array([threshold], np.float32)}, picture)


def misbehave(how, step, folder):
    """Do, once or always, what a worker should not, if the model's name asks for it."""
    import os
    import signal

    if how == "die always":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "die once" and step == 3 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "out of memory":
        raise MemoryError
    if how == "out of device memory":
        raise OutOfMemory("The device's memory did not suffice; use a smaller patch.")
    if how == "mistake":
        raise ZeroDivisionError("/secret/path")
    if how == "disk full":
        raise OSError(28, "No space left on device", "/secret/path")
    if how == "disk full once" and step == 3 and not (folder / "was full").exists():
        (folder / "was full").touch()
        raise OSError(28, "No space left on device", "/secret/path")
    if how == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(120)
    if how == "shout":
        os.write(1, b"x" * 1000)
        print("to standard output")
    if how == "note":
        print("A library talks", flush=True)


@dataclass
class Form:
    channels: int
    dtype: str
    classes: tuple


def form_of(record, kind):
    classes = tuple(LabelClass(**row) for row in record["classes"])
    return Form(1 if kind == "labels" else len(classes) + 1, "uint8", classes)


def predict(
    models,
    image,
    output,
    *,
    kind,
    device,
    flips,
    combine,
    split_touching,
    inside,
    ledger,
    on_event,
    should_stop,
):
    from cristae.prediction.ledger import How, Ledger

    threshold = getattr(np, combine)([model.weights()["threshold"][0] for model in models])
    depth, rows, columns = image.shape_czyx[1:]
    work = {"models": [model.digest for model in models], "kind": kind}
    with Ledger(ledger, work, How((1, rows, columns))) as notes:
        if notes.done:
            on_event(Note(f"{len(notes.done)} of {depth} tiles were finished before the interruption."))
        for z in range(depth):
            if z in notes.done:
                continue
            if image.name == "fills the disk" and z == 3 and not notes.done:
                raise DiskFull("The disk has too little left.")
            if should_stop():
                raise Cancelled("The prediction was stopped.")
            time.sleep(STEP_S)
            box = Box((z, 0, 0), (z + 1, rows, columns))
            found = ((image.read(box)[:1] > threshold) ^ flips).astype(np.uint8)
            if inside is not None:
                found *= inside.read(box)[:1]
            output.write(box, np.repeat(found, output.shape_czyx[0], axis=0))
            notes.note(z)
            on_event(Progress("Predicting", (z + 1) / depth, None, f"tile {z + 1} of {depth}"))


def room(name, **content):
    module = ModuleType(f"cristae.{name}")
    module.__path__ = [str(Path(cristae.__file__).parent / name)]  # its other modules stay the product's
    vars(module).update(content)
    sys.modules[module.__name__] = module


if __name__ == "__main__":
    room(
        "training",
        Budget=Budget,
        TrainingRequest=TrainingRequest,
        inspect_and_plan=inspect_and_plan,
        train=train,
    )
    room("prediction", form_of=form_of, predict=predict)
    import os

    from cristae.worker.__main__ import main

    status = main()
    sys.stderr.flush()
    os._exit(status)

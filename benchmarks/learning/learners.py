"""The learners that are compared, each with a question in and the predicted classes out."""

import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from splits import Split

import cristae
from cristae.training import averaging, selection
from cristae.training.calibration import Calibration

PARTS = ("averaging", "calibration")
NNUNET = "nnunetv2==2.8.1"
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    """What a learner predicted, and what it took."""

    way: str
    predicted: NDArray[Any]
    steps: int
    train_s: float
    predict_s: float
    plan: str


@dataclass(frozen=True)
class Asked:
    """How to learn.

    Attributes
    ----------
    learner
        "cristae", "forest" (Cristae's random forest, which ends when it is grown) or "nnunet".
    minutes, steps
        How long; if steps are given, they count.
    seed
        Which random numbers.
    settings
        Choices of Cristae's plan, NAME=VALUE.
    without
        A part of Cristae that is left out, one of PARTS.
    """

    learner: str
    minutes: float
    steps: int | None
    seed: int
    settings: tuple[str, ...]
    without: str | None

    @property
    def budget(self) -> str:
        """How long, in words, on which GPU, and on a CPU without bfloat16, which takes far fewer steps."""
        told = f"{self.minutes:g} min" if self.steps is None else f"{self.steps} steps"
        if self.learner == "cristae" and torch.cuda.is_available():
            return f"{told} on {torch.cuda.get_device_name()}"
        is_slower = self.steps is None and not torch.cpu._is_avx512_bf16_supported()
        return f"{told}, CPU without bfloat16" if is_slower else told

    @property
    def choices(self) -> str:
        """What is unlike the program's own plan, in words."""
        return " ".join([*self.settings, *([f"without {self.without}"] if self.without else [])])


@contextmanager
def left_out(part: str | None) -> Iterator[None]:
    """Leave out a part of the training."""
    kept = averaging._POWER, selection.calibrate
    if part == "averaging":
        averaging._POWER = math.inf  # the average is the newest
    if part == "calibration":
        selection.calibrate = lambda logits, *_: Calibration(1.0, (0.0,) * logits.shape[1])
    try:
        yield
    finally:
        averaging._POWER, selection.calibrate = kept


def learn(asked: Asked, split: Split) -> Iterator[Answer]:
    """Train once, and predict in each way that the learner has."""
    if asked.learner == "nnunet":
        yield _nnunet(split, asked.minutes, asked.seed)
        return
    settings = dict(setting.split("=", 1) for setting in asked.settings)
    if asked.learner == "forest":
        settings = {"learner": "forest", **settings}
    with tempfile.TemporaryDirectory() as home, left_out(asked.without):
        start = time.monotonic()
        model = cristae.train(
            split.raw,
            split.labels,
            model="compared",
            target=split.target,
            minutes=asked.minutes if asked.steps is None else None,
            steps=asked.steps,
            seed=asked.seed,
            settings=settings,
            voxel_size_nm=split.voxel_size_nm,
            home=home,
        )
        train_s = time.monotonic() - start
        record = model.record
        for flips in (False, True) if asked.learner == "cristae" else (False,):
            start = time.monotonic()
            predicted = cristae.predict(
                split.test_raw,
                model=model,
                kind="labels",
                flips=flips,
                voxel_size_nm=split.voxel_size_nm,
                home=home,
            )
            yield Answer(
                "flips" if flips else "plain",
                np.asarray(predicted),
                record["training"]["steps"],
                train_s,
                time.monotonic() - start,
                " ".join(record["plan"]["sentences"]),
            )


def _nnunet(split: Split, minutes: float, seed: int) -> Answer:
    # Kept until the run has ended, so that one of hours that was broken off goes on where it was.
    folder = _ROOT / "build" / f"nnunet-{split.name}-{minutes:g}-{seed}"
    if not folder.exists():
        (staged := folder.with_name(f"{folder.name}.part")).mkdir(parents=True, exist_ok=True)
        for name, voxels in (("raw", split.raw), ("classes", split.classes), ("test", split.test_raw)):
            np.save(staged / f"{name}.npy", voxels)
        (staged / "about.json").write_text(json.dumps({"voxel_size_nm": split.voxel_size_nm}))
        staged.rename(folder)
    command = [_nnunet_python(), Path(__file__).with_name("nnunet_side.py"), folder]
    command += ["--minutes", str(minutes), "--configuration", split.nnunet, "--seed", str(seed)]
    subprocess.run(command, check=True)
    told = json.loads((folder / "told.json").read_text())
    predicted = np.load(folder / "predicted.npy")
    shutil.rmtree(folder)
    # Its mirror images are its default, so there is no other way to compare with.
    return Answer(
        "plain", predicted, told["steps"], told["train_s"], told["predict_s"], f"{NNUNET}, {told['plan']}"
    )


def _nnunet_python() -> Path:
    """Return the Python of nnU-Net's own environment; made the first time."""
    place = _ROOT / "build" / "nnunet"
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (place / "ready").exists():
        print(f"Installing {NNUNET} into {place} (several GB) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", NNUNET], check=True)
        (place / "ready").touch()
    return python

"""A training of any kind that is killed and started again ends as one that was not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from killed_trainings import CHOICES, STEPS, killed_request
from small_trainings import request_for

from cristae.events import Event, Note
from cristae.models import ModelLibrary
from cristae.training import TrainedModel, inspect_and_plan, train

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")


def trained(name: str, library: Path, folder: Path, told: list[Event]) -> TrainedModel:
    request = killed_request(name, library)
    plan = inspect_and_plan(request, "cpu")
    return train(request, plan, folder=folder, on_event=told.append, device="cpu")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what killed trainings left, and the library with the model that one began with."""
    folder = tmp_path_factory.mktemp("killed")
    request = request_for("classes in sections")
    first = train(request, inspect_and_plan(request, "cpu"), folder=folder / "first", device="cpu")
    ModelLibrary(folder / "library").add(first.record, first.weights)
    program = Path(__file__).with_name("killed_trainings.py")
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # rounding depends on them
    ended = subprocess.run(
        [sys.executable, str(program), str(folder)], env=os.environ | threads, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.parametrize("name", CHOICES)
def test_a_killed_training_goes_on_and_ends_as_an_unbroken_one(
    name: str, killed: Path, tmp_path: Path
) -> None:
    unbroken = trained(name, killed / "library", tmp_path, [])
    told: list[Event] = []
    resumed = trained(name, killed / "library", killed / name, told)
    goes_on = [e.sentence for e in told if isinstance(e, Note) and "goes on from step" in e.sentence]
    assert len(goes_on) == (0 if "killed in it" in name else 1)
    assert resumed.record["training"]["steps"] == unbroken.record["training"]["steps"] <= STEPS
    assert resumed.record["history"] == unbroken.record["history"]
    for weights, expected in unbroken.weights.items():
        assert np.array_equal(resumed.weights[weights], expected), weights

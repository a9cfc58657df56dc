"""A device is tried where it stands, and a wrong answer of it is found."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import cristae
from cristae import cli
from cristae.commands import device_trial


@pytest.fixture
def small(monkeypatch):
    """Make the trial quick: few steps on small images, small tiles."""
    subjects = [
        device_trial._Subject(one.name, shape, (16, 96, 96), one.voxel_size_nm, (1, 3, 3))
        for one, shape in zip(device_trial._SUBJECTS, [(3, 64, 64), (16, 48, 48)], strict=True)
    ]
    monkeypatch.setattr(device_trial, "_SUBJECTS", subjects)
    monkeypatch.setattr(device_trial, "STEPS", 4)


def test_the_doctor_tries_a_device_and_writes_a_report(small, tmp_path: Path, capsys):
    assert cli.main(["doctor", "--device", "cpu", "--home", str(tmp_path), "--json"]) == 0
    told = capsys.readouterr()
    assert "Training on serial sections" in told.err
    found = {one["subject"]: one for one in json.loads(told.out)["findings"]}
    assert {one["state"] for one in found.values()} <= {"ok", "note"}
    assert "100.000 % of the labels" in found["predicting serial sections"]["sentence"]
    assert found["speed on an isotropic volume"]["sentence"].count("million voxels a second") == 3
    report = (tmp_path / "device-cpu.md").read_text()
    assert all(one["sentence"] in report for subject, one in found.items() if subject != "report")


def test_a_device_that_fails_is_reported(small, tmp_path: Path, capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no kernel image is available\nand more")

    monkeypatch.setattr(cristae, "train", fail)
    assert cli.main(["doctor", "--device", "cpu", "--home", str(tmp_path)]) == 1
    sentence = "It failed (RuntimeError): no kernel image is available"
    assert sentence in capsys.readouterr().out
    assert sentence in (tmp_path / "device-cpu.md").read_text()


def test_a_device_that_is_not_there_is_told(tmp_path: Path, capsys):
    assert cli.main(["doctor", "--device", "cuda:7", "--home", str(tmp_path)]) == 1
    assert "cuda:7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("losses", "state"),
    [((1.0, 0.5), "ok"), ((1.0, 0.53), "ok"), ((1.0, 0.6), "problem"), ((0.4, 0.5), "problem")],
)
def test_a_training_that_ends_elsewhere_than_on_the_cpu_is_a_problem(losses, state):
    own, model = (
        SimpleNamespace(record={"history": [{"loss": loss} for loss in each]})
        for each in (losses, (1.0, 0.5))
    )
    assert device_trial._training_found(device_trial._SUBJECTS[0], own, model, 1.0).state == state


@pytest.mark.parametrize(("wrong", "state"), [(0, "ok"), (40, "ok"), (41, "problem")])
def test_labels_unlike_those_of_the_cpu_are_a_problem(monkeypatch, wrong, state):
    def predict(image, *, kind, device, **_):
        answer = np.zeros(image.shape, np.uint8)
        if device != "cpu" and kind == "labels":
            answer.flat[:wrong] = 1
        return answer

    monkeypatch.setattr(cristae, "predict", predict)
    image = np.zeros((10, 64, 64), np.uint8)
    subject = device_trial._SUBJECTS[0]
    found = device_trial._prediction_found(subject, image, object(), "cuda:0", "")
    assert found.state == state

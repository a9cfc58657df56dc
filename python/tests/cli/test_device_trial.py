"""A device is tried where it stands, and a wrong answer of it is found."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import cristae
from cristae import cli
from cristae.commands import device_trial
from cristae.prediction import Predictor


@pytest.fixture
def small(monkeypatch):
    """Make the trial quick: few steps on small images, small tiles."""
    subjects = [
        device_trial._Subject(one.name, shape, (16, 96, 96), one.voxel_size_nm, (1, 3, 3))
        for one, shape in zip(device_trial._SUBJECTS, [(3, 64, 64), (16, 48, 48)], strict=True)
    ]
    monkeypatch.setattr(device_trial, "_SUBJECTS", subjects)
    monkeypatch.setattr(device_trial, "STEPS", 4)


def test_the_doctor_tries_a_device_and_writes_a_report(small, tmp_path: Path, capsys, caplog):
    assert cli.main(["doctor", "--device", "cpu", "--home", str(tmp_path), "--json"]) == 0
    told = capsys.readouterr()
    assert "Training on serial sections" in told.err
    assert "no figures" not in told.err + caplog.text
    found = {one["subject"]: one for one in json.loads(told.out)["findings"]}
    assert {one["state"] for one in found.values()} <= {"ok", "note"}
    for subject in ("serial sections", "an isotropic volume"):
        sentence = found[f"predicting {subject}"]["sentence"]
        assert "100.000 % of the labels" in sentence
        assert int(sentence.removeprefix("In ").partition(" tiles")[0]) >= 4
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
def test_labels_unlike_those_of_the_cpu_are_a_problem(wrong, state):
    own = np.zeros((1, 10, 64, 64), np.uint8)
    other = own.copy()
    other.flat[:wrong] = 1
    subject = device_trial._SUBJECTS[0]
    assert device_trial._compared(subject, 4, (other, own), (own, own)).state == state


@pytest.mark.parametrize(("wrong", "state"), [(1, "ok"), (2, "problem")])
def test_probabilities_unlike_those_of_the_cpu_are_a_problem(wrong, state):
    own = np.full((2, 10, 64, 64), 9, np.uint8)
    other = own.copy()
    other[0, 0, 0, 0] -= wrong
    assert device_trial._compared(device_trial._SUBJECTS[0], 4, (own, own), (other, own)).state == state


def test_a_device_that_is_wrong_at_the_seams_of_tiles_is_found(small, tmp_path: Path, capsys, monkeypatch):
    """As one would be that computed a tile without what lies around it."""
    real = Predictor.halo_zyx.fget
    in_tiles = device_trial._in_tiles

    def without_halo(subject, image, predictor):
        image, cut = in_tiles(subject, image, predictor)
        monkeypatch.setattr(Predictor, "halo_zyx", property(lambda self: (0, 0, 0)))
        return image, cut

    def trained(*arguments, **more):
        monkeypatch.setattr(Predictor, "halo_zyx", property(real))
        return train(*arguments, **more)

    train = cristae.train
    monkeypatch.setattr(cristae, "train", trained)
    monkeypatch.setattr(device_trial, "_in_tiles", without_halo)
    assert cli.main(["doctor", "--device", "cpu", "--home", str(tmp_path), "--json"]) == 1
    found = {one["subject"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["predicting an isotropic volume"]["state"] == "problem"

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.errors import AlreadyExists, Busy, Cancelled, InvalidInput
from cristae.events import Event, PlanMade, Progress
from cristae.models import ModelLibrary
from cristae.volumes.digest import array_digest

# A network and patches as small as they come: the way is tested, not the result.
TINY_SETTINGS = {"dimensions": "2", "levels": "2", "features": "4", "patch_zyx": "1,32,32", "batch": "2"}
TINY = [word for pair in TINY_SETTINGS.items() for word in ("--set", "=".join(pair))]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Bright discs on a dark ground, 6 sections, and where they are."""
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "home"))
    y, x = np.mgrid[:64, :64]
    labels = np.stack(
        [(np.hypot(y - 20 - z, x - 30) < 9) | (np.hypot(y - 45, x - 40 - z) < 7) for z in range(6)]
    )
    noise = np.random.default_rng(0).normal(0, 20, labels.shape)
    raw, truth = tmp_path / "raw.tif", tmp_path / "labels.tif"
    tifffile.imwrite(raw, np.clip(80 + 90 * labels + noise, 1, 255).astype(np.uint8))
    tifffile.imwrite(truth, labels.astype(np.uint8) * 255)
    return raw, truth


def test_a_model_is_trained_used_and_scored_on_the_command_line(
    data: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, labels = data
    words = [
        "train",
        str(raw),
        str(labels),
        "--model",
        "discs",
        "--steps",
        "60",
        "--z",
        "0:4",
        "--voxel-size",
        "50,4,4",
    ]
    assert cli.main([*words, *TINY]) == 0
    told = capsys.readouterr()
    assert told.out == f"The model 'discs' is ready: {tmp_path / 'home' / 'models' / 'discs'}\n"
    assert told.err.index("The plan:") < told.err.index("Training ")
    assert cli.main(["models", "curves", "discs"]) == 0
    lines = capsys.readouterr().out
    assert lines.startswith("step,")
    curves = list(csv.DictReader(io.StringIO(lines)))
    assert int(curves[-1]["step"]) == 60
    assert all(float(line["loss"]) > 0 and float(line["learning_rate"]) >= 0 for line in curves)
    table = tmp_path / "curves.csv"
    assert cli.main(["models", "curves", "discs", "--out", str(table)]) == 0
    assert capsys.readouterr().out == f"The curves of 'discs' are in {table}.\n"
    assert table.read_text() == lines
    assert not [path for path in (tmp_path / "home" / "work").iterdir() if path.is_dir()]

    out = tmp_path / "out.tif"
    assert cli.main(["predict", str(raw), str(out), "--model", "discs", "--voxel-size", "50,4,4"]) == 0
    truth = tmp_path / "truth.tif"
    tifffile.imwrite(truth, (tifffile.imread(labels) > 0).astype(np.uint8))
    capsys.readouterr()
    assert cli.main(["evaluate", str(out), str(truth), "--z", "4:6", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["classes"]["1"]["dice"] > 0.6
    assert scores["mean"]["iou"] == scores["classes"]["1"]["iou"]
    assert cli.main(["evaluate", str(out), str(truth), "--z", "4:6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "All 2 sections carry labels."
    assert any(line.split() == ["class", "IoU", "Dice", "precision", "recall"] for line in lines)


def test_a_forest_without_figures_says_why_it_has_no_curves(
    data: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    choices = {"learner": "forest", "validation": "0"}
    cristae.train(*(tifffile.imread(path) for path in data), model="forest", settings=choices)
    assert cli.main(["models", "curves", "forest"]) == 1
    assert "is a forest" in capsys.readouterr().err


@pytest.mark.parametrize(("learner", "paths"), [("network", 2), ("forest", 1)])
@pytest.mark.parametrize("of_arrays", [True, False])
def test_a_preview_is_told_where_it_lies_and_at_the_end_where_it_stays(
    data: tuple[Path, Path], learner: str, paths: int, of_arrays: bool
) -> None:
    told: list[Path] = []

    def tell(event: Event) -> None:
        for path in re.findall(r"\S*preview\.png", str(getattr(event, "sentence", ""))):
            told.append(Path(path))
            assert told[-1].is_file()

    settings = {"learner": learner, **(TINY_SETTINGS if learner == "network" else {})}
    raw, labels = (tifffile.imread(path) if of_arrays else path for path in data)
    model = cristae.train(
        raw, labels, model="m", steps=2, validation_z=(4, 6), settings=settings, on_event=tell
    )
    assert len(told) == paths
    assert told[-1] == model.path / "preview.png"
    assert told[-1].is_file()


KILLED = """
import os, signal, sys
import tifffile
import cristae
from cristae.events import Progress

def kill(event):
    if isinstance(event, Progress) and event.stage == "Training":
        os.kill(os.getpid(), signal.SIGKILL)

raw, labels = (tifffile.imread(path) for path in sys.argv[1:3])
settings = {"dimensions": "2", "levels": "2", "features": "4", "patch_zyx": "1,32,32", "batch": "2"}
cristae.train(raw, labels, model="m", steps=50, settings=settings, on_event=kill)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_what_a_killed_training_on_arrays_leaves_goes_with_the_next_one(
    data: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, temporary = tmp_path / "home" / "work", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = [sys.executable, "-c", KILLED, *map(str, data)]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not list(temporary.glob("cristae-*"))
    (left,) = (path for path in work.iterdir() if path.is_dir())
    arrays = [tifffile.imread(path) for path in data]
    running: list[set[Path]] = []

    def another(event: Event) -> None:
        """Of one that runs meanwhile nothing is taken away."""
        if isinstance(event, Progress) and event.stage == "Training" and not running:
            running.append({path for path in work.iterdir() if path.is_dir()})
            cristae.train(*arrays, model="other", steps=1, settings=TINY_SETTINGS)
            running.append({path for path in work.iterdir() if path.is_dir()})

    cristae.train(*arrays, model="m", steps=3, settings=TINY_SETTINGS, on_event=another)
    assert len(running[0]) == 1
    assert running[0] == running[1] != {left}
    assert list(work.iterdir()) == []


def test_the_door_trains_on_arrays_and_starts_from_a_model(data: tuple[Path, Path], tmp_path: Path) -> None:
    raw, labels = (tifffile.imread(path) for path in data)
    told: list[Event] = []
    first = cristae.train(raw, labels, model="first", steps=3, settings=TINY_SETTINGS, on_event=told.append)
    assert first.record["target"] == "classes"
    assert any(isinstance(event, PlanMade) for event in told)
    assert any(isinstance(event, Progress) for event in told)
    again: dict[str, Any] = {"model": "second", "steps": 3, "settings": TINY_SETTINGS, "start_from": "first"}
    with pytest.raises(InvalidInput, match="Images 1 and 2 of 2 are the same"):
        cristae.train(raw, labels, **again, also=[(raw.copy(), labels)])
    second = cristae.train(raw, labels, **again, also=[(raw[:, ::-1], labels[:, ::-1])])
    assert {model.name for model in ModelLibrary(tmp_path / "home" / "models").list()} == {"first", "second"}
    assert second.digest != first.digest


def test_several_annotators_are_one_label_image_of_what_most_of_them_say(
    data: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, labels = data
    other = tifffile.imread(labels)
    other[:, ::2] = 0  # drew every other row only
    tifffile.imwrite(tmp_path / "other.tif", other)
    words = ["train", str(raw), str(labels), "--annotator", str(tmp_path / "other.tif"), "--model", "both"]
    forest = ["--set", "learner=forest"]
    agreeing = shutil.copy(labels, tmp_path / "agreeing.tif")
    assert cli.main([*words, *forest, "--annotator", str(agreeing)]) == 0
    assert cli.main([*words, *forest]) == 0
    told = capsys.readouterr().err
    assert "3 annotators: they all agree on " in told
    assert "2 annotators: they all agree on " in told
    assert "% of all are ties or without a vote, and unknown" in told
    package = ModelLibrary(tmp_path / "home" / "models").get("both")
    assert package.record["plan"]["sentences"][0].startswith("2 annotators")
    assert cli.main(["models", "show", "both"]) == 0
    first, second = (array_digest(tifffile.imread(path)[None]) for path in (labels, tmp_path / "other.tif"))
    assert package.record["data"][0]["labels_digest"] == first
    assert package.record["data"][0]["further_labels_digests"] == [second]
    assert f"with the labels {first[:12]} and those of 1 other annotator\n" in capsys.readouterr().out
    assert cli.main([*words, *forest, "--target", "instances"]) == 1
    assert "no majority of instances" in capsys.readouterr().err
    assert cli.main([*words, *forest, "--annotator", str(raw)]) == 1
    assert "is given as the image and as its labels" in capsys.readouterr().err


@pytest.mark.parametrize("classes", [{255: "disc"}, ["disc"]])
def test_the_door_takes_classes_as_names_too(data: tuple[Path, Path], classes: Any) -> None:
    raw, labels = (tifffile.imread(path) for path in data)
    choices: dict[str, Any] = {"model": "m", "settings": {"learner": "forest"}}
    assert cristae.train(raw, labels, classes=classes, **choices).record["classes"][0]["name"] == "disc"
    with pytest.raises(InvalidInput, match=r"\['disc'\]"):
        cristae.train(raw, labels, classes="disc", **choices)


def test_a_name_that_differs_in_case_only_is_refused_before_the_training(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    raw, labels = data
    cristae.train(raw, labels, model="mito", settings={"learner": "forest"})
    told: list[Event] = []
    with pytest.raises(AlreadyExists, match="'mito' already, which differs from 'Mito'"):
        cristae.train(raw, labels, model="Mito", settings={"learner": "forest"}, on_event=told.append)
    assert told == []


@pytest.mark.parametrize("target", ["classes", "masks", "instances"])
def test_an_image_and_labels_the_wrong_way_round_are_refused(
    data: tuple[Path, Path], target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, labels = data
    assert cli.main(["train", str(labels), str(raw), "--model", "m", "--target", target]) == 1
    assert "Image and labels look the wrong way round" in capsys.readouterr().err


def test_a_voxel_size_of_two_sides_is_refused_in_words(data: tuple[Path, Path]) -> None:
    raw, labels = (tifffile.imread(path) for path in data)
    two: Any = (4.6, 4.6)
    with pytest.raises(InvalidInput, match="three numbers"):
        cristae.train(raw, labels, model="m", steps=2, voxel_size_nm=two)


def test_an_interrupted_training_goes_on_and_ends_with_the_same_weights(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    raw, labels = data
    choices: dict[str, Any] = {"steps": 12, "settings": TINY_SETTINGS, "seed": 4}
    whole = cristae.train(raw, labels, model="m", home=tmp_path / "one", **choices)
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        cristae.train(
            raw, labels, model="m", home=tmp_path / "two", should_stop=lambda: next(asked) >= 5, **choices
        )
    assert ModelLibrary(tmp_path / "two" / "models").list() == []
    steps: list[str] = []
    again = cristae.train(
        raw,
        labels,
        model="m",
        home=tmp_path / "two",
        on_event=lambda event: steps.append(event.detail) if isinstance(event, Progress) else None,
        **choices,
    )
    assert not any(detail.startswith(("step 1 ", "step 2 ")) for detail in steps)
    assert again.digest == whole.digest


@pytest.mark.skipif(os.name == "nt", reason="Windows has no USR1 signal")
def test_a_usr1_signal_ends_a_training_early_with_a_model(
    data: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Event] = []

    def show(event: Event) -> None:
        told.append(event)
        if isinstance(event, Progress) and event.stage == "Training":
            signal.raise_signal(signal.SIGUSR1)

    monkeypatch.setattr("cristae.commands.train.reporter", lambda: nullcontext(show))
    before = signal.getsignal(signal.SIGUSR1)
    words = ["train", *map(str, data), "--model", "m", "--steps", "100000", *TINY, "--json"]
    assert cli.main(words) == 0
    record = json.loads(capsys.readouterr().out)["record"]
    assert record["training"]["steps"] == 50
    assert record["training"]["asked_to_end_at_step"] == 1
    assert signal.getsignal(signal.SIGUSR1) is before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no TERM signal; Ctrl-C is handled alike")
@pytest.mark.slow
def test_a_term_signal_ends_a_training_with_a_sentence_and_a_checkpoint(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    raw, labels = data
    command = [
        sys.executable,
        "-m",
        "cristae.cli",
        "train",
        str(raw),
        str(labels),
        "--model",
        "m",
        "--steps",
        "100000",
    ]
    with subprocess.Popen(
        [*command, *TINY], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if line.startswith("Training "):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        told += process.stderr.read()
        assert process.wait(60) == 143
    assert told.splitlines()[-1].startswith("cristae: The training was cancelled.")
    assert "Traceback" not in told
    (folder,) = (path for path in (tmp_path / "home" / "work").iterdir() if path.is_dir())
    assert any(folder.rglob("*"))


def test_masks_that_overlap_are_trained_predicted_and_scored(
    data: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, labels = data
    discs = tifffile.imread(labels) > 0
    left = np.broadcast_to(np.arange(64) < 34, discs.shape)
    folder, stack = tmp_path / "masks", tmp_path / "both.tif"
    folder.mkdir()
    tifffile.imwrite(folder / "discs.tif", discs.astype(np.uint8) * 255)
    tifffile.imwrite(folder / "left.tif", left.astype(np.uint8))
    both = np.stack([discs, left], axis=1).astype(np.uint8) * 255
    tifffile.imwrite(stack, both, imagej=True, metadata={"axes": "ZCYX"})
    tifffile.imwrite(raw, np.where(left, tifffile.imread(raw) // 2, tifffile.imread(raw)))

    words = ["--target", "masks", "--steps", "80", "--validation-z", "4:6", "--voxel-size", "50,4,4"]
    assert cli.main(["train", str(raw), str(folder), "--model", "two", *words, *TINY]) == 0
    told = capsys.readouterr().err
    assert "2 masks: 1 'discs'" in told
    assert re.findall(r"kept up to date while it trains: (.*)preview\.png", told)[0].startswith(
        str(tmp_path / "home" / "work")
    )
    (kept,) = re.findall(r"What it makes of the part held out is in (.*)\.\n", told)
    assert Path(kept).read_bytes().startswith(b"\x89PNG")
    assert cli.main(["models", "show", "two"]) == 0
    picture = re.findall(r"part held out: (.*)", capsys.readouterr().out)[0]
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert cli.main(["predict", str(raw), str(tmp_path / "out.tif"), "--model", "two"]) == 0
    found = tifffile.imread(tmp_path / "out.tif")
    assert found.shape == both.shape  # z, c, y, x
    assert set(np.unique(found)) == {0, 255}
    assert (found.all(axis=1)).any()  # they overlap
    capsys.readouterr()
    for truth in (stack, folder):
        assert (
            cli.main(["evaluate", str(tmp_path / "out.tif"), str(truth), "--target", "masks", "--json"]) == 0
        )
        scores = json.loads(capsys.readouterr().out)
        ours, true = found[:, 0] > 0, discs
        assert scores["classes"]["1"]["iou"] == pytest.approx((ours & true).sum() / (ours | true).sum())
        assert scores["classes"]["2"]["dice"] > 0.8
    assert cli.main(["train", str(raw), str(stack), "--model", "one", *words, *TINY, "--classes", "a,b"]) == 0
    assert [
        cls["name"] for cls in ModelLibrary(tmp_path / "home" / "models").find("one").record["classes"]
    ] == [
        "a",
        "b",
    ]


def test_the_same_training_does_not_run_twice_at_once(data: tuple[Path, Path]) -> None:
    raw, labels = data
    choices: dict[str, Any] = {"model": "m", "steps": 3, "settings": TINY_SETTINGS}

    def meanwhile(event: Event) -> None:
        if isinstance(event, Progress):
            with pytest.raises(Busy, match="This very training is in use"):
                cristae.train(raw, labels, **choices)

    cristae.train(raw, labels, on_event=meanwhile, **choices)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{raw} {raw} --model m --target masks", "given as the image and as its labels"),
        ("{raw} {labels} --model ../m", "name"),
        ("{raw} {labels} --model m --set colour=blue", "colour"),
        (
            "{raw} {labels} --model m --set batch=4 --set batch=8",
            "made twice, batch=4 and batch=8. Leave one",
        ),
        ("{raw} {labels} --model m --start-from nothing", "There is no model 'nothing'"),
        ("{raw} none.tif --model m", "none.tif"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    data: tuple[Path, Path], words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, labels = data
    assert cli.main(["train", *words.format(raw=raw, labels=labels).split()]) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("cristae: ")
    assert "unexpected" not in sentence
    assert told in sentence

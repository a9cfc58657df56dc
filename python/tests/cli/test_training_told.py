"""What a person reads about the images, labels and ranges that a training took."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli, door
from cristae.commands.arguments import label_classes
from cristae.errors import InvalidInput
from cristae.events import Event, Note, Progress
from cristae.volumes.digest import array_digest

TINY = {"dimensions": "2", "levels": "2", "features": "4", "patch_zyx": "1,32,32", "batch": "2"}
WORDS = ["--model", "m", "--steps", "14", *(w for pair in TINY.items() for w in ("--set", "=".join(pair)))]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """raw.tif, labels.tif (a bright box is 1) and two.h5 with both, 12 sections; the home is beside them."""
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "home"))
    labels = np.zeros((12, 48, 48), np.uint8)
    labels[:, 12:36, 12:36] = 1
    raw = (labels * 90 + np.random.default_rng(0).integers(60, 90, labels.shape)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["raw"], file["a/labels"] = raw, labels
    return tmp_path


def notes_of(told: list[Event]) -> list[str]:
    return [event.sentence for event in told if isinstance(event, Note)]


def test_the_dataset_that_was_taken_of_several_is_named(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = "two.h5: took the dataset raw of a/labels, raw; choose another with two.h5:a/labels."
    assert cli.main(["train", str(stack / "two.h5"), str(stack / "labels.tif"), *WORDS]) == 0
    assert taken in capsys.readouterr().err.splitlines()
    assert cli.main(["evaluate", str(stack / "two.h5"), str(stack / "two.h5"), "--target", "instances"]) == 0
    told = capsys.readouterr().err.splitlines()  # and that the two look like images
    assert told.count(taken) == 1
    assert cli.main(["train", f"{stack / 'two.h5'}:raw", f"{stack / 'two.h5'}:a/labels", *WORDS]) == 0
    assert "took" not in capsys.readouterr().err


def test_that_a_model_of_this_name_will_be_replaced_is_told_before_the_training(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "There is a model 'm' already: it is replaced when the training ends well."
    for is_told in (False, True):
        assert cli.main(["train", str(stack / "raw.tif"), str(stack / "labels.tif"), *WORDS]) == 0
        assert (told in capsys.readouterr().err.splitlines()) == is_told


# 12 sections of 48 x 48 pixels, and 2 patches of 32 x 32 in a step: 13.5 steps see as many.


def test_steps_too_few_for_the_labels_are_refused_before_the_first_if_they_would_replace_a_model(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(stack / "raw.tif"), str(stack / "labels.tif"), *WORDS]
    assert cli.main([*words, "--steps", "14"]) == 0
    capsys.readouterr()
    # Of 27 steps, a pre-training of half of them, 14, leaves 13.
    for chosen in (["--steps", "13"], ["--steps", "27", "--set", "pretrain=0.5"]):
        assert cli.main([*words, *chosen]) == 1
        told = capsys.readouterr().err
        would = "The training would take 13 steps, and a model of these labels takes 14 at least: 'm' stays"
        assert would in told
        assert "The plan:" not in told
        assert not any((stack / "home" / "work").glob("train-*/*"))
    assert cli.main([*words, "--steps", "28", "--set", "pretrain=0.5"]) == 0
    assert cli.main([*words, "--steps", "13", "--model", "other"]) == 0  # which replaces none


def test_a_model_that_came_during_a_training_too_short_stays_as_it_was(stack: Path) -> None:
    raw, labels, models = stack / "raw.tif", stack / "labels.tif", stack / "home" / "models"
    cristae.train(raw, labels, model="m", steps=14, settings=TINY)

    def tell(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Training" and not (models / "late").exists():
            shutil.copytree(models / "m", models / "late")

    with pytest.raises(InvalidInput, match="took 13 steps, and a model of these labels takes 14 at least"):
        cristae.train(raw, labels, model="late", steps=13, settings=TINY, on_event=tell)
    for name in ("model.json", "weights.safetensors"):
        assert (models / "late" / name).read_bytes() == (models / "m" / name).read_bytes()


@pytest.mark.parametrize(
    ("raw", "labels", "told"),
    [
        ("two.h5", "two.h5", "The dataset raw of two.h5 is the image and its labels."),
        ("two.h5", "two.h5:raw", "The dataset raw of two.h5 is the image and its labels."),
        ("two.h5:/a/labels", "two.h5:a/labels", "The dataset a/labels of two.h5"),
        ("raw.tif", "raw.tif", "raw.tif is given as the image and as its labels."),
    ],
)
def test_an_image_is_not_taken_for_its_own_labels(stack: Path, raw: str, labels: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{told}"):
        cristae.train(f"{stack}{os.sep}{raw}", f"{stack}{os.sep}{labels}", model="m", steps=2, settings=TINY)


def test_an_array_is_not_taken_for_its_own_labels(stack: Path) -> None:
    voxels = tifffile.imread(stack / "labels.tif")
    with pytest.raises(InvalidInput, match="the same array"):
        cristae.train(voxels, voxels, model="m", steps=2, settings=TINY)


@pytest.mark.parametrize("call", [door.train, door.augment])
def test_labels_that_are_given_twice_do_not_count_as_those_of_two_people(stack: Path, call: Any) -> None:
    shutil.copy(stack / "labels.tif", stack / "other.tif")
    (stack / "link.tif").symlink_to(stack / "labels.tif")
    where = {"model": "m"} if call is door.train else {"out": stack / "out.tif"}
    for annotators, told in (
        (["labels.tif", "other.tif", "labels.tif"], "annotators 1 and 3 are the same, labels.tif, which"),
        (["other.tif", "labels.tif", "link.tif"], "annotators 2 and 3 are the same, link.tif, which"),
        (["two.h5:a/labels", "two.h5:/a/labels"], "annotators 1 and 2 are the same, two.h5, which"),
    ):
        labels = [f"{stack}{os.sep}{name}" for name in annotators]
        with pytest.raises(InvalidInput, match=f"^The labels of {told} would give one person two votes"):
            call(str(stack / "raw.tif"), labels, settings=TINY, **where)
    voxels = tifffile.imread(stack / "labels.tif")
    with pytest.raises(InvalidInput, match="annotators 1 and 2 are the same, which"):
        call(str(stack / "raw.tif"), [voxels, voxels], settings=TINY, **where)


def test_the_command_line_refuses_labels_that_are_those_of_an_annotator_too(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = str(stack / "labels.tif")
    again = f"{stack}{os.sep}.{os.sep}labels.tif"
    assert cli.main(["train", str(stack / "raw.tif"), labels, *WORDS, "--annotator", again]) == 1
    assert "The labels of annotators 1 and 2 are the same, labels.tif" in capsys.readouterr().err


def test_annotators_are_called_by_their_files(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite(stack / "empty.tif", np.zeros((12, 48, 48), np.uint8))
    words = ["train", str(stack / "raw.tif"), str(stack / "labels.tif"), *WORDS]
    assert cli.main([*words, "--annotator", str(stack / "empty.tif")]) == 1
    assert "The labels of annotator 2 (empty.tif) are empty. Leave them out." in capsys.readouterr().err


def labelled(stack: Path, values: dict[int, int]) -> str:
    """Write labels with these values in bands of rows: value, number of rows."""
    rows = np.repeat(list(values), list(values.values())).astype(np.uint8)
    tifffile.imwrite(stack / "bands.tif", np.broadcast_to(rows[:, np.newaxis], (12, 48, 48)).copy())
    return str(stack / "bands.tif")


def test_values_far_apart_are_named_on_the_command_line(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(stack / "raw.tif"), labelled(stack, {0: 16, 100: 16, 200: 16}), *WORDS]
    assert cli.main(words) == 1
    assert "as classes (100=NAME,200=NAME)" in capsys.readouterr().err
    assert cli.main([*words, "--classes", "100=er,200=mitochondria", "--json"]) == 0
    (record,) = [json.loads(capsys.readouterr().out)["record"]]
    assert [(c["value"], c["name"]) for c in record["classes"]] == [(1, "er"), (2, "mitochondria")]


def test_strokes_with_a_drawn_background_are_named_on_the_command_line(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = labelled(stack, {0: 16, 1: 16, 2: 16})
    words = ["train", str(stack / "raw.tif"), labels, *WORDS, "--unknown", "0"]
    assert cli.main([*words, "--classes", "1=background,2=er", "--json"]) == 0
    told = capsys.readouterr()
    assert [c["name"] for c in json.loads(told.out)["record"]["classes"]] == ["er"]
    assert "The value 1 is the background." in told.err


@pytest.mark.parametrize("classes", ["", "er,", "1=er,mito", "x=er", "1=", "0.5=er", "1=er,1=mito", "-1=er"])
def test_a_list_of_classes_that_cannot_be_read_is_wrong_usage(
    classes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["train", "raw.tif", "labels.tif", "--model", "m", f"--classes={classes}"])
    assert left.value.code == 2
    assert "--classes" in capsys.readouterr().err.splitlines()[-1]


def test_names_alone_count_from_one(stack: Path) -> None:
    assert [(c.value, c.name) for c in label_classes("er, mitochondria")] == [(1, "er"), (2, "mitochondria")]


def test_a_training_that_ended_or_was_refused_leaves_nothing_behind(stack: Path) -> None:
    raw, labels, work = stack / "raw.tif", stack / "labels.tif", stack / "home" / "work"
    cristae.train(raw, labels, model="m", steps=2, settings=TINY)
    assert list(work.iterdir()) == []
    with pytest.raises(InvalidInput, match="validation sections"):
        cristae.train(raw, labels, model="m", steps=2, settings=TINY, validation_z=(10, 14))
    with pytest.raises(InvalidInput, match="is held out"):
        cristae.train(raw, labels, model="another", steps=2, settings=TINY, validation_z=(0, 12))
    assert not work.exists() or list(work.iterdir()) == []


def test_a_model_tells_its_data_by_the_digests_that_the_store_uses(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = cristae.train(
        stack / "raw.tif", f"{stack / 'two.h5'}:a/labels", model="m", steps=2, settings=TINY
    )
    raw, labels = (array_digest(tifffile.imread(stack / name)[None]) for name in ("raw.tif", "labels.tif"))
    assert model.record["data"] == [{"image_digest": raw, "labels_digest": labels}]
    assert cli.main(["models", "show", "m"]) == 0
    assert f"trained on the image {raw[:12]} with the labels {labels[:12]}" in capsys.readouterr().out


def test_sections_without_labels_to_validate_on_are_refused_before_the_plan_is_told(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tifffile.imread(stack / "labels.tif")
    labels[8:] = 0  # not annotated
    tifffile.imwrite(stack / "few.tif", labels)
    words = ["train", str(stack / "raw.tif"), str(stack / "few.tif"), *WORDS, "--validation-z", "9:11"]
    assert cli.main(words) == 1
    told = capsys.readouterr().err
    assert "There are no labels in sections 10-11" in told
    assert "The plan:" not in told


def test_what_is_done_before_the_first_step_is_told(stack: Path) -> None:
    told: list[Event] = []
    cristae.train(
        stack / "raw.tif", stack / "labels.tif", model="m", steps=2, settings=TINY, on_event=told.append
    )
    stages = list(dict.fromkeys(event.stage for event in told if isinstance(event, Progress)))
    assert stages[:4] == [
        "Reading the labels",
        "Looking at the images",
        "Finding places for patches",
        "Finding how many patches fit",
    ]
    assert stages[-1] == "Training"

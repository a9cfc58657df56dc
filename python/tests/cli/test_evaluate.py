import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.errors import InvalidInput
from cristae.volumes import LabelClass

TRUTH = np.array([[[0, 0, 100, 100, 200, 200, 200, 0]]], np.uint8)
FOUND = np.array([[[0, 1, 1, 1, 2, 2, 0, 0]]], np.uint8)


def test_true_values_far_apart_are_scored_when_they_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, truth = tmp_path / "found.tif", tmp_path / "truth.tif"
    tifffile.imwrite(found, FOUND)
    tifffile.imwrite(truth, TRUTH)

    assert cli.main(["evaluate", str(found), str(truth)]) == 1
    told = capsys.readouterr().err
    assert "name all values as classes (100=NAME,200=NAME)" in told

    words = ["evaluate", str(found), str(truth), "--classes", "100=er,200=mitochondria", "--json"]
    assert cli.main(words) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["classes"]["1"]["dice"] == pytest.approx(2 * 2 / (3 + 2))
    assert scores["classes"]["2"]["recall"] == pytest.approx(2 / 3)


def test_objects_have_no_classes_to_name() -> None:
    with pytest.raises(InvalidInput, match="objects"):
        cristae.evaluate(FOUND, TRUTH, target="instances", classes=[LabelClass(100, "er")])


def test_strokes_whose_background_has_no_name_are_told_and_scored_rightly_when_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, truth = tmp_path / "found.tif", tmp_path / "truth.tif"
    tifffile.imwrite(found, np.array([[[0, 0, 0, 1, 1, 1]]], np.uint8))
    tifffile.imwrite(truth, np.array([[[0, 1, 1, 2, 2, 0]]], np.uint8))  # 1 was drawn as background
    words = ["evaluate", str(found), str(truth), "--unknown", "0"]

    assert cli.main(words) == 0
    assert "name it as a class: 1=background" in capsys.readouterr().out

    assert cli.main([*words, "--classes", "1=background,2=er", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["classes"]["1"]["dice"] == 1
    assert scores["voxels"] == 4


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_a_truth_in_which_nothing_is_known_is_a_result_without_scores(dtype: type) -> None:
    scores = cristae.evaluate(FOUND, np.zeros(FOUND.shape, dtype), unknown=0)
    assert scores["voxels"] == 0
    assert scores["mean"]["iou"] is None

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
    assert "--classes" in told

    words = ["evaluate", str(found), str(truth), "--classes", "100=er,200=mitochondria", "--json"]
    assert cli.main(words) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["classes"]["1"]["dice"] == pytest.approx(2 * 2 / (3 + 2))
    assert scores["classes"]["2"]["recall"] == pytest.approx(2 / 3)


def test_objects_have_no_classes_to_name() -> None:
    with pytest.raises(InvalidInput, match="objects"):
        cristae.evaluate(FOUND, TRUTH, target="instances", classes=[LabelClass(100, "er")])

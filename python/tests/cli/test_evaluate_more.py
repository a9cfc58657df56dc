"""``cristae evaluate`` with distances, probabilities, several images and reports."""

import errno
import json
import os
import sys

import h5py
import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.errors import AlreadyExists, InvalidInput
from cristae.evaluation import ReportNotWritten, report_files
from cristae.volumes import durable

TRUTH = np.zeros((2, 6, 7), np.uint8)
TRUTH[:, 2:4, 2:4] = 1
TRUTH[:, 4, 4:6] = 2
ONE, TWO = TRUTH.copy(), TRUTH.copy()
ONE[:, 2:4, 3] = 0
TWO[0, 0, 0] = 2


@pytest.fixture
def files(tmp_path):
    for name, labels in (("truth", TRUTH), ("one", ONE), ("two", TWO)):
        tifffile.imwrite(tmp_path / f"{name}.tif", labels)
    return tmp_path


def told(capsys, *words):
    assert cli.main(["evaluate", *map(str, words)]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *words):
    assert cli.main(["evaluate", *map(str, words)]) == 1
    return capsys.readouterr().err


def test_distances_are_told_where_they_are_asked_for(files, capsys):
    words = (files / "one.tif", files / "truth.tif", "--distances", "--voxel-size", "30,5,5", "--json")
    scores = told(capsys, *words)
    assert scores["classes"]["1"]["hausdorff_nm"] == 5
    assert scores["boundary_tolerance_nm"] == 7.5
    assert cli.main(["evaluate", *map(str, words[:-1])]) == 0
    assert "Hausdorff nm" in capsys.readouterr().out


def test_labels_given_as_probabilities_are_warned_of(files, capsys):
    tifffile.imwrite(files / "mask.tif", np.minimum(TRUTH, 1))
    words = ["evaluate", str(files / "mask.tif"), str(files / "mask.tif"), "--probabilities"]
    assert cli.main(words) == 0
    said = "mask.tif looks like labels, not like probabilities from 0 to 255: all values are small."
    assert said in capsys.readouterr().err
    tifffile.imwrite(files / "likely.tif", np.minimum(TRUTH, 1) * np.uint8(200))
    words[1] = str(files / "likely.tif")
    assert cli.main(words) == 0
    assert "looks like labels" not in capsys.readouterr().err


def test_probabilities_have_curves(files, capsys):
    likely = np.stack([TRUTH == 0, TRUTH == 1, TRUTH == 2]).astype(np.uint8) * 200
    tifffile.imwrite(files / "likely.ome.tif", likely, metadata={"axes": "CZYX"})
    words = (files / "likely.ome.tif", files / "truth.tif", "--probabilities")
    scores = told(capsys, *words, "--json")
    assert scores["curves"]["2"]["best_iou"] == 1
    assert scores["curves"]["1"]["iou"][-1] == 0
    assert scores["mean"]["dice"] == 1
    assert cli.main(["evaluate", *map(str, words)]) == 0
    assert "1 class 1: best at the threshold 0.05, with IoU 1.0000" in capsys.readouterr().out


def test_several_predictions_are_a_table(files, capsys):
    words = (files / "one.tif", files / "truth.tif", "--also", files / "two.tif")
    scores = told(capsys, *words, "--json")
    assert list(scores) == ["predictions"]
    assert scores["predictions"] == {
        name: cristae.evaluate(labels, TRUTH) for name, labels in (("one.tif", ONE), ("two.tif", TWO))
    }
    assert cli.main(["evaluate", *map(str, words)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("two.tif") for line in lines) == 3  # two classes and their mean


@pytest.mark.parametrize(("target", "metric"), [("classes", "iou"), ("instances", "f1_50")])
def test_pairs_are_a_matrix(files, capsys, target, metric):
    words = (
        files / "one.tif",
        files / "truth.tif",
        "--also",
        files / "two.tif",
        "--pairs",
        "--target",
        target,
    )
    result = told(capsys, *words, "--json")
    assert result["names"] == ["one.tif", "truth.tif", "two.tif"]
    assert [row[place] for place, row in enumerate(result["pairs"][metric])] == [1, 1, 1]
    assert cli.main(["evaluate", *map(str, words)]) == 0
    assert f"{metric} (each row is scored as if the column were right)" in capsys.readouterr().out


def test_files_of_the_same_name_are_told_by_their_folders(tmp_path, capsys):
    for folder in ("anna", "ben"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "mito.tif", np.ones((2, 5, 6), np.uint8))
    tifffile.imwrite(tmp_path / "truth.tif", np.ones((2, 5, 6), np.uint8))
    one, two, truth = (str(tmp_path / name) for name in ("anna/mito.tif", "ben/mito.tif", "truth.tif"))
    assert cli.main(["evaluate", one, truth, "--also", two, "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["predictions"]) == ["anna/mito.tif", "ben/mito.tif"]
    assert cli.main(["evaluate", one, two, "--pairs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["names"] == ["anna/mito.tif", "ben/mito.tif"]


def test_reports_are_written_and_not_lost(files, capsys):
    raw = np.random.default_rng(0).integers(0, 255, TRUTH.shape).astype(np.uint8)
    tifffile.imwrite(files / "raw.tif", raw)
    reports = [files / f"scores.{ending}" for ending in ("html", "csv", "json")]
    words = [files / "one.tif", files / "truth.tif", "--json", "--raw", files / "raw.tif"]
    words += [word for file in reports for word in ("--report", file)]
    scores = told(capsys, *words)
    html, table, result = (file.read_text() for file in reports)
    assert json.loads(result) == scores
    assert table.startswith("prediction,class,name,iou")
    assert html.count("<img") == 4
    assert "one.tif" in html
    assert "is there already" in refused(capsys, *words)
    reports[1].write_text("old")
    assert told(capsys, *words, "--overwrite") == scores
    assert reports[1].read_text() == table


@pytest.mark.parametrize("place", ["prediction", "truth", "also", "raw"])
def test_a_report_never_replaces_what_is_compared(files, place):
    given = {"prediction": ONE, "truth": TRUTH, "also": [TWO], "raw": TRUTH}
    image = files / "image.html"  # refused by its name, before anybody sees that it is a TIFF
    image.write_bytes((files / "one.tif").read_bytes())
    given[place] = [image] if place == "also" else image
    with pytest.raises(InvalidInput, match="would be lost"):
        cristae.evaluate(**given, report=image, overwrite=True)
    assert image.read_bytes() == (files / "one.tif").read_bytes()


def test_overwriting_without_a_report_is_refused(files, capsys):
    words = [files / "one.tif", files / "truth.tif", "--overwrite"]
    assert "no report is named" in refused(capsys, *words)


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_read(files):
    longest = "s" * 246 + ".csv"  # it is written beside its place first, under a longer name
    with pytest.raises(InvalidInput, match="cannot be written there"):
        cristae.evaluate(files / "missing.tif", TRUTH, report=[files / longest])


@pytest.fixture
def full_disk(monkeypatch):
    """No .html and no .json finds room."""

    def write(path, *parts):
        if path.suffix != ".csv":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        durable.replace_file(path, *parts)

    monkeypatch.setattr(report_files, "replace_file", write)


def test_scores_outlive_reports_that_cannot_be_written(files, full_disk):
    reports = [files / f"scores.{ending}" for ending in ("html", "csv", "json")]
    with pytest.raises(ReportNotWritten) as failure:
        cristae.evaluate(ONE, TRUTH, report=reports)
    assert failure.value.scores == cristae.evaluate(ONE, TRUTH)
    assert [file.exists() for file in reports] == [False, True, False]
    for name in ("scores.html", "scores.json"):
        assert f"{name} could not be written: No space left on device." in failure.value.sentence


def test_scores_are_printed_before_a_report_fails(files, full_disk, capsys):
    words = [str(files / "one.tif"), str(files / "truth.tif"), "--report", str(files / "scores.html")]
    assert cli.main(["evaluate", *words, "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out) == cristae.evaluate(ONE, TRUTH)
    assert "scores.html could not be written: No space left on device." in told.err


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
def test_names_that_are_not_utf_8_are_no_obstacle(files, capsysbinary):
    odd = files / os.fsdecode(b"caf\xe9.tif")
    tifffile.imwrite(odd, ONE)
    reports = [files / f"scores.{ending}" for ending in ("html", "csv", "json")]
    words = [word for file in reports for word in ("--report", str(file))]
    words = [str(odd), str(files / "truth.tif"), "--also", str(files / "two.tif"), *words]
    assert cli.main(["evaluate", *words]) == 0
    assert b"caf?.tif" in capsysbinary.readouterr().out
    assert all("caf?.tif" in file.read_text("utf-8") for file in reports[:2])
    assert list(json.loads(reports[2].read_text("utf-8"))["predictions"]) == [odd.name, "two.tif"]


def test_a_report_that_is_there_is_refused_before_anything_is_read(files):
    (files / "scores.csv").write_text("kept")
    with pytest.raises(AlreadyExists):
        cristae.evaluate(files / "missing.tif", TRUTH, report=[files / "scores.csv"])
    assert (files / "scores.csv").read_text() == "kept"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"target": "instances", "distances": True}, "Distances are compared for classes and masks"),
        ({"target": "instances", "probabilities": True}, "Probabilities are compared for classes and masks"),
        ({"pairs": True, "probabilities": True}, "Pairs compare labels with labels"),
        ({"pairs": True, "distances": True}, "leave out distances"),
        ({"raw": TRUTH}, "shown in a report that ends in .html"),
        ({"also": [TRUTH[:1]]}, "^Image 2 of 2, array 2: The predicted labels are 1 x 6 x 7"),
        ({"also": [TRUTH[:1]], "pairs": True}, "^Image 3 of 3, array 3: The predicted labels are 1 x"),
        ({"also": [ONE + 40]}, "^Image 2 of 2, array 2: The predicted labels contain the value"),
    ],
)
def test_what_does_not_go_together_is_refused(given, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        cristae.evaluate(ONE, TRUTH, **given)


def test_a_raw_image_of_another_size_is_refused(tmp_path):
    with pytest.raises(
        InvalidInput, match=r"The raw image is 2 x 6 x 6 .*, the truth is 2 x 6 x 7: one of the two belongs"
    ):
        cristae.evaluate(ONE, TRUTH, raw=TRUTH[:, :, :6], report=tmp_path / "scores.html")
    assert not (tmp_path / "scores.html").exists()


def test_arrays_are_named_by_their_place():
    result = cristae.evaluate(ONE, TRUTH, also=[TWO])
    assert list(result["predictions"]) == ["array 1", "array 2"]


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_ids_of_64_bits_are_told_apart(dtype, tmp_path):
    ids = np.array([[[0, 2**40, 2**40, 2**40 + 1]]], dtype)
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["ids"] = ids
    for source in (ids, tmp_path / "ids.h5", f"{tmp_path / 'ids.h5'}:ids"):
        scores = cristae.evaluate(source, ids, target="instances")
        assert (scores["objects_truth"], scores["objects_matched_50"]) == (2, 2)


def test_a_negative_unknown_value_goes_with_pairs(files, capsys):
    drawn = TRUTH.astype(np.int16)
    drawn[0, 0] = -1
    with h5py.File(files / "drawn.h5", "w") as file:
        file["labels"] = drawn
    for target in ("classes", "instances"):
        words = (files / "drawn.h5", files / "truth.tif", "--pairs", "--unknown", "-1", "--target", target)
        result = told(capsys, *words, "--json")
        assert all(matrix == [[1, 1], [1, 1]] for matrix in result["pairs"].values())


def test_what_is_no_image_of_ids_is_refused():
    with pytest.raises(InvalidInput, match="list is not an image"):
        cristae.evaluate([[0, 1]], TRUTH, target="instances")
    with pytest.raises(InvalidInput, match="list is not an image"):
        cristae.measure([[0, 1]])


def test_other_voxel_sizes_than_those_of_the_truth_are_told_and_the_page_says_which_counted(tmp_path):
    for name, labels, side in (("truth", TRUTH, 0.01), ("one", ONE, 0.02)):
        metadata = {"axes": "ZYX", "spacing": 0.05, "unit": "micron"}
        tifffile.imwrite(
            tmp_path / f"{name}.tif", labels, imagej=True, resolution=(1 / side,) * 2, metadata=metadata
        )
    told, page = [], tmp_path / "page.html"
    cristae.evaluate(
        tmp_path / "one.tif", tmp_path / "truth.tif", distances=True, report=page, on_event=told.append
    )
    sentences = [event.sentence for event in told if event.is_warning]
    assert sentences == [
        "The images state different voxel sizes; 50 x 10 x 10 nm (z, y, x) counts, that of the truth."
    ]
    assert "50 x 10 x 10 nm (z, y, x)" in page.read_text()
    assert "15 nm" in page.read_text()


def test_probabilities_that_are_taken_for_labels_are_explained(files, capsys):
    tifffile.imwrite(
        files / "three.tif", np.zeros((2, 3, 8, 8), np.uint8), imagej=True, metadata={"axes": "ZCYX"}
    )
    tifffile.imwrite(files / "one.tif", np.ones((2, 8, 8), np.uint8))
    assert cli.main(["evaluate", str(files / "three.tif"), str(files / "one.tif")]) == 1
    said = capsys.readouterr().err
    assert "have 3 channels" in said
    assert "choose probabilities" in said


def test_what_can_hardly_be_meant_is_told(files, capsys):
    grey = np.random.default_rng(0).integers(0, 256, (2, 64, 64), np.uint8)
    ids = np.kron(np.arange(1, 33, dtype=np.uint8).reshape(2, 4, 4), np.ones((1, 16, 16), np.uint8))
    for name, labels in (("grey", grey), ("ids", ids), ("classes", ids % 2), ("nothing", ids * 0)):
        tifffile.imwrite(files / f"{name}.tif", labels)

    def warned(*words):
        assert cli.main(["evaluate", *map(str, words)]) == 0
        return capsys.readouterr().err

    objects = ("--target", "instances")
    assert "grey.tif looks like an image" in warned(files / "grey.tif", files / "ids.tif", *objects)
    assert "31 values of the prediction are nowhere" in warned(files / "ids.tif", files / "classes.tif")
    assert "The truth has no object" in warned(files / "ids.tif", files / "nothing.tif", *objects)
    for target in ("classes", "masks"):
        swapped = warned(files / "classes.tif", files / "nothing.tif", "--target", target)
        assert "The truth is empty where it is compared" in swapped, target
    for target in ("instances", "classes", "masks"):
        empty = warned(files / "nothing.tif", files / "classes.tif", "--target", target)
        assert "The prediction is empty" in empty, target
    assert warned(files / "ids.tif", files / "ids.tif", *objects) == ""

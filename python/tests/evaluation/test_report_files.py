"""Reports as files: every number of the result is in them, and nothing that a name could do harm with."""

import base64
import csv
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from cristae.errors import InvalidInput
from cristae.evaluation import (
    evaluate_classes,
    evaluate_instances,
    evaluate_masks,
    evaluate_probabilities,
)
from cristae.evaluation.meanings import meaning_of
from cristae.evaluation.page import scale_of
from cristae.evaluation.pictures import ADDED, MISSED, OTHER, panels
from cristae.evaluation.report_files import check_report, write_report
from cristae.evaluation.several import evaluate_pairs, evaluate_several
from cristae.evaluation.tables import columns_of, score_rows
from cristae.evaluation.worst import worst_places
from cristae.volumes import ArrayImage, LabelClass

TRUTH = np.array([[[0, 1, 1, 2, 2, 0]]], np.uint8)
GUESS = np.array([[[1, 0, 1, 1, 2, 0]]], np.uint8)
EVIL = '<script>alert("1")</script>.tif'


class Page(HTMLParser):
    """Collects tags, text and pictures."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.pictures, self.links = [], [], []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.links.append(value)
            if tag == "img" and name == "src":
                self.pictures.append(base64.b64decode(value.partition("base64,")[2]))

    def handle_data(self, data):
        self.words += data


def test_pictures_of_places_have_a_scale_bar_where_the_size_of_a_voxel_is_known(tmp_path):
    scores = evaluate_classes(ArrayImage(GUESS), ArrayImage(TRUTH))
    with_bar = written(tmp_path, scores, pixel_nm=100.0)  # six voxels are 600 nm, and 256 pixels wide
    assert '<span class="bar" style="width:85.3px"></span>200 nm' in with_bar
    assert 'class="bar"' not in written(tmp_path, scores)


@pytest.mark.parametrize("width_nm", [0.9, 7.0, 640.0, 3000.0, 99_999.0, 6e6])
def test_a_scale_bar_is_a_round_length_of_at_most_a_third(width_nm):
    share, told = scale_of(width_nm)
    number, unit = told.split(" ")
    assert float(number) * {"nm": 1, "\u00b5m": 1000}[unit] == pytest.approx(share * width_nm)
    assert 1 / 7.5 - 1e-9 <= share <= 1 / 3 + 1e-9
    assert number.replace("0", "").replace(".", "") in ("1", "2", "5")


def test_a_report_never_lies_in_an_image(tmp_path):
    store = tmp_path / "x.zarr"
    (store / "inner").mkdir(parents=True)
    (store / "zarr.json").write_text("{}")
    for file in (store / "zarr.json", store / "inner" / "scores.csv"):
        with pytest.raises(InvalidInput, match="would lie in the image"):
            check_report(file)
    check_report(tmp_path / "scores.json")


def written(tmp_path, result, ending="html", **more):
    file = tmp_path / f"report.{ending}"
    given = {"prediction": "found.tif", "truth": "true.tif", "settings": {"target": "classes"}}
    write_report(file, result, **{**given, **more})
    return file.read_text()


def test_a_table_has_a_row_for_each_class_and_the_mean(tmp_path):
    scores = evaluate_classes(GUESS, TRUTH, classes=[LabelClass(1, "er"), LabelClass(2, "=1+1,mito")])
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, scores, "csv"))))
    assert [(row["prediction"], row["class"], row["name"]) for row in rows] == [
        ("found.tif", "1", "er"), ("found.tif", "2", "=1+1,mito"), ("found.tif", "mean", ""),
    ]  # fmt: skip
    assert float(rows[0]["iou"]) == scores["classes"]["1"]["iou"]
    assert float(rows[2]["dice"]) == scores["mean"]["dice"]


def test_a_table_of_objects_has_a_row_for_each_prediction(tmp_path):
    given = {"a": ArrayImage(GUESS), "b": ArrayImage(TRUTH)}
    scores = evaluate_several(given, ArrayImage(TRUTH), evaluate_instances)
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, scores, "csv"))))
    assert [row["prediction"] for row in rows] == ["a", "b"]
    assert float(rows[1]["ap_0.95"]) == 1
    assert float(rows[0]["pq"]) == scores["predictions"]["a"]["pq"]


def test_a_table_of_pairs_has_a_row_for_each_pair(tmp_path):
    given = {"a": ArrayImage(GUESS), "b": ArrayImage(TRUTH)}
    pairs = evaluate_pairs(given, evaluate_classes)
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, pairs, "csv"))))
    assert [(row["prediction"], row["truth"]) for row in rows] == [
        ("a", "a"),
        ("a", "b"),
        ("b", "a"),
        ("b", "b"),
    ]
    assert float(rows[1]["iou"]) == pairs["pairs"]["iou"][0][1]


def test_what_is_not_defined_is_an_empty_cell(tmp_path):
    scores = evaluate_classes(np.zeros_like(TRUTH), TRUTH)
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, scores, "csv"))))
    assert rows[0]["precision"] == ""


@pytest.mark.parametrize("compare", [evaluate_classes, evaluate_instances])
def test_the_json_file_is_the_result(compare, tmp_path):
    scores = compare(GUESS, TRUTH)
    assert json.loads(written(tmp_path, scores, "json")) == scores


def test_the_page_has_no_script_and_loads_nothing_whatever_the_names_are(tmp_path):
    scores = evaluate_classes(GUESS, TRUTH, classes=[LabelClass(1, EVIL), LabelClass(2, "<img src=x>")])
    text = written(tmp_path, scores, prediction=EVIL, truth=EVIL, settings={"z": EVIL})
    page = Page(text)
    assert "script" not in page.tags
    assert EVIL in page.words
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_page_has_every_score(tmp_path):
    scores = evaluate_classes(GUESS, TRUTH)
    page = Page(written(tmp_path, scores))
    assert f"{scores['classes']['1']['iou']:.4f}" in page.words
    assert "conformity" in page.words
    objects = Page(written(tmp_path, evaluate_instances(GUESS, TRUTH)))
    for name in ("adapted_rand_error", "aji", "v_rand_without_borders", "v_rand_thinned", "ap_0.95"):
        assert name in objects.words


TWO = {"a": ArrayImage(GUESS), "b": ArrayImage(TRUTH)}


@pytest.mark.parametrize(
    "scores",
    [
        evaluate_classes(GUESS, TRUTH, distances=True),
        evaluate_probabilities((TRUTH == 1) * np.uint8(200), (TRUTH == 1).astype(np.uint8)),
        evaluate_masks(GUESS > 0, TRUTH > 0),
        evaluate_instances(GUESS, TRUTH),
        evaluate_several(TWO, TWO["b"], evaluate_instances),
    ],
    ids=["classes", "probabilities", "masks", "objects", "several"],
)
def test_the_page_says_what_each_metric_means(tmp_path, scores):
    metrics = columns_of(score_rows(scores.get("predictions", {"found": scores})))
    metrics = [name for name in metrics if name not in ("prediction", "class", "name")]
    words = Page(written(tmp_path, scores)).words
    assert len(metrics) >= 9
    for name in metrics:
        assert meaning_of(name), name
        assert meaning_of(name) in words, name


def test_the_page_of_pairs_says_what_is_compared_and_what_it_means(tmp_path):
    for compare in (evaluate_classes, evaluate_instances):
        pairs = evaluate_pairs(TWO, compare)
        words = Page(written(tmp_path, pairs)).words
        assert "The image of each row is scored as if that of the column were right." in words
        assert len(pairs["pairs"]) == 2
        for metric in pairs["pairs"]:
            assert f"Meaning: {meaning_of(metric)}." in words


def test_the_page_shows_image_truth_prediction_and_differences_of_the_worst_place(tmp_path):
    raw = ArrayImage(np.arange(6, dtype=np.uint16).reshape(1, 1, 6) * 1000)
    page = Page(written(tmp_path, evaluate_classes(GUESS, TRUTH), raw=raw))
    assert len(page.pictures) == 4
    for picture in page.pictures:
        assert Image.open(io.BytesIO(picture)).size == (6, 1)
    assert "z 0, y 0:1, x 0:6: 3 voxels differ" in page.words


def test_the_page_of_a_perfect_prediction_says_that_there_is_no_difference(tmp_path):
    assert "There is no difference." in Page(written(tmp_path, evaluate_masks(TRUTH > 0, TRUTH > 0))).words


@pytest.mark.parametrize("compare", [evaluate_classes, evaluate_instances])
def test_the_page_of_several_predictions_colours_the_better_cells(compare, tmp_path):
    given = {"right": ArrayImage(TRUTH), "wrong": ArrayImage(GUESS)}
    text = written(tmp_path, evaluate_several(given, ArrayImage(TRUTH), compare))
    page = Page(text)
    assert "Worst places: right" in page.words
    assert "There is no difference." in page.words
    assert len(page.pictures) == 3  # truth, prediction and differences of the wrong one
    assert 'style="background:#6ec8b4">1.0000' in text
    assert text.count('style="background:#6ec8b4"') < text.count('style="background:#')


def test_the_page_of_pairs_is_a_matrix_of_each_metric(tmp_path):
    given = {"a": ArrayImage(GUESS), EVIL: ArrayImage(TRUTH)}
    page = Page(written(tmp_path, evaluate_pairs(given, evaluate_classes)))
    assert page.tags.count("table") == 3  # settings, IoU and Dice
    assert "script" not in page.tags


def test_the_page_of_probabilities_has_their_curves(tmp_path):
    probabilities = (TRUTH == 1) * np.uint8(200)
    scores = evaluate_probabilities(probabilities, (TRUTH == 1).astype(np.uint8))
    page = Page(written(tmp_path, scores))
    assert Image.open(io.BytesIO(page.pictures[0])).size == (640, 400)
    assert "best threshold" in page.words


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)))[0]


def test_differences_tell_what_was_missed_added_and_mistaken():
    truth = np.array([[[1, 0, 1, 9, 1]]], np.uint8)
    guess = np.array([[[0, 1, 2, 1, 1]]], np.uint8)
    comparison = evaluate_classes(guess, truth, unknown=9).comparison
    (place,) = worst_places(comparison)
    shown = panels(comparison, place, None)
    assert list(shown) == ["truth", "prediction", "differences"]
    assert pixels(shown["differences"]).tolist() == [
        list(MISSED), list(ADDED), list(OTHER), [64, 64, 64], [0, 0, 0],
    ]  # fmt: skip
    assert pixels(shown["truth"])[[0, 1]].tolist() == [[230, 159, 0], [0, 0, 0]]


def test_matched_objects_have_one_colour_on_both_sides():
    truth = np.array([[[1, 1, 1, 2, 2]]])
    comparison = evaluate_instances(np.array([[[8, 8, 0, 5, 5]]]), truth).comparison
    (place,) = worst_places(comparison)
    shown = panels(comparison, place, None)
    true, found = pixels(shown["truth"]), pixels(shown["prediction"])
    assert (true[[0, 1, 3]] == found[[0, 1, 3]]).all()
    assert (true[0] != true[3]).any()


def test_overlapping_masks_are_mixed():
    truth = np.ones((2, 1, 1, 2), np.uint8)
    truth[1, 0, 0, 1] = 0
    comparison = evaluate_masks(np.zeros_like(truth), truth).comparison
    (place,) = worst_places(comparison)
    one, two = np.array([230, 159, 0]), np.array([86, 180, 233])
    assert pixels(panels(comparison, place, None)["truth"]) == pytest.approx(
        np.array([(one + two) / 2, one]), abs=1
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("scores.xlsx", "neither .html"),
        ("away/scores.csv", "There is no folder"),
        ("folder.html", "is a folder"),
    ],
)
def test_a_place_that_nothing_can_be_written_to_is_refused(name, told, tmp_path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InvalidInput, match=told):
        check_report(tmp_path / name)


@pytest.mark.parametrize("ending", ["html", "csv"])
def test_a_name_that_is_not_utf_8_is_written_with_a_question_mark(ending, tmp_path):
    assert "caf?.tif" in written(tmp_path, evaluate_classes(GUESS, TRUTH), ending, prediction="caf\udce9.tif")

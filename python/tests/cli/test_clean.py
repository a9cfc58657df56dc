import json
import re

import numpy as np
import pytest
import tifffile

import cristae
from cristae import cli
from cristae.errors import AlreadyExists, Cancelled, CristaeError, InvalidInput, NotFound
from cristae.events import Progress
from cristae.volumes import open_image

LABELS = np.zeros((2, 6, 8), np.uint16)
LABELS[:, 0:2, 0:3], LABELS[1, 3:5, 3:5], LABELS[0, 2, 0:3] = 1, 300, 7
SIZE = (50, 4, 4)


@pytest.fixture
def labels(tmp_path):
    """Three objects in two sections of 50 x 4 x 4 nm."""
    path = tmp_path / "labels.tif"
    metadata = {"axes": "ZYX", "spacing": 0.05, "unit": "um"}
    tifffile.imwrite(path, LABELS, imagej=True, resolution=(1 / 0.004,) * 2, metadata=metadata)
    return path


@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif", "out.zarr", "out.h5", "slices/"])
def test_the_result_has_the_calibration_and_the_smallest_type(labels, tmp_path, name, capsys):
    out = f"{tmp_path}/{name}"
    assert cli.main(["clean", str(labels), out, "--minimum-nm3", "3000", "--merge", "1,300"]) == 0
    told = capsys.readouterr()
    assert "The objects 1 and 300 became one, number 1." in told.err
    assert "1 of 2 objects was smaller than 3,000 nm^3 and was removed." in told.err
    found = open_image(out)
    assert found.dtype == np.uint8
    if name != "slices/":
        assert found.voxel_size.zyx_nm == SIZE
    assert np.array_equal(tifffile.imread(labels), LABELS)
    whole = cristae.clean(out, minimum_voxels=1, voxel_size_nm=SIZE, on_event=lambda event: None)
    assert np.array_equal(whole, np.where(LABELS == 7, 0, np.minimum(LABELS, 1)))


def test_every_step_says_what_it_did_in_json_too(labels, tmp_path, capsys):
    words = ["clean", str(labels), str(tmp_path / "out.tif"), "--json", "--split", "1", "0,0,0", "1,1,2"]
    words += ["--fill-holes", "--smooth", "4", "--minimum-voxels", "2", "--border", "remove"]
    assert cli.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["out"] == str(tmp_path / "out.tif")
    smoothed = told["done"].pop(2)
    assert re.fullmatch(
        r"\d+ voxels? changed (its|their) object within 4 nm; 0 of 4 objects were lost\.", smoothed
    )
    assert told["done"] == [
        "The object 1 became 2 parts, numbers 1, 301.",
        "0 holes (0 voxels) in 0 objects were filled.",
        "0 of 4 objects were smaller than 2 voxels and were removed.",
        "4 of 4 objects touched the border and were removed.",
        "No object is left: every voxel of the result is 0.",
    ]


def test_the_steps_come_after_each_other_and_progress_never_goes_down(tmp_path):
    told = []
    cristae.clean(
        LABELS,
        tmp_path / "out.tif",
        merge=[(1, 7)],
        split={300: [(1, 3, 3), (1, 4, 4)]},
        fill_holes=True,
        smooth_nm=4,
        border="remove",
        voxel_size_nm=SIZE,
        on_event=told.append,
    )
    progress = [event for event in told if isinstance(event, Progress)]
    assert list(dict.fromkeys(event.stage for event in progress)) == [
        "Counting objects",
        "Finding objects",
        "Filling holes",
        "Smoothing",
        "Looking at the border",
        "Writing",
    ]
    fractions = [event.fraction for event in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


@pytest.mark.parametrize("stage", ["Counting objects", "Filling holes", "Smoothing", "Writing"])
def test_cleaning_ends_in_each_stage_when_a_person_says_so(stage, tmp_path):
    seen = []

    def show(event):
        if isinstance(event, Progress):
            seen.append(event.stage)

    with pytest.raises(Cancelled):
        cristae.clean(
            LABELS,
            tmp_path / "out.tif",
            fill_holes=True,
            smooth_nm=4,
            voxel_size_nm=SIZE,
            on_event=show,
            should_stop=lambda: stage in seen,
        )
    assert seen.count(stage) == 1
    assert seen[-1] == stage
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_was_merged_away_is_told_by_the_number_that_it_has_now():
    with pytest.raises(NotFound, match="The object 7 became number 1 in an earlier step"):
        cristae.clean(LABELS, merge=[(1, 7)], split={7: [(0, 2, 0), (0, 2, 2)]}, on_event=lambda event: None)


def test_six_hundred_groups_are_merged_in_one_renaming():
    labels = np.arange(1, 1202).reshape(1, 1, -1)
    groups = [(one, one + 1) for one in range(1, 1201, 2)]
    found = cristae.clean(labels, merge=groups, on_event=lambda event: None)
    assert np.array_equal(found, (labels - 1) // 2 * 2 + 1)


def test_arrays_come_back_as_they_went_in():
    quiet = {"on_event": lambda event: None}
    assert cristae.clean(LABELS[0], minimum_voxels=4, **quiet).shape == (6, 8)
    large = np.where(LABELS > 0, LABELS.astype(np.int64) + 2**40, 0)
    found = cristae.clean(large, merge=[(2**40 + 7, 2**40 + 1)], **quiet)
    assert found.dtype == np.uint64
    assert np.array_equal(found, np.where(LABELS == 7, 2**40 + 1, large))
    assert cristae.clean(large, border="remove", **quiet).dtype == np.uint8


def test_ids_that_no_file_holds_are_told_before_the_first_step(tmp_path):
    stages = []
    with pytest.raises(InvalidInput, match=r"go up to 329853488332800, .* holds ids up to 4294967295\."):
        cristae.clean(
            LABELS.astype(np.int64) << 40,
            tmp_path / "out.tif",
            fill_holes=True,
            minimum_voxels=1,
            on_event=lambda event: stages.append(getattr(event, "stage", event)),
        )
    assert set(stages) == {"Counting objects"}
    assert list(tmp_path.iterdir()) == []


def test_the_largest_id_of_a_file_is_written_but_no_part_gets_a_larger_one(tmp_path):
    largest = np.full((1, 1, 6), 2**32 - 1, np.uint64)
    quiet = {"on_event": lambda event: None}
    cristae.clean(largest, tmp_path / "out.tif", minimum_voxels=1, **quiet)
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif").ravel(), largest.ravel())
    points = {2**32 - 1: [(0, 0, 0), (0, 0, 5)]}
    with pytest.raises(InvalidInput, match="go up to 4294967296"):
        cristae.clean(largest, tmp_path / "cut.tif", split=points, **quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


def test_a_result_that_is_there_stays_and_the_labels_are_never_lost(labels, tmp_path):
    (tmp_path / "out.tif").write_text("mine")
    with pytest.raises(AlreadyExists):
        cristae.clean(labels, tmp_path / "out.tif", fill_holes=True)
    with pytest.raises(InvalidInput, match="would be lost"):
        cristae.clean(labels, labels, fill_holes=True, overwrite=True)


def test_a_result_without_an_object_is_a_warning(labels):
    told = []
    cristae.clean(labels, minimum_voxels=10**6, on_event=told.append)
    warnings = [event.sentence for event in told if getattr(event, "is_warning", False)]
    assert warnings == ["No object is left: every voxel of the result is 0."]
    told.clear()
    cristae.clean(np.zeros((2, 3, 4), np.uint8), fill_holes=True, on_event=told.append)
    warnings = [event.sentence for event in told if getattr(event, "is_warning", False)]
    assert warnings == ["The labels hold no object: every voxel of the result is 0."]


def test_nothing_is_left_of_what_was_stopped(labels, tmp_path):
    stages = []

    def show(event):
        stages.append(getattr(event, "stage", None))

    with pytest.raises(Cancelled):
        cristae.clean(
            labels,
            tmp_path / "out.tif",
            minimum_voxels=1,
            on_event=show,
            should_stop=lambda: "Writing" in stages,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["labels.tif"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "There is nothing to do"),
        (["--split", "1", "0,0,0", "0,1"], "--split 1 0,0,0 0,1 is not"),
        (["--split", "x", "0,0,0", "0,1,1"], "is not the number of an object"),
        (["--split", "1", "0,0,0", "0,1,1", "--split", "1", "0,0,0", "1,1,1"], "split twice"),
        (["--merge", "1,9"], "no object 9"),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(labels, tmp_path, capsys, words, sentence):
    assert cli.main(["clean", str(labels), str(tmp_path / "out.tif"), *words]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"out": 3},
        {"out": "a.txt", "fill_holes": True},
        {"merge": "1,2"},
        {"merge": [1, 2]},
        {"merge": [("1", "2")]},
        {"split": [(1, 2)]},
        {"split": {1: (0, 0, 0)}},
        {"split": {"1": [(0, 0, 0)]}},
        {"fill_holes": 1},
        {"smooth_nm": "4"},
        {"minimum_nm3": "4"},
        {"minimum_voxels": 2.5},
        {"minimum_voxels": 5, "minimum_nm3": 5},
        {"border": "delete"},
        {"voxel_size_nm": (1, 2)},
        {"overwrite": 1, "fill_holes": True},
        {"on_event": 3},
        {"should_stop": None},
    ],
)
def test_a_wrong_argument_is_refused_in_a_sentence(given):
    with pytest.raises(CristaeError) as caught:
        cristae.clean(LABELS, **given)
    assert caught.value.sentence.endswith(".")


def test_a_place_that_cannot_be_written_is_told_before_the_first_step(labels, tmp_path, capsys):
    for out, sentence in ((tmp_path / "out", "means no format"), (tmp_path / "no" / "out.tif", "no folder")):
        assert cli.main(["clean", str(labels), str(out), "--merge", "1,300"]) == 1
        told = capsys.readouterr().err
        assert sentence in told
        assert "became one" not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.tif"]


@pytest.mark.parametrize("count", ["1.2e1", "12", "1200e-2"])
def test_a_count_of_voxels_may_be_written_with_an_exponent(labels, tmp_path, count):
    assert cli.main(["clean", str(labels), str(tmp_path / "out.tif"), "--minimum-voxels", count]) == 0
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), LABELS == 1)  # 12, 4 and 3 voxels


@pytest.mark.parametrize(
    "count", ["1.5", "1.23e1", "0e9", "-1e9", "1e18", "1e999999999", "nan", "sNaN", "inf", "1_000", "many"]
)
def test_a_count_of_voxels_is_a_whole_number_above_0(labels, tmp_path, capsys, count):
    with pytest.raises(SystemExit) as ended:
        cli.main(["clean", str(labels), str(tmp_path / "out.tif"), f"--minimum-voxels={count}"])
    assert ended.value.code == 2
    assert f"'{count}' is not a whole number above 0" in capsys.readouterr().err

import csv
import json

import numpy as np
import pytest
import tifffile
import zarr

import cristae
from cristae import cli
from cristae.errors import InvalidInput
from cristae.measuring import files


@pytest.fixture
def labels(tmp_path):
    """Three objects in two sections of 50 x 4 x 4 nm."""
    voxels = np.zeros((2, 6, 8), np.uint16)
    voxels[:, 0:2, 0:3], voxels[1, 3:5, 3:5], voxels[0:1, 2, 0:3] = 1, 300, 7
    path = tmp_path / "labels.tif"
    tifffile.imwrite(
        path,
        voxels,
        imagej=True,
        resolution=(1 / 0.004,) * 2,
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": "um"},
    )
    return path


def test_a_table_is_written_and_its_summary_is_printed(labels, tmp_path, capsys):
    raw = tmp_path / "raw.tif"
    tifffile.imwrite(raw, np.full((2, 6, 8), 9, np.uint8))
    out = tmp_path / "cells.csv"
    assert cli.main(["measure", str(labels), str(out), "--raw", str(raw), "--contacts", "--skeletons"]) == 0
    told = capsys.readouterr()
    assert "Objects: 3" in told.out
    assert "Pairs that touch: 1" in told.out
    assert f"Written: {out}" in told.out
    assert "volume_nm3" in told.out
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "7", "300"]
    assert [float(row["volume_nm3"]) for row in rows] == [12 * 800, 3 * 800, 4 * 800]
    assert {row["intensity_mean"] for row in rows} == {"9.0"}
    assert rows[1]["skeleton_length_nm"] == "8.0"
    assert (tmp_path / "cells-contacts.csv").read_text() == "id,other_id,faces,contact_nm2\n1,7,3,600.0\n"


def test_json_holds_all_rows_without_a_table_and_says_where_it_is_with_one(labels, tmp_path, capsys):
    words = ["measure", str(labels), "--json", "--where", "volume_nm3 > 3000 and touches_border == 1"]
    assert cli.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["count"] == 2
    assert [row["id"] for row in told["objects"]] == [1, 300]
    assert told["summary"]["voxels"]["max"] == 12
    assert cli.main([*words[:2], str(tmp_path / "a.xlsx"), *words[2:]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["table"] == str(tmp_path / "a.xlsx")
    assert "objects" not in told


def test_a_table_that_is_there_stays_unless_it_may_be_replaced(labels, tmp_path, capsys):
    out, beside = tmp_path / "cells.csv", tmp_path / "cells-contacts.csv"
    beside.write_text("mine")
    assert cli.main(["measure", str(labels), str(out), "--contacts"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main(["measure", str(labels), str(out), "--contacts", "--overwrite"]) == 0
    assert beside.read_text().startswith("id,")
    capsys.readouterr()
    assert cli.main(["measure", str(labels), str(out), "--overwrite"]) == 0
    told = capsys.readouterr()
    assert f"{beside} of an earlier run was removed" in told.out + told.err
    assert not beside.exists()


def test_the_table_may_stand_behind_options(labels, tmp_path):
    for words in (["--contacts", "LABELS", "TABLE"], ["LABELS", "--contacts", "TABLE"]):
        out = tmp_path / f"{words.index('TABLE')}{words.index('LABELS')}.csv"
        given = [str(labels) if word == "LABELS" else word for word in words]
        assert cli.main(["measure", *(str(out) if word == "TABLE" else word for word in given)]) == 0
        assert out.with_name(f"{out.stem}-contacts.csv").exists()
    with pytest.raises(SystemExit):
        cli.main(["measure", str(labels), "a.csv", "b.csv"])


def test_a_table_too_long_for_excel_is_a_csv_and_that_is_told(labels, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "EXCEL_ROWS", 2)
    assert cli.main(["measure", str(labels), str(tmp_path / "cells.xlsx")]) == 0
    told = capsys.readouterr()
    assert "Excel holds 2: cells.csv was written instead of cells.xlsx." in told.err
    assert f"Written: {tmp_path / 'cells.csv'}" in told.out
    assert len((tmp_path / "cells.csv").read_text().splitlines()) == 4
    assert not (tmp_path / "cells.xlsx").exists()


def test_ids_of_64_bits_in_a_zarr_are_exact_in_the_table(tmp_path):
    ids = np.array([[[1, 2**40, 2**63 - 1]]])
    zarr.save_array(tmp_path / "ids.zarr", ids)
    out = tmp_path / "ids.csv"
    cristae.measure(tmp_path / "ids.zarr", out, on_event=lambda event: None)
    assert [line.split(",")[0] for line in out.read_text().splitlines()] == ["id", *map(str, ids.flat)]


def test_labels_of_no_calibration_say_so_and_can_be_given_one(tmp_path, capsys):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.ones((2, 6, 8), np.uint8))
    assert cli.main(["measure", str(path)]) == 0
    told = capsys.readouterr()
    assert "volume_px3" in told.out
    assert "do not say how large a voxel is" in told.err
    assert cli.main(["measure", str(path), "--voxel-size", "50,4,4"]) == 0
    assert "volume_nm3" in capsys.readouterr().out


def test_a_condition_that_nothing_fulfils_is_a_warning(labels, tmp_path):
    told = []
    cristae.measure(labels, tmp_path / "a.csv", where="voxels > 1e9", on_event=told.append)
    warnings = [event.sentence for event in told if getattr(event, "is_warning", False)]
    assert warnings == ['No object fulfils the condition "voxels > 1e9": the table is empty.']


def test_other_labels_without_an_object_are_a_warning(labels, tmp_path):
    for name, voxels in (("none", 0), ("some", 1)):
        other, told = np.zeros_like(tifffile.imread(labels)), []
        other[0, 0, 0] = voxels
        tifffile.imwrite(tmp_path / f"{name}.tif", other)
        cristae.measure(labels, other=tmp_path / f"{name}.tif", on_event=told.append)
        warned = [event.sentence for event in told if getattr(event, "is_warning", False)]
        assert any(one.startswith("The other labels hold no object") for one in warned) == (not voxels)


def test_an_empty_label_image_is_a_result(tmp_path, capsys):
    path = tmp_path / "empty.tif"
    tifffile.imwrite(path, np.zeros((2, 6, 8), np.uint8))
    assert cli.main(["measure", str(path), str(tmp_path / "a.csv"), "--contacts"]) == 0
    told = capsys.readouterr().err
    assert "no object" in told
    assert "warning: No object was found: the table is empty." in told.replace("Warning", "warning")
    assert (tmp_path / "a.csv").read_text().startswith("id,voxels,")


@pytest.mark.parametrize(
    "given",
    [
        {"out": 3},
        {"out": "a.txt"},
        {"contacts": "yes"},
        {"skeletons": 1},
        {"where": 3},
        {"where": "id >"},
        {"voxel_size_nm": (50, 4)},
        {"overwrite": 1},
        {"on_event": None},
        {"should_stop": True},
        {"raw": object()},
        {"other": "nowhere.tif"},
    ],
)
def test_a_wrong_argument_is_refused_in_a_sentence(given):
    with pytest.raises(InvalidInput) as caught:
        cristae.measure(np.ones((1, 2, 2), np.uint8), **given)
    assert caught.value.sentence.endswith(".")


def test_chunks_that_the_labels_lack_are_a_warning(tmp_path, capsys):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 6, 8), chunks=(2, 6, 8), dtype="uint16")
    array[2:, 1:3, 1:3] = 5
    assert cli.main(["measure", str(tmp_path / "a.zarr"), "--voxel-size", "50,4,4"]) == 0
    told = capsys.readouterr().err
    assert "1 of 2 chunks of a.zarr is not there (it is the box [0:2, 0:6, 0:8], z, y, x, in voxels)" in told

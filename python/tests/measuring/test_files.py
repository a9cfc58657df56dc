"""Tables as files, read again by others."""

import csv
import gc
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cristae.errors import Cancelled, DiskFull, InvalidInput, Unsupported
from cristae.measuring import Table, check_form, files, write_tables

OBJECTS = Table(
    {
        "id": np.array([1, 2**53 + 1, 2**63 - 1]),
        "std": np.ma.MaskedArray([0.1, 0.0, 1e300], [False, True, False]),
    }
)
PAIRS = Table({"id": np.array([1]), "other_id": np.array([2])})


def test_csv_holds_every_digit_and_nothing_for_what_is_not_defined(tmp_path):
    out = tmp_path / "cells.csv"
    assert write_tables(out, {"objects": OBJECTS, "contacts": None}) == ([out], [])
    with out.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["id", "std"],
        ["1", "0.1"],
        ["9007199254740993", ""],
        ["9223372036854775807", "1e+300"],
    ]


def test_a_second_table_goes_beside_the_first_and_old_ones_are_replaced(tmp_path):
    out = tmp_path / "cells.csv"
    out.write_text("old")
    beside = tmp_path / "cells-contacts.csv"
    assert write_tables(out, {"objects": OBJECTS, "contacts": PAIRS}) == ([out, beside], [])
    assert (tmp_path / "cells-contacts.csv").read_text() == "id,other_id\n1,2\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells-contacts.csv", "cells.csv"]


def test_excel_holds_both_tables_and_ids_that_it_would_round_as_text(tmp_path):
    out = tmp_path / "cells.xlsx"
    write_tables(out, {"objects": OBJECTS, "contacts": PAIRS})
    with zipfile.ZipFile(out) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert 'name="contacts"' in book.read("xl/workbook.xml").decode()
    assert "9223372036854775807" in sheet
    assert "9.007199254740993E" not in sheet
    assert '<c r="B3"' not in sheet


def test_ids_of_sixteen_digits_are_text_in_excel_since_it_keeps_fifteen(tmp_path):
    out = tmp_path / "cells.xlsx"
    write_tables(out, {"objects": Table({"id": np.array([10**15 - 1, 10**15 + 7])})})
    with zipfile.ZipFile(out) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert '<c r="A2"><v>999999999999999</v></c>' in sheet
    assert '<c r="A3" t="inlineStr"><is><t>1000000000000007</t></is></c>' in sheet


def test_tables_too_long_for_excel_become_csv_files_that_replace_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "EXCEL_ROWS", 2)
    (tmp_path / "cells-contacts.csv").write_text("mine")
    found, sentences = write_tables(tmp_path / "cells.xlsx", {"objects": OBJECTS, "contacts": PAIRS})
    assert [file.name for file in found] == ["cells-2.csv", "cells-2-contacts.csv"]
    assert [len(file.read_text().splitlines()) for file in found] == [4, 2]
    assert sentences == [
        "The table of objects has 3 rows, and Excel holds 2: cells-2.csv was written instead of cells.xlsx."
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["cells-contacts.csv", *(file.name for file in found)]
    )


@pytest.mark.parametrize("name", ["cells.csv", "cells.xlsx"])
def test_a_table_that_another_program_keeps_is_told_before_anything_is_measured(tmp_path, name, monkeypatch):
    (tmp_path / name).write_text("old")

    def kept(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", kept)
    with pytest.raises(InvalidInput, match="cannot be written"):
        check_form(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_nothing_can_be_written_into_is_told_before_anything_is_measured(tmp_path, monkeypatch):
    def refuse(**place: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "TemporaryFile", refuse)
    with pytest.raises(InvalidInput, match=r"cells\.csv cannot be written"):
        check_form(tmp_path / "cells.csv")


def test_parquet_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(Unsupported, match="pip install pyarrow"):
        write_tables(tmp_path / "cells.parquet", {"objects": OBJECTS})


def test_parquet_holds_the_table(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_tables(tmp_path / "cells.parquet", {"objects": OBJECTS})
    assert parquet.read_table(tmp_path / "cells.parquet").to_pydict() == {
        "id": [1, 2**53 + 1, 2**63 - 1],
        "std": [0.1, None, 1e300],
    }


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("cells.txt", "neither"), ("there/cells.csv", "There is no folder"), ("folder.csv", "is a folder")],
)
def test_a_place_for_no_table_is_refused(tmp_path, name, sentence):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInput, match=sentence):
        write_tables(tmp_path / name, {"objects": OBJECTS})


@pytest.mark.parametrize("name", ["cells.csv", "cells.xlsx"])
def test_a_full_disk_is_told_and_the_old_table_stays(tmp_path, name, monkeypatch):
    out = tmp_path / name
    out.write_text("old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFull):
        write_tables(out, {"objects": OBJECTS})
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["cells.csv", "cells.xlsx"])
def test_a_disk_that_fills_up_on_the_way_is_told_once(tmp_path, name, monkeypatch, capsys):
    """Thrown away, a ZIP archive tries to write its end again, which was printed as a stack trace."""
    room = 3000
    really = os.write

    def write(file: int, data: Any) -> int:
        nonlocal room
        room -= len(data)
        if room < 0:
            raise OSError(28, "No space left on device")
        return really(file, data)

    ids = np.arange(1, 20_001)
    rows = Table({"id": ids, "volume_px3": np.random.default_rng(0).random(len(ids))})
    monkeypatch.setattr(os, "write", write)
    if name.endswith("csv"):
        monkeypatch.setattr(Path, "open", lambda *_, **__: open("/dev/full", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(DiskFull):
        write_tables(tmp_path / name, {"objects": rows})
    monkeypatch.undo()
    gc.collect()
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [0.2, 0.8])
@pytest.mark.parametrize("name", ["cells.csv", "cells.xlsx"])
def test_writing_is_told_and_can_be_ended(tmp_path, name, most):
    rows = Table({"id": np.arange(1, 20_001)})
    told: list[float] = []
    write_tables(tmp_path / name, {"objects": rows, "contacts": rows}, told.append)
    assert told[0] == 0
    assert len(told) == 10
    assert told == sorted(told)
    assert told[-1] < 1
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def stop(done: float) -> None:
        if done > most:
            raise Cancelled("enough")

    others = Table({"id": np.arange(2, 20_002)})
    with pytest.raises(Cancelled):
        write_tables(tmp_path / name, {"objects": others, "contacts": others}, stop)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before

"""The figures of a training as files, read back without the library that wrote them."""

import csv
import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cristae import cli
from cristae.commands.curves import write_curves
from cristae.errors import AlreadyExists, InvalidInput
from cristae.models import ModelLibrary

HISTORY = [
    {"step": 10, "learning_rate": 0.002, "loss": 1.25},
    {"step": 20, "learning_rate": 0.00004, "loss": 0.5, "dice": 0.75, "dice.=1+1": 0.5},
]
ROWS = [["10", "0.002", "1.25", "", ""], ["20", "4e-05", "0.5", "0.75", "0.5"]]
COLUMNS = ["step", "learning_rate", "loss", "dice", "dice.=1+1"]


def cells_of(workbook: Path) -> list[list[str]]:
    """The first sheet, row by row; empty cells are empty texts."""
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(workbook) as parts:
        texts = [
            "".join(part.itertext())
            for part in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))  # noqa: S314 - our own file
        ]
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    assert sheet.find(".//m:f", space) is None  # no formula
    rows = []
    for row in sheet.iterfind(".//m:row", space):
        cells = {cell.get("r", "?")[0]: cell for cell in row.iterfind("m:c", space)}
        values = []
        for letter in "ABCDE":
            value = cells[letter].findtext("m:v", "", space) if letter in cells else ""
            is_text = letter in cells and cells[letter].get("t") == "s"
            values.append(texts[int(value)] if is_text else value)
        rows.append(values)
    return rows


def test_a_workbook_has_a_row_for_each_time_and_a_chart(tmp_path: Path) -> None:
    write_curves(HISTORY, tmp_path / "curves.xlsx", overwrite=False)
    header, *rows = cells_of(tmp_path / "curves.xlsx")
    assert header == COLUMNS
    assert [[float(cell) if cell else None for cell in row] for row in rows] == [
        [float(cell) if cell else None for cell in row] for row in ROWS
    ]
    with zipfile.ZipFile(tmp_path / "curves.xlsx") as parts:
        chart = parts.read("xl/charts/chart1.xml").decode()
    assert "curves!$C$2:$C$3" in chart  # the loss
    assert "curves!$D$2:$D$3" in chart  # Dice


def test_a_csv_file_has_the_same_figures_and_replaces_the_one_before_if_that_is_said(tmp_path: Path) -> None:
    out = tmp_path / "curves.csv"
    out.write_text("old")
    with pytest.raises(AlreadyExists, match=r"curves\.csv is there already.*--overwrite"):
        write_curves(HISTORY, out, overwrite=False)
    assert out.read_text() == "old"
    write_curves(HISTORY, out, overwrite=True)
    assert list(csv.reader(io.StringIO(out.read_text()))) == [COLUMNS, *ROWS]
    assert [path.name for path in tmp_path.iterdir()] == ["curves.csv"]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"neither \.csv nor \.xlsx"):
        write_curves(HISTORY, tmp_path / "curves.ods", overwrite=False)


def test_a_place_that_is_none_for_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"no folder .*not-there to write curves\.xlsx into; make it first"
    ):
        write_curves(HISTORY, tmp_path / "not-there" / "curves.xlsx", overwrite=False)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInput, match="is a folder"):
        write_curves(HISTORY, tmp_path / "folder.csv", overwrite=False)


def test_a_model_without_curves_writes_no_file(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "curves", "mito", "--out", str(tmp_path / "mito.xlsx")]) == 1
    assert "kept no curves" in capsys.readouterr().err
    assert not (tmp_path / "mito.xlsx").exists()


def test_the_command_keeps_a_file_that_is_there_unless_it_may_be_replaced(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = ModelLibrary(home / "models")
    drawn = library.get("mito")
    library.add({**drawn.record, "name": "trained", "history": HISTORY}, drawn.weights())
    out = tmp_path / "mito.csv"
    out.write_text("old")
    words = ["models", "curves", "trained", "--out", str(out)]
    assert cli.main(words) == 1
    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert cli.main([*words, "--overwrite"]) == 0
    assert list(csv.reader(io.StringIO(out.read_text()))) == [COLUMNS, *ROWS]

"""The figures of a training as a table: CSV, or an Excel workbook with a chart."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cristae.door.targets import check_target
from cristae.errors import InvalidInput, NotFound
from cristae.volumes.durable import replace_file

if TYPE_CHECKING:
    from cristae.models import ModelPackage

type History = Sequence[Mapping[str, Any]]

_DRAWN = ("loss", "validation_loss", "dice")


def history_of(model: "ModelPackage") -> History:
    """Return the figures that the model's training took: "step" and others by name, a mapping for each time.

    Raises
    ------
    NotFound
        The model has none.
    """
    history: History = model.record.get("history", [])
    if not history and model.record["network"].get("kind") == "forest":
        raise NotFound(f"The model '{model.name}' is a forest that was not validated: it has no curves.")
    if not history:
        raise NotFound(f"The model '{model.name}' was made by a version that kept no curves.")
    return history


def as_csv(history: History) -> str:
    """Return a line for each time that figures were taken.

    Examples
    --------
    >>> print(as_csv([{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.25, "dice": 0.75}]), end="")
    step,loss,dice
    10,0.5,
    20,0.25,0.75
    """
    text = io.StringIO()
    lines = csv.DictWriter(text, _columns(history), lineterminator="\n")
    lines.writeheader()
    lines.writerows(history)
    return text.getvalue()


def write_curves(history: History, out: Path, *, overwrite: bool) -> None:
    """Write the figures as the file's ending says, .csv or .xlsx.

    Parameters
    ----------
    history
        The figures.
    out
        The file.
    overwrite
        Replace it if it is there.

    Raises
    ------
    AlreadyExists
        The file is there, and `overwrite` is not set.
    InvalidInput
        The ending is another one, or the place is no place for a file.
    """
    if not out.absolute().parent.is_dir():
        raise InvalidInput(
            f"There is no folder {out.absolute().parent} to write {out.name} into; make it first."
        )
    if out.is_dir():
        raise InvalidInput(f"{out} is a folder. Choose another name for the file.")
    check_target(out, None, overwrite=overwrite)
    match out.suffix.lower():
        case ".csv":
            replace_file(out, as_csv(history).encode())
        case ".xlsx":
            replace_file(out, _as_workbook(history))
        case _:
            raise InvalidInput(f"{out} ends in neither .csv nor .xlsx, so it is not clear what to write.")


def _as_workbook(history: History) -> bytes:
    import xlsxwriter

    file, columns = io.BytesIO(), _columns(history)
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet, bold = book.add_worksheet("curves"), book.add_format({"bold": True})
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, len(columns) - 1, 16)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, bold)  # a string, also where it looks like a formula
        for row, values in enumerate(history, 1):
            for column, name in enumerate(columns):
                value = values.get(name)
                if isinstance(value, int | float) and math.isfinite(value):
                    sheet.write_number(row, column, value)
        chart = book.add_chart({"type": "scatter", "subtype": "straight"})
        chart.set_x_axis({"name": "step"})
        drawn = [column for column, name in enumerate(columns) if name in _DRAWN]
        for column in drawn:
            chart.add_series(
                {
                    "name": ["curves", 0, column],
                    "categories": ["curves", 1, 0, len(history), 0],
                    "values": ["curves", 1, column, len(history), column],
                }
            )
        if drawn:
            sheet.insert_chart(1, len(columns) + 1, chart)
    return file.getvalue()


def _columns(history: History) -> list[str]:
    return list(dict.fromkeys(["step", *(name for values in history for name in values)]))

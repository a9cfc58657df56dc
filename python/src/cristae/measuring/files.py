"""Tables as files: CSV, Excel and Parquet."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from io import FileIO
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from traceback import clear_frames
from typing import Any

from cristae.errors import InvalidInput, Unsupported
from cristae.measuring.table import Table
from cristae.volumes.durable import full_disk_told, replacing, write_all
from cristae.volumes.kinds import store_around

type OnRows = Callable[[float], None]
type _Writer = Callable[[Path, Mapping[str, Table], "_Counted"], None]

_TELL_EVERY_ROWS = 4096

EXCEL_ROWS = 2**20 - 1
"""Rows of a sheet below its header."""

_EXACT_IN_EXCEL = 10**15 - 1
"""Excel keeps 15 digits of a number; ids beyond are written as text."""


def check_form(path: Path) -> None:
    """Refuse a name that stands for no format, or for one that cannot be written here.

    Raises
    ------
    InvalidInput
        The ending is not .csv, .xlsx or .parquet, or there is no folder to write into.
    Unsupported
        Parquet needs a package that is not installed.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InvalidInput(
            f"{path} ends in neither .csv nor .xlsx nor .parquet: it is not clear what to write."
        )
    if not path.absolute().parent.is_dir():
        raise InvalidInput(
            f"There is no folder {path.absolute().parent} to write {path.name} into; make it first."
        )
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder. Choose another name for the file.")
    store = store_around(path)
    if store is not None:
        raise InvalidInput(f"The table {path} would lie in the image {store}. Choose another folder.")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise Unsupported(
            "Parquet files need the package pyarrow: run pip install pyarrow, or write a .csv instead."
        )
    _check_writable(path)


def _check_writable(path: Path) -> None:
    """Refuse a folder that nothing can be written into, and a table that another program keeps open."""
    folder = path.absolute().parent
    try:
        with TemporaryFile(dir=folder):
            pass
        if path.exists():
            with path.open("r+b"):
                pass
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written ({error.strerror}). Close the programs that show it, or choose "
            "another folder."
        ) from error


def files_of(path: Path, names: Sequence[str]) -> list[Path]:
    """Return the files that :func:`write_tables` makes of tables with these names.

    Examples
    --------
    >>> [file.name for file in files_of(Path("cells.csv"), ["objects", "contacts"])]
    ['cells.csv', 'cells-contacts.csv']
    """
    if path.suffix.lower() == ".xlsx":
        return [path]
    return [path, *(path.with_name(f"{path.stem}-{name}{path.suffix}") for name in names[1:])]


def write_tables(
    path: Path, tables: Mapping[str, Table | None], on_rows: OnRows = lambda done: None
) -> tuple[list[Path], list[str]]:
    """Write tables as the file's ending says, and return the files, and sentences about what is otherwise.

    Parameters
    ----------
    path
        ``.xlsx`` holds all tables as sheets; if one has more rows than Excel holds, all become ``.csv`` files
        of names that are free. A ``.csv`` or ``.parquet`` holds the first one; each further one goes into a
        file beside it, such as ``cells-contacts.csv``. Files that are there are replaced.
    tables
        By name; None is left out.
    on_rows
        Told now and then which share of the rows is written, 0 to 1 (not of Parquet, which is written at
        once); what it raises ends the writing, and all files that are there stay.

    Raises
    ------
    InvalidInput, Unsupported
        As :func:`check_form` says.
    DiskFull
        The disk has no space left.
    """
    check_form(path)
    there = {name: table for name, table in tables.items() if table is not None}
    sentences = []
    if path.suffix.lower() == ".xlsx" and any(len(table) > EXCEL_ROWS for table in there.values()):
        name, table = max(there.items(), key=lambda one: len(one[1]))
        book, path = path, _free_csv(path, list(there))
        sentences.append(
            f"The table of {name} has {len(table):,} rows, and Excel holds {EXCEL_ROWS:,}: {path.name} was "
            f"written instead of {book.name}."
        )
    files = files_of(path, list(there))
    write = _WRITERS[path.suffix.lower()]
    counted = _Counted(sum(map(len, there.values())), on_rows)
    books = [there] if path.suffix.lower() == ".xlsx" else [{name: there[name]} for name in there]
    with ExitStack() as all_or_none:  # tables of different runs do not belong together
        for file, held in zip(files, books, strict=True):
            all_or_none.enter_context(full_disk_told(file))
            write(all_or_none.enter_context(replacing(file)), held, counted)
    return files, sentences


def _free_csv(path: Path, names: Sequence[str]) -> Path:
    """Return a name like that of a file under which no table would replace another."""
    stems = chain([path.stem], (f"{path.stem}-{number}" for number in count(2)))
    places = (path.with_name(f"{stem}.csv") for stem in stems)
    return next(place for place in places if not any(file.exists() for file in files_of(place, names)))


class _Counted:
    """Counts the rows of all tables as they are written."""

    def __init__(self, count: int, on_rows: OnRows) -> None:
        self._count, self._done, self._on_rows = count, 0, on_rows

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a table, telling now and then how many of all there were."""
        for row in table.rows():
            if self._done % _TELL_EVERY_ROWS == 0:
                self._on_rows(self._done / self._count)
            self._done += 1
            yield row


def _write_csv(path: Path, tables: Mapping[str, Table], counted: _Counted) -> None:
    (table,) = tables.values()
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(table.names)
        lines.writerows(counted.rows(table))


class _TakesNoMore(FileIO):
    """A file that raises once when it cannot take something, and then takes everything, for nothing.

    A ZIP archive that could not be written tries to write its end again when it is thrown away, and Python
    would print that as a stack trace.
    """

    has_failed = False

    def write(self, data: Any) -> int:
        """Write all of it."""
        if not self.has_failed:
            try:
                write_all(self.fileno(), data)
            except OSError:
                self.has_failed = True
                raise
        return len(data)


def _write_excel(path: Path, tables: Mapping[str, Table], counted: _Counted) -> None:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    with TemporaryDirectory() as rows, _TakesNoMore(path, "w") as file:
        book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": rows})
        try:
            _fill(book, tables, counted)
            book.close()
        except BaseException as failure:
            for sheet in book.worksheets():
                sheet.row_data_fh.close()
            cause = failure.args[0] if isinstance(failure, FileCreateError) else failure
            clear_frames(cause.__traceback__)  # and with them the archive, while its file is open
            raise cause from None


def _fill(book: Any, tables: Mapping[str, Table], counted: _Counted) -> None:
    bold = book.add_format({"bold": True})
    for name, table in tables.items():
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, len(table.names) - 1, 16)
        for column, title in enumerate(table.names):
            sheet.write_string(0, column, title, bold)
        for row, values in enumerate(counted.rows(table), 1):
            for column, value in enumerate(values):
                if isinstance(value, int) and value > _EXACT_IN_EXCEL:
                    sheet.write_string(row, column, str(value))
                elif value is not None:
                    sheet.write_number(row, column, value)


def _write_parquet(path: Path, tables: Mapping[str, Table], counted: _Counted) -> None:
    import numpy as np
    import pyarrow
    import pyarrow.parquet

    (table,) = tables.values()
    columns: dict[str, Any] = {
        name: pyarrow.array(np.ma.getdata(values), mask=np.ma.getmaskarray(values))
        for name, values in table.columns.items()
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


_WRITERS: Mapping[str, _Writer] = {
    ".csv": _write_csv,
    ".xlsx": _write_excel,
    ".parquet": _write_parquet,
}

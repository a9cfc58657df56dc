"""The ledger: which tiles are written already, so that a prediction that was killed goes on where it was.

A file of JSON lines. The first says what is being predicted, and how; every further one names a tile that is
in the output, and how many of its voxels were no numbers, or to which shape tiles had to be cut when the
memory did not suffice for them. A line that a crash cut in half does not count.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cristae.events import Event, Note
from cristae.geometry import Triple
from cristae.volumes.durable import full_disk_told, write_all, write_file_durably

SCHEMA = 1

CHANGED_SINCE = (
    "The image, the model or a choice has changed since this prediction was begun: it begins anew, and what "
    "was done is not used."
)


@dataclass(frozen=True)
class How:
    """What a prediction chose when it began, and keeps to: the result must not tell of an interruption.

    Parameters
    ----------
    tile_zyx
        The shape of a tile; the numbers of tiles mean something for this shape only.
    engine
        What computes the network.
    cut_to_zyx
        The shape in which tiles are computed since the memory did not suffice for them; None if it did.
    """

    tile_zyx: Triple
    engine: str = "torch"
    cut_to_zyx: Triple | None = None


class Ledger:
    """Notes finished tiles on disk.

    Parameters
    ----------
    path
        The file; it is made if it is not there. None keeps no ledger.
    work
        What is being predicted: plain JSON values. If the file tells of other work, it starts anew.
    how
        Tile and engine; if the file tells of others, it starts anew.

    Attributes
    ----------
    done
        The numbers of the tiles that earlier attempts have finished.
    bad_voxels
        How many voxels of those tiles were no numbers in the image.
    cut_to_zyx
        See :class:`How`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tiles.jsonl"
    >>> with Ledger(path, {"model": "m"}, How((8, 64, 64))) as ledger:
    ...     ledger.note(3, bad_voxels=7)
    >>> again = Ledger(path, {"model": "m"}, How((8, 64, 64)))
    >>> again.done, again.bad_voxels
    (frozenset({3}), 7)
    >>> Ledger.begun(path, {"model": "m"})
    How(tile_zyx=(8, 64, 64), engine='torch', cut_to_zyx=None)
    """

    def __init__(self, path: Path | None, work: Mapping[str, Any], how: How) -> None:
        self._path = path
        self._header = _header(work, how)
        self._file: int | None = None
        self._bad_of, self.cut_to_zyx = self._read()
        self.done = frozenset(self._bad_of)
        self.bad_voxels = sum(self._bad_of.values())

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._path is not None

    def _read(self) -> tuple[dict[int, int], Triple | None]:
        """Return the finished tiles, how many voxels of each were no numbers, and what tiles are cut to."""
        lines = _lines(self._path)
        try:
            if not lines or json.loads(lines[0]) != self._header:
                return {}, None
            return _notes(lines[1:])
        except (ValueError, KeyError, TypeError, AttributeError):
            return {}, None

    @staticmethod
    def begun(path: Path | None, work: Mapping[str, Any]) -> How | None:
        """Return tile and engine of an earlier attempt at this work; None if there was none.

        The free memory may be another one now, and with another tile nothing that is done could be told.
        """
        try:
            first, *others = _lines(path)
            header = json.loads(first)
            how = How(_triple(header["tile_zyx"]), str(header.get("engine", "torch")), _notes(others)[1])
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return how if header == _header(work, how) else None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Written anew, so that half a line at the end can never run into the next one.
            lines: list[Mapping[str, Any]] = [self._header]
            if self.cut_to_zyx is not None:
                lines.append({"cut_to_zyx": self.cut_to_zyx})
            lines += [_note(number, bad) for number, bad in sorted(self._bad_of.items())]
            write_file_durably(self._path, b"".join(map(_line, lines)))
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        return self

    def note(self, number: int, bad_voxels: int = 0) -> None:
        """Note that this tile is in the output, safe against a power cut; on disk when this returns."""
        self._append(_note(number, bad_voxels))

    def note_cut(self, cut_to_zyx: Triple) -> None:
        """Note that the memory did not suffice for the tiles, and in which shape they are computed now."""
        self.cut_to_zyx = cut_to_zyx
        self._append({"cut_to_zyx": cut_to_zyx})

    def _append(self, note: Mapping[str, Any]) -> None:
        if self._file is not None:
            with full_disk_told(self._path):
                write_all(self._file, _line(note))
                os.fsync(self._file)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def finished_tiles(path: Path) -> int:
    """Count the tiles that a ledger calls finished; 0 if there is none.

    Examples
    --------
    >>> finished_tiles(Path("nowhere.jsonl"))
    0
    """
    return sum(b'"done"' in line for line in _lines(path)[1:])  # the first says what is being predicted


def forget_other(other: Path, on_event: Callable[[Event], None]) -> None:
    """Remove the ledger of the other way to predict, and say so if that costs anything.

    What it calls done is written over now. It is called when the own way is about to begin.

    Parameters
    ----------
    other
        That of units by several processes, where one process predicts tiles; or the other way round.
    on_event
        Told if something was done.
    """
    if finished_tiles(other):
        on_event(
            Note(
                "What was begun by one process cannot be gone on with by several, nor the other way round: "
                "it begins anew."
            )
        )
    other.unlink(missing_ok=True)


def _header(work: Mapping[str, Any], how: How) -> dict[str, Any]:
    header = {"ledger": SCHEMA, "work": json.loads(json.dumps(work)), "tile_zyx": list(how.tile_zyx)}
    return header if how.engine == "torch" else header | {"engine": how.engine}  # older ledgers have none


def _note(number: int, bad_voxels: int) -> dict[str, int]:
    return {"done": number} | ({"bad": bad_voxels} if bad_voxels else {})


def _notes(lines: Sequence[bytes]) -> tuple[dict[int, int], Triple | None]:
    """Return what the lines behind the first one say; raise ValueError or its like if that is nothing."""
    bad_of: dict[int, int] = {}
    cut_to_zyx = None
    for note in map(json.loads, lines):
        if "cut_to_zyx" in note:
            cut_to_zyx = _triple(note["cut_to_zyx"])
        else:
            bad_of[int(note["done"])] = int(note.get("bad", 0))
    return bad_of, cut_to_zyx


def _triple(sides: Sequence[Any]) -> Triple:
    z, y, x = (int(side) for side in sides)
    return z, y, x


def _lines(path: Path | None) -> list[bytes]:
    """Return the whole lines of the file; behind the last newline lies nothing, or half a line."""
    if path is None or not path.exists():
        return []
    return path.read_bytes().split(b"\n")[:-1]


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"

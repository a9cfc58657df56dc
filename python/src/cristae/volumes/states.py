"""What tells a file or folder from what it was before somebody changed it, without reading its bytes."""

import hashlib
import heapq
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from cristae.errors import InvalidInput, LimitExceeded
from cristae.volumes.kinds import N5_MARK, SLICES, ZARR_MARKS

_LEFT_ABOUT = (".DS_Store", "Thumbs.db", "desktop.ini")
MOST_STATED_FILES = 4_000_000
"""Of an image in more files than this nobody can say in reasonable time whether it is still the same."""


def state_of(
    place: Path, most_files: int = MOST_STATED_FILES, is_over: Callable[[], bool] = lambda: False
) -> str:
    """Return 64 hex digits that tell a file or folder from what it was before it was changed.

    They are made of the sizes and times of change of its files, not of their bytes.

    Parameters
    ----------
    place
        A file; a store, with all that lies below it; or a folder of slices.
    most_files
        Look at so many files only, the uppermost first.
    is_over
        Asked at every entry of a folder: whether there is no more time.

    Raises
    ------
    InvalidInput
        It holds a link or something else that is no file: reading might lead outside, or wait for ever.
    LimitExceeded
        It holds more than :data:`MOST_STATED_FILES`, or there was no more time.
    OSError
        It went away, or may not be read.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.tif"
    >>> _ = file.write_bytes(b"II"); before = state_of(file)
    >>> _ = file.write_bytes(b"II*"); state_of(file) == before
    False
    """
    state = hashlib.sha256()
    for count, (name, size, changed_ns) in enumerate(_files_of(place, most_files + 1, is_over)):
        if count >= most_files:
            if most_files == MOST_STATED_FILES:
                raise LimitExceeded(
                    f"{place.name} lies in more than {MOST_STATED_FILES:,} files. Store it in larger chunks, "
                    "or in shards."
                )
            break
        state.update(f"{name}\0{size}\0{changed_ns}\n".encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def is_store(place: Path) -> bool:
    """Tell whether a folder is a Zarr or N5 store, or an array or group in one."""
    return any((place / mark).is_file() for mark in (*ZARR_MARKS, N5_MARK))


def _files_of(place: Path, most: int, is_over: Callable[[], bool]) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and time of change of a file, or of those of a folder that are read as its image."""
    if not place.is_dir():
        found = place.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidInput(f"{place.name} is a link or no plain file; the data root offers files only.")
        yield "", found.st_size, found.st_mtime_ns
        return
    are_slices = not is_store(place)
    level = [("", str(place))]
    while level:
        deeper = []
        for prefix, folder in level:
            for entry in _entries_of(folder, most, is_over, _is_slice if are_slices else _is_of_store):
                if entry.is_dir(follow_symlinks=False) and not entry.is_junction():
                    deeper.append((f"{prefix}{entry.name}/", entry.path))
                elif entry.is_file(follow_symlinks=False):
                    about = entry.stat(follow_symlinks=False)
                    yield prefix + entry.name, about.st_size, about.st_mtime_ns
                else:
                    raise InvalidInput(
                        f"{place.name} holds {entry.name}, which is a link or no plain file. Under a "
                        "data root an image must lie whole where it is."
                    )
        level = [] if are_slices else deeper


def _entries_of(
    folder: str, most: int, is_over: Callable[[], bool], is_meant: Callable[[str], bool]
) -> list[os.DirEntry[str]]:
    """Return the first entries of a folder, without keeping all of the millions that it may hold."""

    def meant(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        for entry in entries:
            if is_over():
                raise LimitExceeded(f"{Path(folder).name} holds more than can be looked through in time.")
            if is_meant(entry.name):
                yield entry

    with os.scandir(folder) as entries:
        return heapq.nsmallest(most, meant(entries), key=lambda one: one.name)


def _is_slice(name: str) -> bool:
    """Tell whether a folder of slices reads a file of this name."""
    return name.lower().endswith(SLICES) and not name.startswith(".")


def _is_of_store(name: str) -> bool:
    """Tell whether a name is not one of those that file browsers and file servers leave about."""
    return name not in _LEFT_ABOUT and not name.startswith(("._", ".nfs"))

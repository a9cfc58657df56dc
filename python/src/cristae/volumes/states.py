"""What tells a file or folder from what it was before somebody changed it, without reading its bytes."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cristae.errors import InvalidInput, LimitExceeded

MOST_STATED_FILES = 4_000_000
"""Of an image in more files than this nobody can say in reasonable time whether it is still the same."""


def state_of(place: Path, most_files: int = MOST_STATED_FILES) -> str:
    """Return 64 hex digits that tell a file or folder from what it was before it was changed.

    They are made of the sizes and times of change of its files, not of their bytes.

    Parameters
    ----------
    place
        A file, or a folder with all that lies below it.
    most_files
        Look at so many files only, the uppermost first.

    Raises
    ------
    InvalidInput
        It holds a link or something else that is no file: reading might lead outside, or wait for ever.
    LimitExceeded
        It holds more than :data:`MOST_STATED_FILES`.
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
    for count, (name, size, changed_ns) in enumerate(_files_below(place)):
        if count >= most_files:
            if most_files == MOST_STATED_FILES:
                raise LimitExceeded(
                    f"{place.name} lies in more than {MOST_STATED_FILES:,} files. Store it in larger chunks, "
                    "or in shards."
                )
            break
        state.update(f"{name}\0{size}\0{changed_ns}\n".encode("utf-8", "surrogateescape"))
    return state.hexdigest()


def _files_below(place: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and time of change of a file, or of all files of a folder, level by level."""
    if not place.is_dir():
        found = place.stat(follow_symlinks=False)
        yield "", found.st_size, found.st_mtime_ns
        return
    level = [("", str(place))]
    while level:
        deeper = []
        for prefix, folder in level:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda one: one.name):
                    if entry.is_dir(follow_symlinks=False):
                        deeper.append((f"{prefix}{entry.name}/", entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        about = entry.stat(follow_symlinks=False)
                        yield prefix + entry.name, about.st_size, about.st_mtime_ns
                    else:
                        raise InvalidInput(
                            f"{place.name} holds {entry.name}, which is a link or no plain file. Under a "
                            "data root an image must lie whole where it is."
                        )
        level = deeper

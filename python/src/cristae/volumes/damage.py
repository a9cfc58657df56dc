"""Sealed volumes that were found damaged: noted when a read meets it, replaced when they are made again.

To look at every chunk whenever an image is sent would read the whole disk; so the read that fails leaves a
note in the volume's folder, and whoever sends or computes the same volume again finds it.  What is sound in
it can be read until then.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cristae.errors import CorruptData, DiskFull, NotFound
from cristae.volumes.durable import fsync_folder, read_file, remove_folder, replace_file
from cristae.volumes.stored import StoredVolume

_NOTE = "damaged"
_ASIDE = ".replaced"


def open_noting_damage(folder: Path, name: str = "") -> StoredVolume:
    """Open a sealed volume of the store; a read that meets damage leaves a note in its folder."""
    volume = StoredVolume(folder, name, on_damage=lambda: _note(volume))
    return volume


def sound_volume(folder: Path) -> StoredVolume | None:
    """Return a sealed volume, or None if there is none or damage of it is known."""
    try:
        volume = open_noting_damage(folder)
    except (NotFound, CorruptData):
        return None
    return None if _is_noted(volume) else volume


def put_aside(folder: Path, trash: Path) -> Path:
    """Take a damaged volume out of the way of its successor; `put_back` undoes it if none comes."""
    aside = folder.with_name(folder.name + _ASIDE)
    remove_folder(aside, trash)
    with contextlib.suppress(FileNotFoundError):  # Somebody deleted it meanwhile.
        folder.rename(aside)
        fsync_folder(folder.parent)
    return aside


def put_back(volumes: Path) -> Iterator[Path]:
    """Undo what a process that was killed while it replaced a volume left; yield what is not needed."""
    for aside in volumes.glob(f"*{_ASIDE}"):
        try:
            aside.rename(aside.with_suffix(""))
        except FileNotFoundError:
            continue  # Its owner has just finished.
        except OSError:
            yield aside  # The successor is there.
        else:
            fsync_folder(volumes)


def _note(volume: StoredVolume) -> None:
    # A disk that takes no note is told of by everything else.
    with contextlib.suppress(OSError, DiskFull):
        replace_file(volume.folder / _NOTE, _mark_of(volume))


def _is_noted(volume: StoredVolume) -> bool:
    try:
        return read_file(volume.folder / _NOTE) == _mark_of(volume)
    except FileNotFoundError:
        return False


def _mark_of(volume: StoredVolume) -> bytes:
    """Return what tells this volume from a successor: a slow reader of the old one must not slander it."""
    return repr(volume.created_s).encode()

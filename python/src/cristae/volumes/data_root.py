"""The data root: a folder whose images the server's owner offers, without anybody sending them.

Nothing is opened here. The folder is listed, within bounds; what a file holds, a child process tells
(:mod:`cristae.volumes.reader`). No link is followed: what one points to inside the folder is listed where it
lies, and outside is outside.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cristae.errors import InvalidInput, LimitExceeded, NotFound
from cristae.volumes.kinds import HDF5, MRC, NIFTI, SLICES, natural, numbers_of
from cristae.volumes.states import is_store, state_of

LISTED_FILES = 2_000
"""Of so many files of an image its state in a list is made."""
_LONGEST_NAME = 512
_FILES = (*SLICES, *HDF5, *MRC, *NIFTI)

Kind = Literal["file", "store", "slices"]


@dataclass(frozen=True)
class Candidate:
    """Something that may be an image, by its name alone; ``state`` is that of its first files."""

    name: str
    kind: Kind
    state: str


@dataclass(frozen=True)
class Bounds:
    """How much of a folder is listed: images, entries of folders, levels below it, seconds."""

    images: int = 20_000
    entries: int = 1_000_000
    levels: int = 12
    seconds: float = 20.0


class DataRoot:
    """A folder with images that remote users may read.

    Parameters
    ----------
    folder
        It must be there. A link is resolved once, now.

    Raises
    ------
    InvalidInput
        It is no folder, or the root of the disk.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.tif").write_bytes(b"II")
    >>> [found.name for found in DataRoot(folder).candidates().found]
    ['a.tif']
    >>> DataRoot(folder).place("../secret.tif")
    Traceback (most recent call last):
        ...
    cristae.errors.NotFound: There is no '../secret.tif' under the server's data root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        if not self.folder.is_dir():
            raise InvalidInput(f"The data root {folder.name} is not a folder. Give one that is there.")
        if self.folder == Path(self.folder.anchor):
            raise InvalidInput(
                f"The data root {folder} is the root of the disk, which would offer every image on it. Give "
                "the folder of the images that others may use."
            )

    def place(self, name: str) -> Path:
        """Return where something of this name lies, after all links are resolved.

        Raises
        ------
        NotFound
            It is not there, or not under the data root.
        """
        missing = NotFound(f"There is no {name!r} under the server's data root.")
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise missing
        place = self.folder.joinpath(*parts)
        # Equal only if no part is a link: what lies behind one may change under our hands.
        if not place.exists() or Path(os.path.realpath(place)) != place:
            raise missing
        return place

    def candidates(self, bounds: Bounds | None = None) -> "Listing":
        """List what may be images, by name, in the order of :func:`place_in_order`."""
        walk = _Walk(self.folder, bounds or Bounds())
        return Listing(tuple(walk.found()), tuple(walk.said()))

    def files_of(self, folder: Candidate) -> list[Candidate]:
        """Return the files of a folder that turned out to hold stacks instead of slices.

        One whose state cannot be told, because it went away or may not be read, is left out.
        """
        place = self.place(folder.name)
        with os.scandir(place) as entries:
            files = [one for one in entries if _is_plain(one, SLICES)]
        files.sort(key=lambda one: place_in_order(one.name))
        found = []
        for one in files:
            name = f"{folder.name}/{one.name}"
            if can_be_said(name):
                with contextlib.suppress(OSError):
                    found.append(Candidate(name, "file", state_of(Path(one.path))))
        return found


@dataclass(frozen=True)
class Listing:
    """What may be images, and what is to be told about the search."""

    found: tuple[Candidate, ...]
    notes: tuple[str, ...]


class _Walk:
    """One look through a folder."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self._folder, self._bounds = folder, bounds
        self._deadline = time.monotonic() + bounds.seconds
        self._entries = self._images = self._links = self._unread = self._unsaid = 0
        self._cut = self._is_too_deep = False

    def found(self) -> Iterator[Candidate]:
        yield from self._below(self._folder, "", self._bounds.levels)

    def said(self) -> Iterator[str]:
        if self._cut or self._is_too_deep:
            yield (
                "Not everything is listed: the data root holds more files, or deeper folders, than this "
                "server looks through. Its owner can choose a smaller folder."
            )
        if self._links:
            yield f"{self._links} links under the data root were left out: links are not followed."
        if self._unread:
            yield f"{self._unread} folders or files under the data root may not be read by the server."
        if self._unsaid:
            yield f"{self._unsaid} names under the data root were left out: too long, or no plain text."

    def _below(self, folder: Path, prefix: str, levels: int) -> Iterator[Candidate]:
        """Yield what lies in a folder and below it, names in natural order."""
        entries = self._entries_of(folder)
        plain = [one for one in entries if _is_plain(one, SLICES)]
        are_slices = len(plain) > 1 and bool(numbers_of([one.name for one in plain]))
        if are_slices and prefix:
            yield from self._candidate(folder, prefix.rstrip("/"), "slices")
        for entry in entries:
            name = prefix + entry.name
            if self._is_over():
                return
            place = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                is_image = self._answer(is_store, place)
                if is_image:
                    yield from self._candidate(place, name, "store")
                elif levels <= 1:
                    self._is_too_deep = True
                elif is_image is not None:
                    yield from self._below(place, f"{name}/", levels - 1)
            elif _is_plain(entry, _FILES) and not (are_slices and prefix and _is_plain(entry, SLICES)):
                yield from self._candidate(place, name, "file")

    def _entries_of(self, folder: Path) -> list[os.DirEntry[str]]:
        kept = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._is_over():
                        break
                    if self._answer(self._is_kept, entry):
                        kept.append(entry)
        except OSError:
            self._unread += 1
        return sorted(kept, key=lambda one: place_in_order(one.name))

    def _is_kept(self, entry: os.DirEntry[str]) -> bool:
        """Tell whether an entry is looked at; what it is, it knows from then on without asking the disk."""
        if entry.is_symlink() or entry.is_junction():
            self._links += 1
            return False
        is_something = entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
        return is_something and not entry.name.startswith(".")

    def _answer[T](self, question: Callable[[T], bool], about: T) -> bool | None:
        """Return what the disk answers; None, and it is counted, if it refuses or fails to."""
        try:
            return question(about)
        except OSError:
            self._unread += 1
            return None

    def _candidate(self, place: Path, name: str, kind: Kind) -> Iterator[Candidate]:
        if not can_be_said(name):
            self._unsaid += 1
            return
        try:
            state = state_of(place, LISTED_FILES, self._is_over)
        except LimitExceeded:  # no more time
            return
        except OSError:
            self._unread += 1
            return
        except InvalidInput:  # told when it is looked into
            state = ""
        self._images += 1
        yield Candidate(name, kind, state)

    def _is_over(self) -> bool:
        bounds = self._bounds
        self._cut = (
            self._cut
            or self._images >= bounds.images
            or self._entries > bounds.entries
            or time.monotonic() > self._deadline
        )
        return self._cut


def place_in_order(name: str) -> list[tuple[list[tuple[int, int | str]], str]]:
    """Return a key that sorts names folder by folder, and numbers in them by their value.

    Examples
    --------
    >>> sorted(["b/s10.tif", "b/s9.tif", "b", "a.tif"], key=place_in_order)
    ['a.tif', 'b', 'b/s9.tif', 'b/s10.tif']
    """
    return [(natural(part), part) for part in name.split("/")]


def _is_plain(entry: os.DirEntry[str], endings: tuple[str, ...]) -> bool:
    """Tell whether an entry is a file, no link and no pipe, with one of these endings."""
    return (
        not entry.name.startswith(".")
        and entry.name.lower().endswith(endings)
        and entry.is_file(follow_symlinks=False)
    )


def can_be_said(name: str) -> bool:
    """Tell whether a name can travel: a text of bounded length."""
    return len(name) <= _LONGEST_NAME and name.isprintable() and "\\" not in name

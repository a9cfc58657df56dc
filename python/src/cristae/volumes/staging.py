"""A file on its way: made in a folder beside its target, so that the last step is a rename."""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from cristae.errors import AlreadyExists, CorruptData, InvalidInput
from cristae.locking import FileLock
from cristae.volumes.durable import (
    NOT_WRITABLE,
    fsync_file,
    fsync_folder,
    full_disk_told,
    is_real_folder,
    remove_folder,
    write_file_durably,
)
from cristae.volumes.records import read_record

_NOTE, _ASIDE = "output.json", "replaced"


def is_taken(target: Path) -> bool:
    """Tell whether something lies at a place that would be lost there; an empty folder is nothing to lose."""
    return target.exists() and not (is_real_folder(target) and not any(target.iterdir()))


def staging_folder(target: Path) -> Path:
    """Return where an output is made until it is complete."""
    return target.with_name(f".{target.name}.partial")


def was_begun(target: Path) -> bool:
    """Tell whether an earlier process left something unfinished for this place."""
    return (staging_folder(target.absolute()) / _NOTE).is_file()


def check_folder(target: Path) -> None:
    """Refuse a file or folder that cannot be made where it should be, without making anything.

    Raises
    ------
    InvalidInput
        The folder around it is not there or not writable.
    """
    place = target.absolute().parent
    if not place.is_dir():
        raise InvalidInput(f"There is no folder {place} to write {target.name} into; make it first.")
    if not os.access(place, os.W_OK):
        raise InvalidInput(_closed_told(place))


def _closed_told(place: Path) -> str:
    return f"{place} may not be written to by this user, or its disk is read-only; choose another folder."


class StagedTarget:
    """A place beside the target of an output.

    Parameters
    ----------
    target
        The final path.
    note
        What is being written, as plain JSON values; an unfinished output is taken up only under the same
        note.
    overwrite
        Whether an existing target may be replaced at the end; an empty folder may be in any case.
    resume
        Whether to go on with what an earlier process left.

    Raises
    ------
    AlreadyExists
        The target is there, and `overwrite` is false.
    InvalidInput
        The folder of the target is not there or not writable.
    Busy
        Another process writes to this target.
    """

    def __init__(self, target: Path, note: dict[str, Any], *, overwrite: bool, resume: bool) -> None:
        self.target = target.absolute()
        self._overwrite = overwrite
        self._check_free()
        check_folder(self.target)
        self.folder = self.target.with_name(f".{target.name}.partial")
        busy = f"Another process is writing {target.name}; wait until it has ended, or write to another name."
        with full_disk_told(self.folder):
            was_there = self.folder.is_dir()
            try:
                self.folder.mkdir(exist_ok=True)
            except OSError as error:
                if error.errno not in NOT_WRITABLE:
                    raise
                raise InvalidInput(_closed_told(self.target.parent)) from error
            self._lock = FileLock(self.folder / "lock", busy).acquire()
            self._is_held = True
            try:
                self._put_back()
                self._check_free()
                self._forget_replaced()
                self.resumed = resume and self._note() == note
                if not self.resumed:
                    self._empty()
                    write_file_durably(self.folder / _NOTE, json.dumps(note).encode())
            except BaseException:
                self._lock.release()
                if not was_there:
                    shutil.rmtree(self.folder, ignore_errors=True)
                raise

    def finish(self, made: str) -> None:
        """Give what was made in the folder the target's name."""
        staged = self.folder / made
        if not staged.is_dir():
            fsync_file(staged)
        self._check_free()
        if is_real_folder(self.target):
            # A folder cannot be replaced in one step; the old one is put aside first and lost only at the
            # end.
            self.target.rename(self.folder / _ASIDE)
            try:
                staged.rename(self.target)
            except BaseException:
                self._put_back()
                raise
        elif staged.is_dir():
            self.target.unlink(missing_ok=True)
            staged.rename(self.target)
        else:
            staged.replace(self.target)
        fsync_folder(self.target.parent)
        self.discard()

    def _put_back(self) -> None:
        """Give the old folder its name again if a process was killed before the new one had it."""
        aside = self.folder / _ASIDE
        if is_real_folder(aside) and not is_taken(self.target):
            aside.rename(self.target)
            fsync_folder(self.target.parent)

    def _forget_replaced(self) -> None:
        """Remove the old folder if a process was killed when the new one had its name already."""
        aside = self.folder / _ASIDE
        if is_real_folder(aside):
            shutil.rmtree(aside)

    def forbid_resuming(self) -> None:
        """From here on an interrupted output has to begin anew."""
        (self.folder / _NOTE).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folder, and leave what is in it to another attempt."""
        self._is_held = False
        self._lock.release()

    def discard(self) -> None:
        """Remove the folder and what is in it, unless it was let go of: it may be another one's by now."""
        if not self._is_held:
            return
        self._is_held = False
        self._lock.release()
        with contextlib.suppress(OSError):
            remove_folder(self.folder, self.target.parent)

    def _check_free(self) -> None:
        if is_taken(self.target) and not self._overwrite:
            raise AlreadyExists(
                f"{self.target.name} is there already; choose another name, or say that it may be "
                "overwritten."
            )

    def _note(self) -> Any:
        try:
            return read_record(self.folder / _NOTE)
        except CorruptData:
            return None

    def _empty(self) -> None:
        for entry in self.folder.iterdir():
            if is_real_folder(entry):
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

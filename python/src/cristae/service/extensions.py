"""Which names the owner of the home added, found without running the owner's files in the server."""

import asyncio
import contextlib
import logging
from pathlib import Path

from cristae.errors import InvalidInput
from cristae.extensions import OWN_NAMES, announce, names_of
from cristae.service.asking import FAILURES, ask_worker, last_words
from cristae.settings import Home

_log = logging.getLogger(__name__)


class Extensions:
    """What the owner of a home added, as far as this server knows; jobs that name anything else are refused.

    If a file has an error, jobs that name anything added are refused with the sentence that says so.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: tuple[str, ...] = ()

    @property
    def state(self) -> tuple[str, ...]:
        """Files and their state as they were at the last look; another one means that something changed."""
        return self._known

    async def look(self) -> None:
        """Find out which names there are, if a file has come, changed or gone since the last look."""
        there = await asyncio.to_thread(_state_of, self._home.extensions)
        if there != self._known:
            await asyncio.to_thread(_ask_child, self._home)
            self._known = there


def _state_of(folder: Path) -> tuple[str, ...]:
    """Tell the files of a folder, their state and their owners from other ones; empty if there are none."""
    files = sorted(folder.glob("*.py"))
    told = []
    for path in (folder, *files) if files else ():
        with contextlib.suppress(FileNotFoundError):  # it went away just now
            found = path.stat()
            changed = f"{found.st_size} {found.st_mtime_ns}" if path in files else ""
            told.append(f"{path.name} {found.st_uid} {found.st_mode} {changed}")
    return tuple(told)


def _ask_child(home: Home) -> None:
    try:
        found = ask_worker("--home", str(home.root), "--extensions")
    except FAILURES as error:
        _log.exception("The extensions could not be looked at. %s", last_words(error))
        found = "The extensions of this server could not be looked at. Its owner finds the reason in its log."
    if isinstance(found, str):
        _log.warning("%s", found)
    else:
        _log.info("Extensions: %s", found)
    announce(found)


def added_features() -> tuple[str, ...]:
    """Return what was added as words of the contract's features: "loss.mostly_dice"."""
    try:
        return tuple(f"{kind}.{name}" for kind in OWN_NAMES for name in names_of(kind))
    except InvalidInput:  # told to whoever asks for one of them
        return ()

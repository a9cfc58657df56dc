"""Which names the owner of the home added, found without running the owner's files in the server."""

import asyncio
import json
import logging
import subprocess
import sys

from cristae.errors import InvalidInput
from cristae.extensions import OWN_NAMES, announce, names_of
from cristae.service.house import House
from cristae.settings import Home

_log = logging.getLogger(__name__)

_LONGEST_LOOK_S = 60.0


async def look_for_extensions(house: House) -> None:
    """Find out which names there are, once, at the start of the server; jobs that name others are refused.

    If a file has an error, jobs that name anything added are refused with the sentence that says so.
    """
    try:
        await asyncio.to_thread(_ask_child, house.home)
    finally:
        house.extensions_known.set()


def _ask_child(home: Home) -> None:
    if not any(home.extensions.glob("*.py")):
        return
    try:
        answer = subprocess.run(  # noqa: S603 - our own worker
            [sys.executable, "-m", "cristae.worker", "--home", str(home.root), "--extensions"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_LOOK_S,
            check=True,
        )
        found = json.loads(answer.stdout.splitlines()[-1])  # the owner's files may have printed something
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
        _log.exception("The extensions could not be looked at. %s", (said or b"").decode(errors="replace"))
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

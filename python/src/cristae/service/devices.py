"""What the server can compute on, found without loading torch into the server."""

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from cristae.service.asking import ask_worker, last_words

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 600.0


@dataclass(frozen=True)
class Device:
    """A place to compute: the name to ask for, words for people, memory in bytes."""

    name: str
    description: str
    memory_bytes: int


def cpu() -> Device:
    """Return the CPU.

    Examples
    --------
    >>> cpu().name
    'cpu'
    """
    threads = os.cpu_count() or 1
    plural = "s" if threads > 1 else ""
    return Device("cpu", f"CPU, {threads} thread{plural}", psutil.virtual_memory().total)


class Devices:
    """The devices of this machine; the CPU at once, GPUs as soon as a child process has asked torch for them.

    Attributes
    ----------
    known
        The devices found so far, fastest first.
    complete
        False while GPUs are there perhaps, because the last look for them failed.
    """

    def __init__(self) -> None:
        self.known: tuple[Device, ...] = (cpu(),)
        self.complete = True
        self._found = asyncio.Event()

    async def find(self) -> None:
        """Look for GPUs once."""
        try:
            if _has_driver():
                self.known = (*await asyncio.to_thread(_ask_torch), cpu())
            self.complete = True
        except Exception as error:
            _log.exception("Looking for GPUs failed; the CPU is used meanwhile. %s", last_words(error))
            self.complete = False
        self._found.set()

    async def keep_looking(
        self, on_change: Callable[["Devices"], Awaitable[None]], pause_s: float = _FIRST_PAUSE_S
    ) -> None:
        """Look for GPUs until a look succeeds: at the start of a computer their driver may not be ready.

        Parameters
        ----------
        on_change
            Called after every look.
        pause_s
            Before the second look; every further pause is twice as long.
        """
        while True:
            await self.find()
            await on_change(self)
            if self.complete:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def names(self) -> list[str]:
        """Return the names of all devices, after the search for GPUs."""
        await self._found.wait()
        return [device.name for device in self.known]


def _has_driver() -> bool:
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    signs = (Path("/proc/driver/nvidia"), Path("/dev/nvidia0"), Path("/dev/dxg"))
    return shutil.which("nvidia-smi") is not None or any(path.exists() for path in signs)


def _ask_torch() -> list[Device]:
    return [Device(**record) for record in ask_worker("--gpus")]

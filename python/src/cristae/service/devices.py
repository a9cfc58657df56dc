"""What the server can compute on, found without loading torch into the server."""

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

_log = logging.getLogger(__name__)

_LONGEST_LOOK_S = 60.0


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
    """

    def __init__(self) -> None:
        self.known: tuple[Device, ...] = (cpu(),)
        self._found = asyncio.Event()

    async def find(self) -> None:
        """Look for GPUs."""
        try:
            if _has_driver():
                self.known = (*await asyncio.to_thread(_ask_torch), cpu())
        except Exception:
            _log.exception("Looking for GPUs failed; only the CPU is used")
        self._found.set()

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
    answer = subprocess.run(
        [sys.executable, "-m", "cristae.worker", "--gpus"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LONGEST_LOOK_S,
        check=True,
    )
    return [Device(**record) for record in json.loads(answer.stdout)]

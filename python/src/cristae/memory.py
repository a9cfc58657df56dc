"""How much memory a process may still take: of the machine's, or of what a batch system gives it.

A group of processes on Linux (cgroup) can have a limit of its own; beyond it, the system kills.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

_WORDS_OF_TORCH = ("can't allocate memory", "DefaultCPUAllocator")


class _Names(NamedTuple):
    limit: str
    used: str
    reclaimable: str


_FIRST_VERSION = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_SECOND_VERSION = _Names("memory.max", "memory.current", "inactive_file")


def available_bytes() -> int:
    """Return how much memory this process may still take, without swapping.

    Examples
    --------
    >>> 0 <= available_bytes() <= psutil.virtual_memory().total
    True
    """
    return max(0, min([psutil.virtual_memory().available, *left_in_groups(_GROUPS, _OWN)]))


def ran_out(error: BaseException) -> bool:
    """Tell whether something failed for want of memory, of this machine or of its GPU.

    torch, which raises errors of its own, is not loaded for that: on a CPU they are plain RuntimeErrors.

    Examples
    --------
    >>> ran_out(MemoryError()), ran_out(ValueError())
    (True, False)
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS_OF_TORCH)


def left_in_groups(groups: Path, own: Path) -> Iterator[int]:
    """Yield the bytes that are left in each group of this process that has a limit.

    Parameters
    ----------
    groups
        Where the system shows all groups, as folders in each other.
    own
        Tells in which of them this process is.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:  # another system
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        root, names = (groups / "memory", _FIRST_VERSION) if kinds else (groups, _SECOND_VERSION)
        innermost = root / path.lstrip("/")
        for folder in (innermost, *innermost.parents):
            yield from _left_in(folder, names)
            if folder == root:
                break


def _left_in(folder: Path, names: _Names) -> Iterator[int]:
    """Yield what is left in a group, if it has a limit. Files that are only cached do not count as used."""
    try:
        limit, used = (int((folder / name).read_text()) for name in names[:2])
        held = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines())
        yield limit - used + int(held.get(names.reclaimable, 0))
    except (OSError, ValueError):  # no such group here, or none with a limit ("max")
        return

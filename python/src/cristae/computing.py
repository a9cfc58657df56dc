"""How a process that computes behaves on its machine. Loaded before torch, and without it.

Two things that the libraries below torch do on Linux cost much and bring little:

- Threads that wait for each other spin instead of sleeping. Beside any other busy program, such as Fiji on
  the same laptop, they take the processor away from the very thread that they wait for: a step of a training
  then took up to four times as long, and on an idle machine it is hardly shorter.
- The C library returns every large array to the system as soon as it is freed, and is given fresh pages for
  the next one, which the system must clear and map one by one. Pages of 2 MiB instead of 4 KiB make that half
  as long. Keeping what was freed avoids it, but the memory in between fills up with gaps: a training, whose
  needs do not depend on the size of the image, does that; a prediction, which must get along with the same
  memory for images of any size, does not.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Of mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8
_MOST = 2**31 - 1
_MIB = 1 << 20


@dataclass(frozen=True)
class Launch:
    """Which of several processes of one training this is, as ``torchrun`` started them.

    Attributes
    ----------
    number, processes
        Its number among all of them, from 0, and how many they are.
    number_here, processes_here
        The same on this machine.
    """

    number: int
    processes: int
    number_here: int
    processes_here: int


def launched() -> Launch | None:
    """Return how ``torchrun`` started this process beside others, or None for one that is alone.

    Examples
    --------
    >>> launched() is None
    True
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    launch = Launch(*(int(os.environ[name]) for name in names))
    return launch if launch.processes > 1 else None


def prepare_to_compute() -> None:
    """Let threads sleep while they wait, large tensors lie in large pages, and all threads share one heap.

    For a process of our own, before it loads torch. What the environment says wins.

    Examples
    --------
    >>> prepare_to_compute()
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it; NumPy asks for them by itself
    _allocate({_ARENA_MAX: 1})  # each further heap keeps gaps of its own


def prepare_to_train() -> None:
    """Prepare to compute, and keep up to 2 GiB of freed memory for the next arrays.

    Examples
    --------
    >>> prepare_to_train()
    """
    prepare_to_compute()
    _allocate({_MMAP_MAX: 0, _TRIM_THRESHOLD: _MOST, _TOP_PAD: 64 * _MIB})


def prepare_to_pass_blocks() -> None:
    """Keep some 32 MiB of freed memory: enough for the blocks on their way through a server.

    Examples
    --------
    >>> prepare_to_pass_blocks()
    """
    _allocate({_MMAP_THRESHOLD: 16 * _MIB, _TRIM_THRESHOLD: 32 * _MIB})


def give_memory_back() -> None:
    """Give freed memory back to the system now, where it was kept for the next arrays.

    Examples
    --------
    >>> give_memory_back()
    """
    trim = _of_the_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def _allocate(choices: dict[int, int]) -> None:
    """Set choices of the allocator of the GNU C library; others are left alone."""
    mallopt = _of_the_c_library("mallopt")
    if mallopt is not None:
        for name, value in choices.items():
            mallopt(name, value)


def _of_the_c_library(name: str) -> Callable[..., Any] | None:
    """Return a function that only the GNU C library has, which only Linux uses."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None

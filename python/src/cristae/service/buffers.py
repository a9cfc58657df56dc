"""Keeping the memory of blocks for the next blocks."""

import ctypes
import sys

from cristae.settings import MIB

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8


def keep_buffers() -> None:
    """Tell glibc to keep freed buffers of the size of blocks; elsewhere do nothing.

    By default it gives each back to the system and asks for it again, zeroed page by page, which took a
    third of the server's time in `benchmarks/transfer.py`. At most 32 MiB in each of two arenas stay unused.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        for parameter, value in (
            (_MMAP_THRESHOLD, 8 * MIB),
            (_TRIM_THRESHOLD, 32 * MIB),
            (_TOP_PAD, 8 * MIB),
            (_ARENA_MAX, 2),
        ):
            mallopt(parameter, value)

"""Ctrl-C and TERM as a polite request: the work saves what it has; a second one ends it at once.

USR1 is another one, to a training: it ends early and keeps the best. SLURM sends it before the time is over.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_received: list[int] = []


def exit_code() -> int:
    """Return 128 + the number of the signal that asked to stop, as shells do; 130 (Ctrl-C) if none did."""
    return 128 + (_received[-1] if _received else signal.SIGINT)


def was_asked_to_stop() -> bool:
    """Tell whether Ctrl-C or TERM came since the last work began."""
    return bool(_received)


@contextmanager
def polite_stop() -> Iterator[threading.Event]:
    """Set an event at the first Ctrl-C or TERM; raise ``KeyboardInterrupt`` at the second.

    Examples
    --------
    >>> with polite_stop() as stopped:
    ...     stopped.is_set()
    False
    """
    stopped = threading.Event()
    _received.clear()

    def on_signal(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    # Only the main thread may set handlers; elsewhere (a test, a notebook's thread) the program's own ones
    # stay.
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = {}
    if in_main_thread:
        # Windows has no TERM worth handling; there Ctrl-C is what a person has.
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, on_signal)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def wish_to_finish() -> Iterator[threading.Event]:
    """Set an event at the signal USR1, where there is one.

    Examples
    --------
    >>> with wish_to_finish() as finishing:
    ...     signal.raise_signal(signal.SIGUSR1)
    ...     finishing.is_set()
    True
    """
    finishing = threading.Event()
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield finishing
        return
    before = signal.signal(signal.SIGUSR1, lambda number, frame: finishing.set())
    try:
        yield finishing
    finally:
        signal.signal(signal.SIGUSR1, before)

"""What long work tells, shown to a person: a bar on a terminal, a line every few seconds elsewhere.

Everything goes to stderr, so that stdout carries results only.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Never, TextIO

from tqdm import tqdm

from cristae.events import Event, Metrics, Note, PlanMade, Progress

LINE_EVERY_S = 5.0
BAR = "{desc} {percentage:3.0f}%|{bar}| {postfix}"


@contextmanager
def reporter(
    stream: TextIO | None = None, *, line_every_s: float = LINE_EVERY_S
) -> Iterator[Callable[[Event], None]]:
    """Yield a function that shows events on `stream` (default: stderr) in the way that suits it.

    Examples
    --------
    >>> with reporter(sys.stdout) as show:
    ...     show(Progress("Training", 0.2, 48.0, "step 120 of 600"))
    Training 20 %, about 48 s left (step 120 of 600)
    """
    stream = stream or sys.stderr
    shown: _Bar | _Lines = _Bar(stream) if stream.isatty() else _Lines(stream, line_every_s)
    try:
        yield shown.show
    finally:
        shown.close()


def duration(seconds: float) -> str:
    """Say a duration as a person would.

    Examples
    --------
    >>> duration(48), duration(200), duration(5000)
    ('48 s', '3 min 20 s', '1 h 23 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _sentences(event: Event) -> list[str]:
    match event:
        case Note():
            return [f"Warning: {event.sentence}" if event.is_warning else event.sentence]
        case PlanMade():
            return ["The plan:", *(f"  - {sentence}" for sentence in event.sentences)]
        case Progress() | Metrics():
            return []


class _Lines:
    """For files and pipes: sentences at once, progress every few seconds and when a stage ends."""

    def __init__(self, stream: TextIO, every_s: float) -> None:
        self._stream = stream
        self._every_s = every_s
        self._last_s = -float("inf")
        self._stage = ""

    def show(self, event: Event) -> None:
        for sentence in _sentences(event):
            print(sentence, file=self._stream, flush=True)
        if not isinstance(event, Progress):
            return
        now_s = time.monotonic()
        is_due = now_s - self._last_s >= self._every_s
        if is_due or event.stage != self._stage or event.fraction == 1.0:
            self._last_s, self._stage = now_s, event.stage
            left = "" if event.seconds_left is None else f", about {duration(event.seconds_left)} left"
            detail = f" ({event.detail})" if event.detail else ""
            print(f"{event.stage} {event.fraction * 100:.0f} %{left}{detail}", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is open."""


class _Bar:
    """For a terminal: one bar that stays in place, sentences above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: tqdm[Never] | None = None

    def show(self, event: Event) -> None:
        for sentence in _sentences(event):
            tqdm.write(sentence, file=self._stream)
        if not isinstance(event, Progress):
            return
        if self._bar is None:
            self._bar = tqdm(total=1.0, file=self._stream, bar_format=BAR, dynamic_ncols=True)
        left = "" if event.seconds_left is None else f"about {duration(event.seconds_left)} left"
        self._bar.set_description_str(event.stage, refresh=False)
        self._bar.set_postfix_str("; ".join(filter(None, (left, event.detail))), refresh=False)
        self._bar.update(event.fraction - self._bar.n)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

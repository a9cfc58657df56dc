"""How far a training is, and what the learning rate is there."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

_WARM_UP = 0.05


def learning_rate(progress: float, highest: float) -> float:
    """Return the learning rate at a progress of 0 to 1: 5 % warm-up, then a cosine down to 0.

    Examples
    --------
    >>> [round(learning_rate(p, 1.0), 3) for p in (0.025, 0.05, 0.525, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < _WARM_UP:
        return highest * max(progress, 0.002) / _WARM_UP
    return highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - _WARM_UP) / (1 - _WARM_UP))))


@dataclass
class Schedule:
    """The progress of a training that is limited by time or by steps.

    Limited by time, the progress is the share of the time that is used up: however slow the machine becomes,
    the learning rate reaches 0 when the time is over. Limited by steps, time plays no part, and a run can be
    repeated.

    Parameters
    ----------
    seconds, steps
        The limit; one of them is None.
    step
        Steps done.
    spent_s
        Seconds that earlier attempts used.
    first_step
        The steps that they did.
    clock
        What tells the time, in seconds.
    """

    seconds: float | None
    steps: int | None
    step: int = 0
    spent_s: float = 0.0
    first_step: int = 0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._started = self.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds of training in all attempts."""
        return self.spent_s + self.clock() - self._started

    @property
    def progress(self) -> float:
        """How much of the budget is used, 0 to 1."""
        if self.steps is not None:
            return min(1.0, self.step / self.steps)
        return min(1.0, self.elapsed_s / (self.seconds or 1.0))

    @property
    def expected_steps(self) -> int:
        """How many steps it will be, as far as one can tell."""
        if self.steps is not None:
            return self.steps
        return max(self.step, round(self.step / max(self.progress, 1e-6)))

    def steps_at(self, seconds_a_step: float) -> float:
        """Return how many steps it will be, if each one to come takes so long."""
        if self.seconds is None:
            return self.expected_steps
        return self.step + (self.seconds - self.elapsed_s) / seconds_a_step

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None before the first step."""
        if self.seconds is not None:
            return max(0.0, self.seconds - self.elapsed_s)
        if self.step == 0 or self.steps is None:
            return None
        return (self.clock() - self._started) / self.steps_here * (self.steps - self.step)

    @property
    def steps_here(self) -> int:
        """Steps done in this attempt, at least 1."""
        return max(1, self.step - self.first_step)

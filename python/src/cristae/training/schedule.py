"""How far a training is, and what the learning rate is there."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

_WARM_UP = 0.05

FEW_STEPS = 50
"""With fewer the model is hardly one."""

_COOLING = 0.1
"""So large a share of the steps done is taken while a training that is to end early does. The average of the
weights looks back over as much, so that all of it is of steps that became small; and with a tenth to a fifth,
a schedule that is broken off comes close to one that was planned so (A. Haegele et al., Scaling laws and
compute-optimal training beyond fixed training durations, NeurIPS 2024)."""

_FEWEST_COOLING = 10


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


@dataclass(frozen=True)
class Ending:
    """The rest of a schedule in few steps, because somebody asked a training to end and keep what it has.

    Parameters
    ----------
    step, progress
        Where the training was when it was asked: steps done, and 0 to 1.
    steps
        In so many, at most, the progress goes on to 1 and the learning rate to 0.
    """

    step: int
    progress: float
    steps: int

    @classmethod
    def after(cls, step: int, progress: float) -> Self:
        """Return what follows on so many steps: a tenth of them, and of a young training more.

        Examples
        --------
        >>> [Ending.after(step, 0.2).steps for step in (0, 45, 1000)]
        [50, 10, 100]
        """
        cooling = max(_FEWEST_COOLING, math.ceil(_COOLING * step))
        return cls(step, progress, max(cooling, FEW_STEPS - step))

    def progress_at(self, step: int) -> float:
        """Return how much of the whole is done after so many steps, 0 to 1.

        Examples
        --------
        >>> Ending(step=100, progress=0.5, steps=10).progress_at(105)
        0.75
        """
        if step >= self.step + self.steps:
            return 1.0  # exactly, or else rounding would add a step
        return self.progress + (1 - self.progress) * (step - self.step) / self.steps


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
    ending
        How it ends before its limit; None as long as nobody asked for that.
    """

    seconds: float | None
    steps: int | None
    step: int = 0
    spent_s: float = 0.0
    first_step: int = 0
    clock: Callable[[], float] = time.monotonic
    ending: Ending | None = None

    def __post_init__(self) -> None:
        self._started = self.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds of training in all attempts."""
        return self.spent_s + self.clock() - self._started

    @property
    def progress(self) -> float:
        """How much of the budget is used, or of the way to an earlier end; 0 to 1."""
        if self.steps is not None:
            planned = min(1.0, self.step / self.steps)
        else:
            planned = min(1.0, self.elapsed_s / (self.seconds or 1.0))
        return planned if self.ending is None else max(planned, self.ending.progress_at(self.step))

    def end_soon(self) -> Ending:
        """Run through what is left in few steps, or in the time that is left, if that is shorter."""
        if self.ending is None:
            self.ending = Ending.after(self.step, self.progress)
        return self.ending

    @property
    def expected_steps(self) -> int:
        """How many steps it will be, as far as one can tell."""
        if self.ending is not None:
            last = self.ending.step + self.ending.steps
            return last if self.steps is None else min(last, self.steps)
        if self.steps is not None:
            return self.steps
        return max(self.step, round(self.step / max(self.progress, 1e-6)))

    def steps_at(self, seconds_a_step: float) -> float:
        """Return how many steps it will be, if each one to come takes so long."""
        if self.seconds is None or self.ending is not None:
            return self.expected_steps
        return self.step + (self.seconds - self.elapsed_s) / seconds_a_step

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None before the first step."""
        left = None if self.seconds is None else max(0.0, self.seconds - self.elapsed_s)
        if self.step == self.first_step or (left is not None and self.ending is None):
            return left
        by_steps = (self.clock() - self._started) / self.steps_here * (self.expected_steps - self.step)
        return by_steps if left is None else min(left, by_steps)

    @property
    def steps_here(self) -> int:
        """Steps done in this attempt, at least 1."""
        return max(1, self.step - self.first_step)

"""How long a training may take.

It stands apart from the rest because the server checks it before it queues a job, and never loads torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cristae.errors import InvalidInput
from cristae.settings import Limits

Preset = Literal["quick", "standard", "best"]
PRESET_MINUTES: Mapping[str, float] = {"quick": 5.0, "standard": 20.0, "best": 120.0}
LEAST_MINUTES = 1 / 60
"""A second: in less, nothing is learned."""


@dataclass(frozen=True)
class Budget:
    """How long to train: a preset, or so many minutes, or exactly so many steps.

    Parameters
    ----------
    preset
        "quick" (5 minutes), "standard" (20), "best" (until nothing improves any more, at most 120).
    minutes
        Wall clock of the training with its validation, from a second to 14 days; wins over the preset.
    steps
        Optimiser steps, 1 to 10 million; the only budget with which two runs on a CPU give the same weights
        (in the same precision, which a short trial chooses unless it is set).

    Raises
    ------
    InvalidInput
        There is no such preset, both limits are given, or one is out of its range.

    Examples
    --------
    >>> Budget("standard").seconds, Budget(minutes=2).seconds, Budget(steps=600).seconds
    (1200.0, 120.0, None)
    """

    preset: Preset = "quick"
    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None and self.steps is not None:
            raise InvalidInput("A training is limited by minutes or by steps, not by both. Give one of them.")
        check_budget(self.preset, self.minutes, self.steps, Limits())

    @property
    def seconds(self) -> float | None:
        """The time that the training may take; None if its steps are counted instead."""
        if self.steps is not None:
            return None
        return 60.0 * (self.minutes if self.minutes is not None else PRESET_MINUTES[self.preset])


def check_budget(preset: str, minutes: float | None, steps: int | None, limits: Limits) -> None:
    """Refuse a length of training that cannot be, or that nobody means.

    Examples
    --------
    >>> check_budget("quick", 1e-9, None, Limits())
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: A training takes 0.017 (a second) to 20160 minutes; 1e-09 were given.
    """
    if preset not in PRESET_MINUTES:
        raise InvalidInput(f"The budget {preset!r} is not known. Choose one of {', '.join(PRESET_MINUTES)}.")
    if minutes is not None and not (
        math.isfinite(minutes) and LEAST_MINUTES <= minutes <= limits.max_training_minutes
    ):
        raise InvalidInput(
            f"A training takes {LEAST_MINUTES:.2g} (a second) to {limits.max_training_minutes:.0f} minutes; "
            f"{minutes:g} were given."
        )
    if steps is not None and not 1 <= steps <= limits.max_training_steps:
        raise InvalidInput(f"A training takes 1 to {limits.max_training_steps} steps; {steps} were given.")

"""What a person may want of a training that runs."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class Wish(IntEnum):
    """Whether a training is to go on; of several wishes the larger one counts."""

    GO_ON = 0
    FINISH = 1
    """End early, within few steps, and keep the best."""
    STOP = 2
    """Save what is needed to go on later, and end at once."""


@dataclass(frozen=True)
class Wishes:
    """Who is asked between steps.

    Parameters
    ----------
    should_stop, should_finish
        As for :func:`cristae.training.train`.

    Examples
    --------
    >>> Wishes(should_stop=lambda: False, should_finish=lambda: True)().name
    'FINISH'
    """

    should_stop: Callable[[], bool]
    should_finish: Callable[[], bool]

    def __call__(self) -> Wish:
        """Return what is wanted now."""
        if self.should_stop():
            return Wish.STOP
        return Wish.FINISH if self.should_finish() else Wish.GO_ON

"""What a step takes on this device, in time and memory: measured on the first steps of a training.

A GPU refuses a step that does not fit. A CPU does not: the machine begins to swap, or the system kills the
process. So the first step there looks after the memory by itself.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import nn

from cristae.computing import give_memory_back
from cristae.memory import available_bytes
from cristae.training.schedule import Schedule
from cristae.training.team import Team

_TIMED_STEPS = 4
"""The first one prepares much that the others find ready, and does not count."""

_FEWEST_STEPS = 400
"""Where time is too short for as many, steps see fewer patches: of 1688 patches in all, 211 steps of 8 led to
an IoU of 0.74, 422 of 4 to 0.77 and 844 of 2 to 0.78 (docs/benchmarks/learning.jsonl)."""

ENOUGH_STEPS = 150
"""With fewest patches in each: what is advised where time is far too short."""

FEWEST_PATCHES = 2
"""In a step: with fewer their statistics are too rough."""

_TOO_MUCH = "A step would take more memory than this machine has left."


@dataclass(frozen=True)
class Measured:
    """Seconds of a step, and bytes that it takes at most."""

    seconds: float
    memory_bytes: int


class Pace:
    """Measures the first steps behind its making.

    Parameters
    ----------
    device
        Where they are computed.
    team
        The processes that take them.
    before_bytes
        Memory of this process before any step.
    """

    def __init__(self, device: torch.device, team: Team, before_bytes: int) -> None:
        self._device, self._team, self._before = device, team, before_bytes
        self._steps, self._warm_since, self._most = 0, 0.0, before_bytes
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def stepped(self) -> Measured | None:
        """Count a step that is done, and return once what one takes, when enough are done."""
        self._steps += 1
        if self._steps > _TIMED_STEPS:
            return None
        self._most = max(self._most, resident_bytes())
        if self._steps == 1:
            self._warm_since = self._now()
        if self._steps < _TIMED_STEPS:
            return None
        seconds = (self._now() - self._warm_since) / (_TIMED_STEPS - 1)
        if self._device.type == "cuda":
            return Measured(seconds, torch.cuda.max_memory_allocated(self._device))
        return Measured(seconds, self._most - self._before)

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._team.meet()
        return self._team.now()


def batch_with_enough_steps(batch: int, measured: Measured, schedule: Schedule) -> int:
    """Return this batch, or less where time is short: a hundred small steps teach more than ten large ones.

    Examples
    --------
    >>> batch_with_enough_steps(8, Measured(2.0, 0), Schedule(seconds=500.0, steps=None))
    4
    """
    if schedule.seconds is None:
        return batch
    steps = schedule.steps_at(measured.seconds)
    while steps < _FEWEST_STEPS and batch > FEWEST_PATCHES:
        batch //= 2
        steps *= 2
    return batch


def minutes_for_enough_steps(seconds_a_step: float) -> float:
    """Return how long a training would better take.

    Examples
    --------
    >>> minutes_for_enough_steps(2.0)
    5.0
    """
    return ENOUGH_STEPS * seconds_a_step / 60


@contextmanager
def memory_watched(network: nn.Module, device: torch.device, *, is_first: bool = True) -> Iterator[None]:
    """Let a step on a CPU fail as it would on a GPU, before the memory is used up.

    Parameters
    ----------
    network
        What computes the step.
    device
        Where it does.
    is_first
        Whether it is the first step of an attempt: those that follow take as much, and are not looked after.

    Raises
    ------
    torch.OutOfMemoryError
        In the forward pass: what it has taken so far is more than what is left, and the backward pass takes
        about as much again (measured: 0.9 to 1.6 times as much). Or what a convolution is about to make is
        more than what is left.
    """
    if device.type != "cpu" or not is_first:
        yield
        return
    before = resident_bytes()

    def look(*_: Any) -> None:
        if resident_bytes() - before > available_bytes():
            raise torch.OutOfMemoryError(_TOO_MUCH)

    layers = [layer for layer in network.modules() if not any(layer.children())]
    looks = [layer.register_forward_hook(look) for layer in layers]
    looks += [
        layer.register_forward_pre_hook(_look_ahead)
        for layer in layers
        if isinstance(layer, nn.Conv2d | nn.Conv3d)
    ]
    try:
        yield
    finally:
        for one in looks:
            one.remove()


def _look_ahead(layer: nn.Conv2d | nn.Conv3d, inputs: tuple[torch.Tensor]) -> None:
    """Fail before a convolution, the first of which may make far more than the patches themselves are."""
    (x,) = inputs
    voxels = math.prod(x.shape[2:]) / math.prod(layer.stride)
    if x.shape[0] * layer.out_channels * voxels * x.element_size() > available_bytes():
        raise torch.OutOfMemoryError(_TOO_MUCH)


def give_freed_back() -> None:
    """Give the memory of a step that failed back, so that what a smaller one takes can be measured."""
    give_memory_back()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def resident_bytes() -> int:
    """Return how much memory this process has."""
    return int(psutil.Process().memory_info().rss)

"""Several processes that train one model together, and what they tell each other.

Each computes its share of every batch. What is summed over a batch is summed over all shares, so that they
end with the weights of one process that has the whole batch. What depends on a clock, a disk or a person is
decided by the first process, the leader, and told to the others: all take the same steps.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, override

import torch
from safetensors.torch import load, save
from torch import Tensor, distributed

from cristae.computing import Launch
from cristae.errors import CristaeError, InvalidInput
from cristae.memory import ran_out
from cristae.networks.devices import choose_device
from cristae.training.checkpoint import Checkpoint
from cristae.training.share import WHOLE, Share
from cristae.training.wishes import Wish

_PATIENCE = timedelta(days=1)
"""The leader may read for long, while the others wait. One that ends is noticed at once."""


class TeamBrokenError(CristaeError):
    """Another process of the training has ended."""

    code = "INTERNAL"


class Team:
    """The processes of a training; this one is alone.

    Attributes
    ----------
    share
        Which part of a batch this process computes.

    Examples
    --------
    >>> ALONE.leads, ALONE.agree(lambda: 0.5), ALONE.meet(True)
    (True, 0.5, True)
    """

    share: Share = WHOLE

    @property
    def leads(self) -> bool:
        """Whether this process decides for all: it alone writes, and tells people."""
        return self.share.number == 0

    @property
    def is_alone(self) -> bool:
        """Whether there are no others."""
        return self.share.parts == 1

    def now(self) -> float:
        """Return the seconds of a clock that all processes see alike."""
        return time.monotonic()

    def meet(self, says: bool = False) -> bool:
        """Wait for the others, set the clock, and return whether any of them says so."""
        return says

    def wish(self, own: Wish) -> Wish:
        """Wait for the others, set the clock, and return what any of them wants of this training."""
        return own

    def agree[T](self, decide: Callable[[], T]) -> T:
        """Return what the leader decides, a plain JSON value; only there it is called."""
        return decide()

    def handed_out(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """Return the leader's checkpoint; what the others give does not matter."""
        return checkpoint

    def summed(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes, and let gradients flow to all of them."""
        return numbers

    def ratio(self, numerator: Tensor, denominator: Tensor) -> Tensor:
        """Return the ratio of two sums over all processes; the divisor is taken for 1 if it is less."""
        above, below = self.summed(torch.stack([numerator, denominator.to(numerator.dtype)]))
        found: Tensor = above / below.clamp(min=1)
        return found

    def gathered(self, own: Tensor) -> Tensor:
        """Return what all processes have, one after the other, without gradients."""
        return own

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all processes."""


ALONE = Team()


class TeamOfProcesses(Team):
    """The processes that torchrun started, each with a device; this is one of them.

    Parameters
    ----------
    share
        Of this process.
    """

    def __init__(self, share: Share) -> None:
        self.share = share
        self._now = 0.0
        self.meet()

    def now(self) -> float:
        """Return the leader's time when all met last."""
        return self._now

    @override
    def meet(self, says: bool = False) -> bool:
        return bool(self._largest(int(says)))

    @override
    def wish(self, own: Wish) -> Wish:
        return Wish(self._largest(own))

    def _largest(self, says: int) -> int:
        # On the CPU: a GPU would first have to finish everything that waits there.
        told = torch.tensor([time.monotonic() if self.leads else 0.0, says], dtype=torch.float64)
        with _others():
            distributed.all_reduce(told, distributed.ReduceOp.MAX)
        self._now, largest = told.tolist()
        return int(largest)

    @override
    def agree[T](self, decide: Callable[[], T]) -> T:
        decided = json.dumps(decide()).encode() if self.leads else b""
        agreed: T = json.loads(self._from_leader(decided))
        return agreed

    @override
    def handed_out(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        numbers = self.agree(lambda: None if checkpoint is None else dict(checkpoint.numbers))
        if numbers is None:
            return None
        tensors = save(dict(checkpoint.tensors)) if self.leads and checkpoint is not None else b""
        return Checkpoint(load(self._from_leader(tensors)), numbers)

    def _from_leader(self, data: bytes) -> bytes:
        size = torch.tensor(len(data))
        with _others():
            distributed.broadcast(size, src=0)
            sent = torch.empty(int(size), dtype=torch.uint8)
            if self.leads:
                sent = torch.frombuffer(bytearray(data), dtype=torch.uint8)
            distributed.broadcast(sent, src=0)
        return sent.numpy().tobytes()

    @override
    def summed(self, numbers: Tensor) -> Tensor:
        whole: Tensor = _Summed.apply(numbers)
        return whole

    @override
    def gathered(self, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(self.share.parts)]
        with _others():
            distributed.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @override
    def average(self, tensors: Sequence[Tensor]) -> None:
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        sum_over_processes(flat)
        for tensor, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor)).div_(self.share.parts)


def sum_over_processes(numbers: Tensor) -> None:
    """Replace numbers by their sums over all processes of a team."""
    with _others():
        distributed.all_reduce(numbers)


class _Summed(torch.autograd.Function):
    """Sums over all processes. What any of them makes of a sum depends on the numbers of all."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor) -> Tensor:
        whole = numbers.clone(memory_format=torch.contiguous_format)
        sum_over_processes(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        whole = gradient.clone(memory_format=torch.contiguous_format)
        sum_over_processes(whole)
        return whole


@contextmanager
def joined(launch: Launch | None, device: str) -> Iterator[tuple[Team, str]]:
    """Join the processes that torchrun started together, if this is one of them.

    Parameters
    ----------
    launch
        As :func:`cristae.computing.launched` tells; None for a process alone.
    device
        What was asked for, as for :func:`cristae.networks.devices.choose_device`.

    Yields
    ------
    tuple
        The team, and the device of this process: of several GPUs, the one with its number.

    Raises
    ------
    InvalidInput
        There are fewer GPUs than processes, or one GPU was asked for by number.
    """
    if launch is None:
        yield ALONE, device
        return
    own = device_of(launch, device)
    if own != "cpu":
        torch.cuda.set_device(torch.device(own))
    with _others():
        distributed.init_process_group("gloo" if own == "cpu" else "cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    yield TeamOfProcesses(Share(launch.number, launch.processes)), own
    distributed.destroy_process_group()  # not where something failed: others may be gone


def device_of(launch: Launch, device: str) -> str:
    """Return the device of one of several processes: of several GPUs, the one with its number.

    Parameters
    ----------
    launch
        Which process it is.
    device
        What was asked for.

    Raises
    ------
    InvalidInput
        There are fewer GPUs than processes, or one GPU was asked for by number.
    """
    chosen = choose_device(device)
    if chosen.type == "cpu":
        return "cpu"
    if ":" in device:
        raise InvalidInput(
            f"{launch.processes} processes train together, each on a GPU of its own, and {device} is one "
            "GPU. Leave the device out, or take cpu."
        )
    found = torch.cuda.device_count()
    if launch.processes_here > found:
        raise InvalidInput(
            f"{launch.processes_here} processes were started on this machine, which has "
            f"{found} GPU{'' if found == 1 else 's'}: each needs one of its own. Start {found}, or take cpu."
        )
    return f"cuda:{launch.number_here}"


@contextmanager
def _others() -> Iterator[None]:
    """Say in a sentence that another process is gone, where an exchange with it fails."""
    try:
        yield
    except RuntimeError as error:
        if ran_out(error):
            raise
        raise TeamBrokenError(
            "Another process of this training has ended, and this one ends with it. Unless that one said "
            "why, start the same command again: it goes on from the last checkpoint."
        ) from error

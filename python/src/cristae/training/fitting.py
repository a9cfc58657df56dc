"""The largest batch of which each of several processes can take a step.

One that lacks memory in the middle of a step would leave the others waiting for its sums: it is found out
before.
"""

from collections.abc import Callable

from cristae.errors import OutOfMemory
from cristae.memory import ran_out
from cristae.training.pace import give_freed_back
from cristae.training.team import Team

TOO_LITTLE = (
    "The device's memory does not suffice for a step of a single patch. Set a smaller patch_zyx or fewer "
    "features, or close other programs that use it."
)


def fitting_batch(batch: int, team: Team, try_step: Callable[[int], None]) -> int:
    """Return this batch, halved until all processes have enough memory.

    Parameters
    ----------
    batch
        Patches of each process.
    team
        The processes.
    try_step
        Computes what a step of so many patches takes, without a word to the others.

    Raises
    ------
    OutOfMemory
        One of them has too little for a single patch.

    Examples
    --------
    >>> import torch
    >>> from cristae.training.team import ALONE
    >>> def try_step(patches: int) -> None:
    ...     if patches > 3:
    ...         raise torch.OutOfMemoryError("CUDA out of memory.")
    >>> fitting_batch(8, ALONE, try_step)
    2
    """
    while team.meet(not _has_memory(batch, try_step)):
        if batch == 1:
            raise OutOfMemory(TOO_LITTLE)
        batch //= 2
    return batch


def _has_memory(batch: int, try_step: Callable[[int], None]) -> bool:
    try:
        try_step(batch)
    except RuntimeError as error:
        if not ran_out(error):
            raise
        return False
    finally:
        give_freed_back()
    return True

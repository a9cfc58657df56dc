"""How many voxels a device takes at once, and what to do when they were too many."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from cristae.errors import Busy, OutOfMemory
from cristae.locking import FileLock
from cristae.memory import available_bytes, ran_out
from cristae.networks import NetworkConfig, Preprocessing
from cristae.prediction.tiling import Reading

# Larger tiles waste less on the halo, but memory and a person's patience with Cancel end the gain. A CPU
# takes the greater number where it was seen to be quick enough.
MOST_VOXELS_ON_CPU = 1 << 20
MOST_VOXELS_ON_QUICK_CPU = 1 << 22
MOST_VOXELS_ON_GPU = 1 << 23
# Of the free memory, for the activations; the rest is for the other buffers and for other programs.
SHARE_OF_CPU_MEMORY = 0.25
SHARE_OF_GPU_MEMORY = 0.7
BYTES_OF_A_FLOAT = 4
# What it takes to read and prepare a voxel, as a part of what it takes to compute it with the networks that
# the program plans for sections: estimates, from single measurements on two cores and on an H100.
READING_SHARE_ON_CPU = 0.02
READING_SHARE_ON_GPU = 0.5


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free on the device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_bytes()


def use_threads(count: int) -> None:
    """Compute with so many threads in this process."""
    torch.set_num_threads(count)


def own_device(name: str, claims: Path) -> str:
    """Return which device this process takes beside others of its machine: a GPU each, if none is named.

    It takes the first GPU of those that it sees which the fewest others have taken, whoever started them: a
    worker of Dask or a job of SLURM knows nothing of those beside it. What is taken is told by locked files,
    which the system gives back when a process ends, however it ends.

    Parameters
    ----------
    name
        As for :func:`cristae.networks.devices.choose_device`.
    claims
        The folder with these files, on the machine itself.
    """
    if name not in ("", "auto", "cuda") or not torch.cuda.is_available():
        return name
    # By what they are: ``cuda:0`` of a process that sees some of them may be another one's ``cuda:1``.
    found = [str(torch.cuda.get_device_properties(n).uuid) for n in range(torch.cuda.device_count())]
    with suppress(OSError):  # nothing can be written there
        claims.mkdir(mode=0o700, exist_ok=True)
        for others in itertools.count():
            for number, which in enumerate(found):
                with suppress(Busy):
                    lock = FileLock(claims / f"{which}.{others}", "Another process computes there.")
                    _held.append(lock.acquire())
                    return f"cuda:{number}"
    return "cuda:0"


_held: list[FileLock] = []
"""Until this process ends."""


def voxels_at_once(config: NetworkConfig, device: torch.device, most_on_cpu: int = MOST_VOXELS_ON_CPU) -> int:
    """Estimate how many input voxels of the network fit on the device in one tile."""
    share, most = (
        (SHARE_OF_GPU_MEMORY, MOST_VOXELS_ON_GPU)
        if device.type == "cuda"
        else (SHARE_OF_CPU_MEMORY, most_on_cpu)
    )
    return max(1, min(most, int(share * free_bytes(device) / (BYTES_OF_A_FLOAT * config.numbers_a_voxel))))


def give_back_memory() -> None:
    """Return to the device what torch keeps of its memory for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def reading_of(preprocessing: Preprocessing, device: torch.device) -> Reading:
    """Say what reading a tile takes beside computing it."""
    share = READING_SHARE_ON_GPU if device.type == "cuda" else READING_SHARE_ON_CPU
    return Reading(share, 2 * preprocessing.context)


def smaller_until_it_fits[Result](
    voxels: int, attempt: Callable[[int], Result], *, least: int, on_smaller: Callable[[int], None]
) -> Result:
    """Call ``attempt(voxels)``; while the memory does not suffice, halve the voxels, down to `least`.

    Parameters
    ----------
    voxels
        To start with.
    attempt
        What may run out of the device's memory.
    least
        Below this it is hopeless.
    on_smaller
        Told the new number of voxels before every further attempt.

    Raises
    ------
    OutOfMemory
        Not even the smallest tile fits.
    """
    while True:
        try:
            return attempt(voxels)
        except (RuntimeError, torch.OutOfMemoryError) as error:
            if not ran_out(error):
                raise
        # Behind the handler, so that the traceback no longer holds the tensors of the failed attempt.
        give_back_memory()
        if voxels // 2 < least:
            raise OutOfMemory(
                "The device's memory does not suffice for the smallest tile of this model. "
                "Close other programs that use it, or predict on the CPU (device=cpu)."
            )
        voxels //= 2
        on_smaller(voxels)

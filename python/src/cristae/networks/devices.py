"""Which device computes, and how tensors lie best in its memory."""

import functools
import os
import time
from typing import NamedTuple

import torch
from torch import nn

from cristae.errors import InvalidInput
from cristae.networks.unet import ResidualBlock


class _TrialSize(NamedTuple):
    features: int
    plane: tuple[int, int]
    volume: tuple[int, int, int]


_SMALL = _TrialSize(16, (32, 32), (4, 8, 8))
_LARGE = _TrialSize(16, (128, 128), (16, 32, 32))
_LARGE_ON_GPU = _TrialSize(64, (256, 256), (16, 64, 64))
"""Less would measure how long it takes to start a computation there."""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; ``"auto"`` (or empty) takes the first GPU, else the CPU.

    Parameters
    ----------
    name
        "auto", "cpu", "cuda" or "cuda:N".

    Raises
    ------
    InvalidInput
        The name is not a device, or this machine does not have it. Another device is never taken instead.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name in ("", "auto"):
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type != "cuda":
        raise InvalidInput(f"'{name}' is not a device that Cristae computes on. Use auto, cpu, or cuda:0.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = device.index or 0
    if index >= count:
        found = f"{count} of them" if count else "none"
        raise InvalidInput(
            f"The device '{name}' was asked for, but this machine has no such GPU (found {found}). Use cpu."
        )
    return torch.device("cuda", index)


def describe(device: torch.device) -> str:
    """Name the device for people: "the GPU NVIDIA H100 (cuda:0)", "the CPU (2 threads)"."""
    if device.type == "cuda":
        return f"the GPU {torch.cuda.get_device_name(device)} ({device})"
    threads = torch.get_num_threads()
    return f"the CPU ({threads} thread{'s' if threads > 1 else ''})"


def memory_format(dims: int, device: torch.device) -> torch.memory_format:
    """Return how the network's tensors should lie in memory.

    Channels last is quicker everywhere but in 3D on CPUs with AVX-512, where it takes 1.7 times as long
    (measured with the networks of this room, forward and backward; in 2D, and in 3D on a CPU with AVX2, it
    takes 0.7 times as long).
    """
    if dims == 2:
        return torch.channels_last
    is_quicker = device.type == "cuda" or is_slow(device)
    return torch.channels_last_3d if is_quicker else torch.contiguous_format


def is_slow(device: torch.device) -> bool:
    """Tell whether a device is a CPU with AVX2 but without AVX-512: steps take several times as long."""
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"


def reading_threads(device: torch.device) -> int:
    """Return how many threads should read for a device: one alone cannot feed a GPU."""
    return max(1, min(4, (os.cpu_count() or 1) // 2)) if device.type == "cuda" else 1


@functools.cache
def bfloat16_pays(dims: int, device: torch.device) -> bool:
    """Tell by a short trial whether mixed precision is quicker here.

    What a device says it can do only rules it out: CPUs without the units run bfloat16 too, hundreds of times
    slower. There a small trial goes before the real one, so that the answer takes a second. A process asks
    once, so that its trainings can be compared.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            if not torch.cuda.is_bf16_supported(including_emulation=False):
                return False
        # Which of its algorithms is the quickest is not looked for: that takes longer than the trial.
        with torch.backends.cudnn.flags(enabled=True, benchmark=False):
            _time_by_float32(dims, device, _LARGE_ON_GPU, 1)  # what is used first is loaded first
            # As quick is good enough: it halves the memory.
            return _time_by_float32(dims, device, _LARGE_ON_GPU, 3) < 1
    if _time_by_float32(dims, device, _SMALL, 2) > 3:
        return False
    return _time_by_float32(dims, device, _LARGE, 5) < 0.85


def _time_by_float32(dims: int, device: torch.device, size: _TrialSize, times: int) -> float:
    pairs = [(_trial_s(dims, device, size, True), _trial_s(dims, device, size, False)) for _ in range(times)]
    return min(mixed for mixed, _ in pairs) / min(plain for _, plain in pairs)


def _trial_s(dims: int, device: torch.device, size: _TrialSize, mixed: bool) -> float:
    """Return the seconds that two blocks of a network take, forward and backward."""
    kernel, stride, space = (
        ((1, 3, 3), (1, 2, 2), size.plane) if dims == 2 else ((3, 3, 3), (2, 2, 2), size.volume)
    )
    few, many = size.features, 2 * size.features
    blocks = nn.Sequential(
        ResidualBlock(dims, few, few, kernel), ResidualBlock(dims, few, many, kernel, stride)
    )
    blocks = blocks.to(device).to(memory_format=memory_format(dims, device))
    # Two samples, or a single thread takes another, slow path in float32 that no training takes.
    x = torch.ones(2, few, *space, device=device)
    x = x.contiguous(memory_format=memory_format(dims, device))
    start = _clock_s(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
        answer = blocks(x).float().square().mean()
    answer.backward()
    return _clock_s(device) - start


def _clock_s(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    # The time that this process computed, not the clock: other programs must not decide.
    return time.process_time()

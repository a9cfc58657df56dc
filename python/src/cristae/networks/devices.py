"""Which device computes, and how tensors lie best in its memory."""

import time

import torch
from torch import nn

from cristae.errors import InvalidInput


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

    Channels last is quicker everywhere but in 3D on CPUs, where it takes 1.7 times as long (measured with the
    networks of this room, forward and backward; in 2D it takes 0.7 times as long).
    """
    if dims == 2:
        return torch.channels_last
    return torch.channels_last_3d if device.type == "cuda" else torch.contiguous_format


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether the device's memory did not suffice (CUDA), or the allocator refused (CPU)."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def bfloat16_pays(dims: int, device: torch.device) -> bool:
    """Tell by a short trial whether mixed precision is quicker here.

    Never ask what the device can do: CPUs without the units run bfloat16 too, hundreds of times slower.
    """
    if device.type == "cuda":  # the driver knows, and a small trial would measure launches, not arithmetic
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    layer = nn.Conv2d(16, 16, 3, padding=1) if dims == 2 else nn.Conv3d(16, 16, 3, padding=1)
    layer = layer.to(device).to(memory_format=memory_format(dims, device))
    # Two samples, or a single thread takes another, slow path in float32 that no training takes.
    x = torch.ones(2, 16, *((96, 96) if dims == 2 else (16, 32, 32)), device=device)
    x = x.contiguous(memory_format=memory_format(dims, device))

    def seconds(mixed: bool) -> float:
        # The time that this process computed, not the clock: other programs must not decide.
        start = time.process_time()
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            answer = layer(x).float().sum()
        answer.backward()
        return time.process_time() - start

    pairs = [(seconds(True), seconds(False)) for _ in range(3)]
    return min(mixed for mixed, _ in pairs) < 0.7 * min(plain for _, plain in pairs)

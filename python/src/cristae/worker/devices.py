"""The GPUs, asked of torch in a process of its own."""

from typing import TypedDict

import torch


class DeviceRecord(TypedDict):
    """A device: the name to ask for, words for people, memory in bytes."""

    name: str
    description: str
    memory_bytes: int


def gpus() -> list[DeviceRecord]:
    """Return the GPUs on which torch can compute."""
    if not torch.cuda.is_available():
        return []
    records: list[DeviceRecord] = []
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        records.append(
            {"name": f"cuda:{index}", "description": found.name, "memory_bytes": found.total_memory}
        )
    return records

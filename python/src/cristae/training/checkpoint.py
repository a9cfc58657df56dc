"""The state of a training on disk: one file, old or new, never half of it.

Tensors and numbers live in one safetensors file (the numbers as JSON in its header), so that one rename
replaces all of them at once. The file before the last is kept as well.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cristae.volumes.durable import write_file_durably

_SCHEMA = "1"
_NAMES = ("checkpoint.safetensors", "checkpoint-before.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a training needs to go on.

    Parameters
    ----------
    tensors
        By name: the network, its average, its best state, the optimiser's moments.
    numbers
        Plain JSON values.
    """

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


def fingerprint_of(work: Mapping[str, Any]) -> str:
    """Return what tells this training from another one, a SHA-256 of plain JSON values."""
    return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()


def save_checkpoint(folder: Path, checkpoint: Checkpoint, work: str) -> None:
    """Write a checkpoint; complete on disk when this returns.

    Parameters
    ----------
    folder
        Made if it is not there.
    checkpoint
        The state.
    work
        Of :func:`fingerprint_of`: another training will not take this file for its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    newest, before = (folder / name for name in _NAMES)
    if newest.exists():
        newest.replace(before)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    header = {"schema": _SCHEMA, "work": work, "numbers": json.dumps(dict(checkpoint.numbers))}
    write_file_durably(newest, save(tensors, header))


def load_checkpoint(folder: Path, work: str) -> Checkpoint | None:
    """Return the newest checkpoint of this training that can be read, or None."""
    for name in _NAMES:
        path = folder / name
        try:
            data = path.read_bytes()
            header = _header(data)
            if header.get("schema") == _SCHEMA and header.get("work") == work:
                return Checkpoint(load(data), json.loads(header["numbers"]))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            continue
    return None


def _header(data: bytes) -> dict[str, str]:
    """Return the text that safetensors keeps beside the tensors."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, 100_000_000):
        raise ValueError("not a safetensors file")
    return dict(json.loads(data[8 : 8 + length]).get("__metadata__", {}))

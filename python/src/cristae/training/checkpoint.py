"""The state of a training on disk: one file, old or new, never half of it.

Tensors and numbers live in one safetensors file (the numbers as JSON in its header), so that one rename
replaces all of them at once. The file before the last is kept as well.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cristae.volumes.durable import write_file_durably

_SCHEMA = "2"
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

    @classmethod
    def of_parts(cls, parts: Mapping[str, Mapping[str, Tensor]], numbers: Mapping[str, Any]) -> "Checkpoint":
        """Return one with the tensors of several parts, each by its own names.

        Examples
        --------
        >>> Checkpoint.of_parts({"network": {"w": torch.ones(1)}}, {}).part("network", torch.device("cpu"))
        {'w': tensor([1.])}
        """
        tensors = {f"{part}.{name}": tensor for part, held in parts.items() for name, tensor in held.items()}
        return cls(tensors, numbers)

    def part(self, part: str, device: torch.device) -> dict[str, Tensor]:
        """Return the tensors of one part, on this device; none where the part was not saved."""
        start = f"{part}."
        return {
            name.removeprefix(start): tensor.to(device)
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }


def save_checkpoint(folder: Path, checkpoint: Checkpoint, work: Mapping[str, Any]) -> None:
    """Write a checkpoint; complete on disk when this returns.

    Parameters
    ----------
    folder
        Made if it is not there.
    checkpoint
        The state.
    work
        What makes this training another one than others, plain JSON values: its names are told to people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    newest, before = (folder / name for name in _NAMES)
    if newest.exists():
        newest.replace(before)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    header = {
        "schema": _SCHEMA,
        "work": json.dumps(dict(work)),
        "numbers": json.dumps(dict(checkpoint.numbers)),
    }
    write_file_durably(newest, save(tensors, header))


def load_checkpoint(folder: Path, work: Mapping[str, Any]) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """Return the newest checkpoint of this training, or None, and why others were passed over.

    Parameters
    ----------
    folder
        Of :func:`save_checkpoint`.
    work
        As it was saved with; a checkpoint of another training is passed over.

    Returns
    -------
    tuple
        The checkpoint, and a sentence for each file that is there but was not taken.
    """
    own = json.loads(json.dumps(dict(work)))
    told = []
    for name in _NAMES:
        try:
            data = (folder / name).read_bytes()
            header = _header(data)
            if header["schema"] != _SCHEMA:
                told.append(f"The checkpoint {name} is of another version of Cristae and was passed over.")
                continue
            theirs = json.loads(header["work"])
            others = [what for what in {**own, **theirs} if own.get(what) != theirs.get(what)]
            if others:
                told.append(
                    f"The checkpoint {name} is of another training and was passed over: it differs in "
                    f"{', '.join(others)}."
                )
                continue
            return Checkpoint(load(data), json.loads(header["numbers"])), tuple(told)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            told.append(f"The checkpoint {name} is damaged and was passed over.")
    return None, tuple(told)


def _header(data: bytes) -> dict[str, str]:
    """Return the text that safetensors keeps beside the tensors."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, 100_000_000):
        raise ValueError("not a safetensors file")
    return dict(json.loads(data[8 : 8 + length]).get("__metadata__", {}))

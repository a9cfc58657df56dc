"""The weights of a network as a safetensors file: numbers only, nothing that could run."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cristae.errors import CorruptData, InvalidInput, NotFound
from cristae.volumes.durable import read_file

MAX_WEIGHTS_BYTES = 16 * 1024**3
MAX_HEADER_BYTES = 8 * 1024 * 1024
DTYPES = {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"}

type Weights = dict[str, npt.NDArray[Any]]


def encode_weights(weights: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the bytes of a safetensors file; the same weights always give the same bytes.

    Raises
    ------
    InvalidInput
        If there is nothing to save, or a weight is NaN or infinite: such a network would predict NaN.
    """
    if not weights:
        raise InvalidInput("A model without weights cannot be saved.")
    for name, values in weights.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InvalidInput(
                f"The weights {name!r} are not finite: training diverged. Train again with another seed."
            )
    return bytes(save({name: np.array(weights[name], order="C") for name in sorted(weights)}))


def refuse_cut(path: Path) -> None:
    """Refuse weights of which the end is missing; nothing but their header is read.

    Raises
    ------
    CorruptData
        The file is shorter than its header says.
    OSError
        It is not there.
    """
    whose = f"The weights of the model {path.parent.name}"
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER_BYTES:
            raise CorruptData(f"{whose} are no safetensors file, the only kind that is read.")
        wanted = 8 + length + _data_bytes(file.read(length))
        there = file.seek(0, os.SEEK_END)
    if there < wanted:
        raise CorruptData(
            f"{whose} are incomplete: {there} of {wanted} bytes are there. Copy the package again, or train "
            "the model anew."
        )


def _data_bytes(header: bytes) -> int:
    """Return how many bytes a header describes; 0 if it makes no sense, which is told when it is read."""
    try:
        tensors = [entry for name, entry in json.loads(header).items() if name != "__metadata__"]
        return max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError, OverflowError):
        return 0


def read_weights(path: Path, sha256: str) -> Weights:
    """Return the weights of a file, after its digest and its header were checked.

    Parameters
    ----------
    path
        A safetensors file.
    sha256
        What the digest of the file must be, 64 hex digits.

    Raises
    ------
    CorruptData
        If the digest differs or the file is no safetensors file. There is no other way to load it.
    NotFound
        If the file is not there.
    """
    whose = f" of the model {path.parent.name}"
    try:
        if path.lstat().st_size > MAX_WEIGHTS_BYTES:
            raise CorruptData(
                f"The weights{whose} are larger than {MAX_WEIGHTS_BYTES} bytes, so they are not read."
            )
        data = read_file(path)
    except OSError as problem:
        raise NotFound(
            f"The weights{whose} are not there: it was deleted or replaced meanwhile, or the package "
            "is incomplete."
        ) from problem
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CorruptData(
            f"The weights{whose} are not those that its record names (the digests differ): it was "
            "replaced just now, or it is damaged. Try again, else copy the package again."
        )
    _check_header(data)
    try:
        return dict(load(data))
    except (SafetensorError, ValueError, TypeError, KeyError) as problem:
        raise CorruptData(f"The weights{whose} are damaged: {problem}.") from problem


def _check_header(data: bytes) -> None:
    """Refuse before anything is allocated what the library would accept, or refuse only later."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise CorruptData("The weights of the model are no safetensors file, the only kind that is read.")
    try:
        header = json.loads(data[8 : 8 + length])
        dtypes = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as problem:
        raise CorruptData("The weights of the model have a header that makes no sense.") from problem
    if not all(isinstance(dtype, str) for dtype in dtypes) or not dtypes <= DTYPES:
        raise CorruptData(
            f"The weights of the model have number types other than {', '.join(sorted(DTYPES))}."
        )

"""One model: a folder with its record and its weights, and perhaps a picture of what it makes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from cristae.errors import CorruptData, NotFound
from cristae.models.previews import PREVIEW_FILE, read_preview
from cristae.models.record import MAX_RECORD_BYTES, SCHEMA, decode_record, encode_record
from cristae.models.weights import Weights, encode_weights, read_weights, refuse_cut
from cristae.volumes.durable import fsync_folder, read_file, write_file_durably

RECORD_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class ModelPackage:
    """A model whose record was read and checked.

    Attributes
    ----------
    path
        Its folder.
    record
        The content of model.json.
    """

    path: Path
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.record["name"])

    @property
    def digest(self) -> str:
        """SHA-256 of its weights, 64 hex digits."""
        return str(self.record["weights_sha256"])

    @property
    def created_s(self) -> float:
        """When training ended, seconds since 1970."""
        return float(self.record["created_s"])

    @property
    def weight_bytes(self) -> int:
        """How many bytes its weights take as they are stored.

        Raises
        ------
        NotFound
            If the package was deleted since its record was read.
        """
        try:
            return (self.path / WEIGHTS_FILE).stat().st_size
        except OSError as problem:
            raise NotFound(f"The model '{self.name}' was deleted meanwhile.") from problem

    def weights(self) -> Weights:
        """Read the weights, by their names in the network.

        Raises
        ------
        CorruptData
            If they are not those that the record names.
        NotFound
            If the package was deleted or replaced since its record was read.
        """
        return read_weights(self.path / WEIGHTS_FILE, self.digest)

    def preview(self) -> bytes:
        """Read the picture of places that the training held out, see :func:`read_preview`."""
        return read_preview(self.path)


def read_package(path: Path) -> ModelPackage:
    """Read the record of a package; the weights are read when they are asked for.

    Raises
    ------
    NotFound
        If there is no package.
    CorruptData, Unsupported
        If its record is damaged or of a newer Cristae, or its weights are cut.
    """
    try:
        if (path / RECORD_FILE).lstat().st_size > MAX_RECORD_BYTES:
            raise CorruptData(f"The model's {RECORD_FILE} is larger than {MAX_RECORD_BYTES} bytes: not read.")
        data = read_file(path / RECORD_FILE)
    except OSError as problem:
        raise NotFound(f"{path.name} is no model: a model is a folder with {RECORD_FILE} in it.") from problem
    try:
        record = decode_record(data)
    except CorruptData as problem:
        raise CorruptData(f"{path.name}: {problem}") from problem
    weights = path / WEIGHTS_FILE
    try:
        if not weights.is_symlink():  # which is refused when it is read
            refuse_cut(weights)
    except OSError as problem:
        raise CorruptData(
            f"The model {path.name} lacks its weights ({WEIGHTS_FILE}). Copy the package again."
        ) from problem
    return ModelPackage(path, record)


def write_package(
    folder: Path, record: Mapping[str, Any], weights: Mapping[str, npt.NDArray[Any]], preview: bytes = b""
) -> ModelPackage:
    """Write a package into an empty folder; when this returns it is on the disk.

    Parameters
    ----------
    folder
        Exists already, and nobody looks into it yet.
    record
        Everything of :mod:`cristae.models.record` but `schema` and `weights_sha256`, which are filled in
        here.
    weights
        By their names in the network.
    preview
        A picture of places that the training held out, as a PNG; empty if there is none.

    Raises
    ------
    CorruptData
        If the record lacks something.
    InvalidInput
        If the weights are not finite.
    """
    data = encode_weights(weights)
    full = {**record, "schema": SCHEMA, "weights_sha256": hashlib.sha256(data).hexdigest()}
    encoded = encode_record(full)
    write_file_durably(folder / WEIGHTS_FILE, data)
    if preview:
        write_file_durably(folder / PREVIEW_FILE, preview)
    write_file_durably(folder / RECORD_FILE, encoded)
    fsync_folder(folder)
    return ModelPackage(folder, decode_record(encoded))

"""What a volume is, as plain JSON values: for the notes in staging and for metadata."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cristae.errors import CorruptData, CristaeError
from cristae.volumes.classes import LabelClass
from cristae.volumes.durable import read_file
from cristae.volumes.spec import VolumeSpec, VoxelSize

_MAX_RECORD_BYTES = 32 * 1024 * 1024


def spec_to_json(spec: VolumeSpec) -> dict[str, Any]:
    """Return a specification as plain values.

    Examples
    --------
    >>> spec = VolumeSpec((1, 1, 2, 3), "uint8", VoxelSize(1, 1, 1), classes=(LabelClass(1, "mito"),))
    >>> spec_from_json(spec_to_json(spec)) == spec
    True
    """
    size = spec.voxel_size
    return {
        "shape": list(spec.shape_czyx),
        "dtype": spec.dtype,
        "voxel_nm": None if size is None else list(size.zyx_nm),
        "unit": None if size is None else size.display_unit,
        "block": list(spec.block_shape_czyx),
        "name": spec.name,
        "classes": classes_to_json(spec.classes),
    }


def spec_from_json(record: Any) -> VolumeSpec:
    """Return the specification that plain values describe, or raise ValueError or the like."""
    size = None
    if record["voxel_nm"] is not None:
        z_nm, y_nm, x_nm = record["voxel_nm"]
        size = VoxelSize(z_nm, y_nm, x_nm, record["unit"])
    return VolumeSpec(
        shape_from_json(record["shape"]),
        record["dtype"],
        size,
        shape_from_json(record["block"]),
        record["name"],
        classes_from_json(record["classes"]),
    )


def classes_to_json(classes: Sequence[LabelClass]) -> list[dict[str, Any]]:
    """Return a class table as plain values."""
    return [{"value": entry.value, "name": entry.name, "rgb": entry.rgb} for entry in classes]


def classes_from_json(record: Any) -> tuple[LabelClass, ...]:
    """Return the class table that plain values describe."""
    return tuple(LabelClass(entry["value"], entry["name"], entry["rgb"]) for entry in record)


def shape_from_json(record: Any) -> tuple[int, int, int, int]:
    """Return a shape of four axes."""
    c, z, y, x = record
    if not all(type(length) is int for length in (c, z, y, x)):
        raise TypeError
    return c, z, y, x


def read_record(path: Path) -> Any:
    """Return the JSON of a note that Cristae wrote into staging."""
    try:
        data = read_file(path)
        if len(data) > _MAX_RECORD_BYTES:
            raise ValueError
        return json.loads(data)
    except (OSError, ValueError, CristaeError, RecursionError) as error:
        raise CorruptData(
            "A note in the staging folder is damaged; send or compute the volume again."
        ) from error

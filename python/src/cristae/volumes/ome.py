"""The two metadata documents of a stored volume: OME-Zarr 0.5, with our own attributes under ``cristae``.

Both are written in one canonical form, and the group's document carries a checksum of itself, so that a
changed bit is noticed in the metadata as well as in the voxels.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cristae.errors import CorruptData, CristaeError
from cristae.geometry import Triple
from cristae.volumes.chunks import ChunkFormat
from cristae.volumes.digest import check_digest
from cristae.volumes.levels import Level, levels_of
from cristae.volumes.records import classes_from_json, classes_to_json, shape_from_json
from cristae.volumes.spec import VolumeSpec, VoxelSize

ARRAY = "0"
"""The path of the array below the group; coarser levels follow as 1, 2, ..."""
FORMAT = 1
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
_DAMAGED = (
    "The metadata of a stored volume is damaged or was changed by another program; the volume is not read. "
    "Send or compute it again."
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the metadata of a sealed volume says; ``levels`` counts the finest one too."""

    spec: VolumeSpec
    digest: str
    created_s: float
    stored_bytes: int
    levels: int = 1


def group_document(sealed: Sealed) -> bytes:
    """Return the group's ``zarr.json``."""
    spec, size = sealed.spec, sealed.spec.voxel_size
    lengths = (1.0, 1.0, 1.0) if size is None else size.zyx_nm
    space = {"type": "space"} if size is None else {"type": "space", "unit": "nanometer"}
    ome: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [
            {
                "name": spec.name,
                "axes": [{"name": "c", "type": "channel"}, *({"name": axis, **space} for axis in "zyx")],
                "datasets": [
                    {
                        "path": ARRAY,
                        "coordinateTransformations": [{"type": "scale", "scale": [1.0, *lengths]}],
                    },
                    *(
                        _coarser(str(number), lengths, level.whole_zyx)
                        for number, level in enumerate(_coarser_levels(sealed), 1)
                    ),
                ],
            }
        ],
    }
    if spec.classes and spec.dtype != "float32":
        ome["image-label"] = _image_label(spec)
    cristae = {
        "format": FORMAT,
        "digest": sealed.digest,
        "created_s": sealed.created_s,
        "stored_bytes": sealed.stored_bytes,
        "display_unit": None if size is None else size.display_unit,
        "classes": classes_to_json(spec.classes),
        "checksum": "",
    }
    document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome, "cristae": cristae}}
    cristae["checksum"] = hashlib.sha256(_canonical(document)).hexdigest()
    return _canonical(document)


def array_document(spec: VolumeSpec, chunk_format: ChunkFormat) -> bytes:
    """Return the array's ``zarr.json``."""
    zstd = [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}]
    return _canonical(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(spec.shape_czyx),
            "data_type": spec.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(spec.block_shape_czyx)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": chunk_format.separator}},
            "fill_value": 0.0 if spec.dtype == "float32" else 0,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                *(zstd if chunk_format.is_compressed else []),
                {"name": "crc32c"},
            ],
            "attributes": {},
            "dimension_names": ["c", "z", "y", "x"],
            "storage_transformers": [],
        }
    )


def parse(group: bytes, array: bytes) -> tuple[Sealed, ChunkFormat]:
    """Return what the two documents say; refuse them unless Cristae wrote every byte of them."""
    if max(len(group), len(array)) > MAX_DOCUMENT_BYTES:
        raise CorruptData(_DAMAGED)
    try:
        sealed = _parse_group(json.loads(group), json.loads(array))
    except (CristaeError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise CorruptData(_DAMAGED) from error
    if group_document(sealed) != group:
        raise CorruptData(_DAMAGED)
    for chunk_format in ChunkFormat:
        if array_document(sealed.spec, chunk_format) == array:
            return sealed, chunk_format
    raise CorruptData(_DAMAGED)


def _parse_group(group: Any, array: Any) -> Sealed:
    multiscale = group["attributes"]["ome"]["multiscales"][0]
    cristae = group["attributes"]["cristae"]
    size = None
    if cristae["display_unit"] is not None:
        scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
        size = VoxelSize(scale[1], scale[2], scale[3], cristae["display_unit"])
    spec = VolumeSpec(
        shape_from_json(array["shape"]),
        array["data_type"],
        size,
        shape_from_json(array["chunk_grid"]["configuration"]["chunk_shape"]),
        multiscale["name"],
        classes_from_json(cristae["classes"]),
    )
    stored_bytes, created_s = cristae["stored_bytes"], cristae["created_s"]
    if not isinstance(stored_bytes, int) or not isinstance(created_s, float):
        raise TypeError
    levels = len(multiscale["datasets"])
    return Sealed(spec, check_digest(cristae["digest"]), created_s, stored_bytes, levels)


def _coarser_levels(sealed: Sealed) -> tuple[Level, ...]:
    return levels_of(sealed.spec)[: sealed.levels - 1] if sealed.levels > 1 else ()


def _coarser(path: str, lengths: tuple[float, float, float], whole_zyx: Triple) -> dict[str, Any]:
    """Return the entry of a coarser level: its first voxel lies in the middle of those that it stands for."""
    scale = [length * by for length, by in zip(lengths, whole_zyx, strict=True)]
    shift = [length * (by - 1) / 2 for length, by in zip(lengths, whole_zyx, strict=True)]
    return {
        "path": path,
        "coordinateTransformations": [
            {"type": "scale", "scale": [1.0, *scale]},
            {"type": "translation", "translation": [0.0, *shift]},
        ],
    }


def _image_label(spec: VolumeSpec) -> dict[str, Any]:
    """Return OME's table of label colours and names."""
    label: dict[str, Any] = {
        "properties": [{"label-value": entry.value, "name": entry.name} for entry in spec.classes]
    }
    colours = [
        {"label-value": entry.value, "rgba": [entry.rgb >> 16, entry.rgb >> 8 & 255, entry.rgb & 255, 255]}
        for entry in spec.classes
        if entry.rgb
    ]
    if colours:
        label["colors"] = colours
    return label


def _canonical(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()

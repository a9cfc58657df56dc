"""OME-Zarr 0.4 and 0.5 and plain Zarr arrays as images; what Cristae wrote itself is read strictly."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from cristae.errors import CorruptData, InvalidInput
from cristae.volumes.gaps import Shards, Stored
from cristae.volumes.sliced import SlicedImage
from cristae.volumes.spec import VoxelSize
from cristae.volumes.stored import StoredVolume
from cristae.volumes.units import nm_per_unit, plain_unit, voxel_size_in

_MAX_CHUNK_BYTES = 2 * 1024**3


def open_zarr(path: Path, key: str | None, *, find_gaps: bool = True) -> "ZarrImage | StoredVolume":
    """Open a Zarr folder.

    Parameters
    ----------
    path
        The folder of a group or an array.
    key
        The array inside a group; by default the full resolution of an OME-Zarr image, or the only array.
    find_gaps
        Note which chunks are missing.
    """
    node = _opened(path)
    notes: tuple[str, ...] = ()
    strict = False
    if isinstance(node, zarr.Group) and "cristae" in node.attrs and key is None:
        try:
            return StoredVolume(path, file_name=path.name)
        except CorruptData:
            # Another program added to its metadata; its chunks still carry their checksums.
            notes = (f"The metadata of {path.name} was changed after Cristae wrote it.",)
            strict = True
    image = ZarrImage(path.name, node, key, notes, strict=strict)
    if find_gaps and not strict:
        stored = _stored(path, image.array)
        if stored is not None:
            image.note_gaps(stored)
    return image


def arrays_of_zarr(path: Path) -> list[str]:
    """Return the names of the arrays of a group that is no OME-Zarr image; raise InvalidInput if damaged."""
    node = _opened(path)
    if not isinstance(node, zarr.Group) or "cristae" in node.attrs or _multiscale(node):
        return []
    return sorted(key for key, _ in node.arrays())


def _opened(path: Path) -> zarr.Group | zarr.Array[Any]:
    try:
        return zarr.open(path, mode="r")
    except MemoryError:
        raise
    except Exception as error:  # Broken metadata raises whatever its parser trips over.
        raise InvalidInput(
            f"{path.name} is not a Zarr image that can be read ({str(error)[:200]})."
        ) from error


class ZarrImage(SlicedImage):
    """An array of a foreign Zarr folder, with its number type.

    A chunk that is not stored means the fill value, as the format says; with `strict` it is an error.

    Attributes
    ----------
    array
        In Zarr.
    """

    def __init__(
        self,
        name: str,
        node: zarr.Group | zarr.Array[Any],
        key: str | None,
        notes: tuple[str, ...] = (),
        *,
        strict: bool = False,
    ) -> None:
        multiscale: dict[str, Any] = {}
        if isinstance(node, zarr.Group):
            multiscale = _multiscale(node)
            key = key or _only_array(name, node, multiscale)
            found = node.get(key)
            if not isinstance(found, zarr.Array):
                raise InvalidInput(f"{name} has no array {key!r}. It has: {_arrays(node)}.")
            node = found
        self.array = node
        array = node.with_config({"read_missing_chunks": False}) if strict else node
        letters, lengths, units = _axes(multiscale, key, len(node.shape), node)
        super().__init__(name, array, letters, _voxel_size(letters, lengths, units), notes)
        chunk = int(np.prod([int(length) for length in node.chunks], dtype=object)) * self.dtype.itemsize
        if chunk > _MAX_CHUNK_BYTES:
            raise InvalidInput(f"{name} has chunks of {chunk} bytes; save it with chunks below 2 GiB.")


def _stored(path: Path, array: zarr.Array[Any]) -> Stored | None:
    """Return how an array lies on the disk; None if that is told in a way that is not known here."""
    metadata = array.metadata
    fill_value = 0 if metadata.fill_value is None else metadata.fill_value
    folder, shape, chunk = path / array.path, array.shape, array.chunks
    if metadata.zarr_format == 2:
        return Stored(folder, shape, chunk, "", metadata.dimension_separator, fill_value)
    told = metadata.to_dict()
    naming, chunk_grid, codecs = (_named(told[one]) for one in ("chunk_key_encoding", "chunk_grid", "codecs"))
    if naming[0] not in ("default", "v2") or chunk_grid[0] != "regular":
        return None
    separator = str(naming[1].get("separator", "/" if naming[0] == "default" else "."))
    shards = None
    if array.shards is not None:
        at, index = str(codecs[1].get("index_location", "end")), codecs[1].get("index_codecs", ())
        is_plain = [_named(codec)[0] for codec in index] == ["bytes", "crc32c"]
        shards = Shards(array.shards, at if codecs[0] == "sharding_indexed" and is_plain else "")
    return Stored(folder, shape, chunk, "c" if naming[0] == "default" else "", separator, fill_value, shards)


def _named(told: Any) -> tuple[str, dict[str, Any]]:
    """Return name and configuration of something in the metadata; of several, the first."""
    one = told[0] if isinstance(told, list | tuple) else told
    return str(one["name"]), one.get("configuration", {})


def _multiscale(group: zarr.Group) -> dict[str, Any]:
    attributes = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    found = ome.get("multiscales") if isinstance(ome, dict) else None
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return found[0]
    return {}


def _only_array(name: str, group: zarr.Group, multiscale: dict[str, Any]) -> str:
    datasets = multiscale.get("datasets")
    if isinstance(datasets, list) and datasets and "path" in datasets[0]:
        return str(datasets[0]["path"])  # The first one is the full resolution.
    arrays = [key for key, _ in group.arrays()]
    known = [key for key in ("raw", "label", "labels", "data") if key in arrays]
    if len(arrays) == 1 or len(known) == 1:
        return arrays[0] if len(arrays) == 1 else known[0]
    raise InvalidInput(f"{name} holds several arrays; say which one: {_arrays(group)}.")


def _arrays(group: zarr.Group) -> str:
    listed = sorted(f"{key} {array.shape}" for key, array in group.arrays())
    return ", ".join(listed) if listed else "none at its top level; give the path of one of its images"


def _axes(
    multiscale: dict[str, Any], key: str | None, count: int, array: zarr.Array[Any]
) -> tuple[str, list[float | None], list[str]]:
    """Return a letter, a scale and a unit per axis."""
    entries = multiscale.get("axes")
    if isinstance(entries, list) and len(entries) == count:
        plain = [entry if isinstance(entry, dict) else {"name": entry} for entry in entries]
        letters = "".join(str(entry.get("name", "?"))[:1].upper() for entry in plain)
        units = [str(entry.get("unit", "")) for entry in plain]
        return letters, _scales(multiscale, key, count), units
    names = getattr(array.metadata, "dimension_names", None)
    if names and all(isinstance(name, str) and len(name) == 1 for name in names):
        return "".join(names).upper(), [None] * count, [""] * count
    return "QQQCZYX"[-count:] if count <= 4 else "Q" * (count - 4) + "CZYX", [None] * count, [""] * count


def _scales(multiscale: dict[str, Any], key: str | None, count: int) -> list[float | None]:
    """Return the product of the scales of the data set and of the whole image."""
    steps = list(multiscale.get("coordinateTransformations") or [])
    for dataset in multiscale.get("datasets") or []:
        if str(dataset.get("path")) == key:
            steps += list(dataset.get("coordinateTransformations") or [])
    scales: list[float | None] = [None] * count
    for step in steps:
        if step.get("type") == "scale" and len(step.get("scale", ())) == count:
            scales = [
                (1.0 if old is None else old) * float(new)
                for old, new in zip(scales, step["scale"], strict=True)
            ]
    return scales


def _voxel_size(letters: str, scales: list[float | None], units: list[str]) -> VoxelSize | None:
    lengths, unit = {}, "nm"
    for letter, scale, name in zip(letters, scales, units, strict=True):
        factor = nm_per_unit(name)
        if letter in "ZYX":
            if scale is None or factor is None:
                return None
            lengths[letter] = scale * factor
            unit = plain_unit(name)
    if "Y" not in lengths or "X" not in lengths:
        return None
    size = voxel_size_in("nm", lengths.get("Z", lengths["X"]), lengths["Y"], lengths["X"])
    return None if size is None else VoxelSize(*size.zyx_nm, display_unit=_short(unit))


def _short(unit: str) -> str:
    """Return ImageJ's word for a unit of OME-Zarr."""
    return {"nanometer": "nm", "micrometer": "micron", "millimeter": "mm"}.get(unit, unit)

"""N5 folders, as BigDataViewer and its relatives write them."""

import json
from pathlib import Path
from typing import Any

import tensorstore

from cristae.errors import InvalidInput
from cristae.volumes.gaps import Stored
from cristae.volumes.kinds import N5_MARK
from cristae.volumes.sliced import SlicedImage
from cristae.volumes.spec import VoxelSize
from cristae.volumes.units import voxel_size_in

_MOST_ATTRIBUTES_BYTES = 16 * 1024 * 1024
_DEEPEST = 6
_FINEST = "s0"


def open_n5(path: Path, key: str | None, *, find_gaps: bool = True) -> SlicedImage:
    """Open an array of an N5 folder. A block that is not stored is 0, as the format says.

    Parameters
    ----------
    path
        The container, or a group or an array in it.
    key
        The array below it; by default the only one, or the finest level (``s0``) of the only image.
    find_gaps
        Note which blocks are missing.

    Raises
    ------
    InvalidInput
        There is no such array, or several of which one must be named.
    """
    if ".." in Path(key or "").parts:
        raise InvalidInput(f"The array {key!r} does not lie in {path.name}. Give its path in there.")
    place = path / key.strip("/") if key else path
    array = place if "dimensions" in _attributes(place) else _only_array(path, place)
    name = path.name if array == path else f"{path.name}:{array.relative_to(path).as_posix()}"
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{array}/"}}
    try:
        store = tensorstore.open(spec, read=True).result()
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{name} is not an N5 array that can be read ({str(error)[:200]}).") from error
    attributes = _attributes(array)
    letters = "".join(str(axis)[:1].upper() for axis in attributes.get("axes", ()))
    if len(letters) != store.ndim:
        letters = "XYZCT"[: store.ndim]
    read = _Read(store)
    image = SlicedImage(name, read, letters, _voxel_size(attributes, letters))
    if find_gaps:
        image.note_gaps(Stored(array, read.shape, read.chunks, "", "/", 0))
    return image


def arrays_of_n5(path: Path) -> list[str]:
    """Return the names of the images below a folder: arrays named ``s0`` if there are, else all arrays."""
    if "dimensions" in _attributes(path):
        return []
    return [one.relative_to(path).as_posix() for one in _images_below(path)]


class _Read:
    """Slices of a TensorStore as arrays."""

    def __init__(self, store: Any) -> None:
        self._store, self.shape, self.dtype = store, store.shape, store.dtype.numpy_dtype
        self.chunks: tuple[int, ...] = store.chunk_layout.read_chunk.shape

    def __getitem__(self, index: Any) -> Any:
        return self._store[index].read().result()


def _attributes(place: Path) -> dict[str, Any]:
    file = place / N5_MARK
    try:
        if file.stat().st_size > _MOST_ATTRIBUTES_BYTES:
            return {}
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _only_array(path: Path, place: Path) -> Path:
    """Return the array below a group, or refuse to choose."""
    if not place.is_dir():
        raise InvalidInput(f"{path.name} has nothing named {place.relative_to(path).as_posix()!r}.")
    found = _images_below(place)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(one.relative_to(path).as_posix() for one in found[:20]) or "none"
    raise InvalidInput(
        f"{path.name} holds {len(found)} arrays; add one of them to its name behind a colon: {listed}."
    )


def _images_below(place: Path) -> list[Path]:
    arrays = _arrays_below(place, _DEEPEST)
    return [one for one in arrays if one.name == _FINEST] or arrays


def _arrays_below(place: Path, levels: int) -> list[Path]:
    found: list[Path] = []
    for folder in sorted(one for one in place.iterdir() if one.is_dir()):
        if "dimensions" in _attributes(folder):
            found.append(folder)
        elif levels > 1 and not folder.name.isdecimal():  # blocks of an array lie in folders of numbers
            found += _arrays_below(folder, levels - 1)
    return found


def _voxel_size(attributes: dict[str, Any], letters: str) -> VoxelSize | None:
    """Return what Fiji's N5 plugins (``pixelResolution``) or others (``resolution``, ``units``) say."""
    stated = attributes.get("pixelResolution", {})
    lengths, unit = attributes.get("resolution"), "nm"
    units = attributes.get("units")
    if isinstance(stated, dict) and "dimensions" in stated:
        lengths, unit = stated["dimensions"], str(stated.get("unit", ""))
    elif isinstance(units, list) and units:
        unit = str(units[0])
    in_space = [letter for letter in letters if letter in "XYZ"]
    try:
        # A length for each axis, or for those of space only, in their order.
        named = letters if len(lengths or ()) == len(letters) else in_space
        of = {letter: float(length) for letter, length in zip(named, lengths or (), strict=True)}
        return voxel_size_in(unit, of.get("Z", of["X"]), of["Y"], of["X"])
    except (TypeError, ValueError, KeyError):
        return None

"""Data sets of HDF5 files as images."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cristae.errors import InvalidInput, Unsupported
from cristae.volumes.sliced import SlicedImage
from cristae.volumes.spec import VoxelSize
from cristae.volumes.units import voxel_size_in

_WELL_KNOWN = ("data", "raw", "label", "labels", "exported_data", "volumes/raw", "t00000/s00/0/cells")


class Hdf5Image(SlicedImage):
    """One data set of an HDF5 file, with its number type.

    Parameters
    ----------
    path
        The file.
    key
        The data set; by default the only image in the file, or one with a well-known name (data, raw, label,
        ...).

    Raises
    ------
    InvalidInput
        It is no HDF5 file, damaged, or it must be said which data set is meant.
    Unsupported
        It is packed with something that is not installed here.
    """

    def __init__(self, path: Path, key: str | None) -> None:
        self._file = _opened(path)
        try:
            self._data, chosen = self._find(path.name, key)
            _refuse_unknown_packing(path.name, self._data)
            attributes = self._data.attrs
            letters = _letters(attributes, self._data.ndim)
            super().__init__(path.name, self._data, letters, _voxel_size(attributes), chosen)
        except BaseException:
            self._file.close()
            raise

    @property
    def key(self) -> str:
        """The data set's name in the file."""
        return str(self._data.name).strip("/")

    @property
    def lies_in_several_files(self) -> bool:
        """Whether its voxels lie in other files, which an HDF5 file may name at will."""
        return self._data.external is not None or bool(self._data.is_virtual)

    def close(self) -> None:
        """Close the file; nothing is read from it any more."""
        self._file.close()

    def _find(self, name: str, key: str | None) -> tuple[h5py.Dataset, tuple[str, ...]]:
        """Return the data set, and what is to be told about choosing it."""
        found = _images(self._file)
        listed = ", ".join(f"{place} {data.shape}" for place, data in found.items()) or "none"
        if key is not None:
            if key.strip("/") not in found:
                raise InvalidInput(f"{name} has no image {key!r}. It has: {listed}.")
            return found[key.strip("/")], ()
        known = [place for place in _WELL_KNOWN if place in found]
        if len(found) == 1:
            return next(iter(found.values())), ()
        if len(known) == 1:
            other = next(place for place in found if place != known[0])
            return found[known[0]], (
                f"{name}: took the dataset {known[0]} of {', '.join(found)}; choose another with "
                f"{name}:{other}.",
            )
        if not found:
            raise InvalidInput(f"{name} holds no image.")
        raise InvalidInput(f"{name} holds several images; add one of them to its name: {listed}.")


def images_of_hdf5(path: Path) -> list[str]:
    """Return the names of the images in a file; raise InvalidInput if it cannot be read."""
    with _opened(path) as file:
        return list(_images(file))


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path.name}.") from error
    except OSError as error:
        raise InvalidInput(
            f"{path.name} cannot be read as HDF5 ({str(error)[:200]}). It is something else, damaged, or "
            "was cut off; copy or save it again."
        ) from error


def _images(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}

    def look(place: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "biufc":
            found[place] = node

    file.visititems(look)
    return found


def _refuse_unknown_packing(name: str, data: h5py.Dataset) -> None:
    made = data.id.get_create_plist()
    for number in range(made.get_nfilters()):
        code, _, _, told = made.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            raise Unsupported(
                f"{name} is packed with the HDF5 filter {told.decode(errors='replace') or code}, which is "
                "not installed here. Save it again with gzip or without compression, or install the filter "
                "where HDF5_PLUGIN_PATH says."
            )


def _letters(attributes: Any, count: int) -> str:
    """Return a letter per axis: what ilastik states (``axistags``), else (c, z, y, x) from the end."""
    try:
        tags = [str(axis["key"]).upper() for axis in json.loads(attributes["axistags"])["axes"]]
        if len(tags) == count:
            return "".join(tags)
    except (KeyError, TypeError, ValueError):
        pass
    return "CZYX"[-count:] if count <= 4 else "Q" * (count - 4) + "CZYX"


def _voxel_size(attributes: Any) -> VoxelSize | None:
    lengths = np.asarray(attributes.get("element_size_um", ())).ravel()
    if lengths.size != 3 or lengths.dtype.kind not in "iuf":
        return None
    unit = attributes.get("display_unit", "micron")
    size = voxel_size_in("micron", *(float(length) for length in lengths))
    return None if size is None else VoxelSize(*size.zyx_nm, display_unit=str(unit)[:32])
